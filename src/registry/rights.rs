//! A call that its caller has no right to is refused before the view is looked at: what is there cannot show in how it is told,
//! nor in how long that takes.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::read::Selector;
use super::{
    AliasTarget, Delete, Error, Get, History, ListAliases, Options, Put, Registry, SetAlias, Validate,
};
use crate::domain::{Access, Caller, Name, Namespace, View};

/// How many entries of the view a refused call reads.
async fn read_by<T>(registry: &Registry, call: impl Future<Output = Result<T, Error>>) -> u64 {
    let read = || registry.shared.view().store.entries_read();
    let before = read();
    assert!(matches!(call.await, Err(Error::PermissionDenied(_))));
    read() - before
}

#[tokio::test]
async fn a_call_without_the_right_to_it_reads_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // The committer looks at the view by itself from time to time.
    let options = Options {
        min_free_bytes: 1,
        tick: Duration::from_secs(3600),
        ..Options::new(dir.path().join("data"))
    };
    let (registry, _) = Registry::open(options).unwrap();
    let document = |name: &str| Validate {
        content: format!("---\nname: {name}\ndescription: Use in tests.\n---\n# A\n\nText.\n").into(),
        ..Validate::default()
    };
    let owner = Caller::internal("owner", "1");
    registry.put(&owner, Put { document: document("there"), ..Put::default() }).await.unwrap();
    let get = |namespace: &str, name: &str| Get {
        namespace: namespace.parse().unwrap(),
        name: name.parse().unwrap(),
        selector: Selector::Newest,
        view: View::Full,
        if_none_match: None,
        freshness: Default::default(),
    };
    // The committer looks once when it starts, however late that is.
    let entries_read = || registry.shared.view().store.entries_read();
    loop {
        let before = entries_read();
        tokio::time::sleep(Duration::from_millis(100)).await;
        if entries_read() == before {
            break;
        }
    }
    // Counting counts.
    let before = entries_read();
    registry.get(&owner, get("default", "there")).await.unwrap();
    assert!(entries_read() > before);
    let stranger = Caller { access: Access::Granted(Arc::default()), ..Caller::internal("stranger", "2") };
    let stranger = &stranger;
    for (namespace, name) in [("default", "there"), ("default", "absent"), ("nowhere", "there")] {
        let (namespace, name): (Namespace, Name) = (namespace.parse().unwrap(), name.parse().unwrap());
        let read = read_by(&registry, registry.get(stranger, get(namespace.as_str(), name.as_str()))).await;
        assert_eq!(read, 0, "a read of {namespace}/{name}");
        let history = History {
            namespace: namespace.clone(),
            name: name.clone(),
            page_size: 10,
            page_token: String::new(),
            freshness: Default::default(),
        };
        assert_eq!(read_by(&registry, registry.history(stranger, history)).await, 0);
        let aliases = ListAliases {
            namespace: Some(namespace.clone()),
            name: Some(name.clone()),
            page_size: 10,
            page_token: String::new(),
            freshness: Default::default(),
        };
        assert_eq!(read_by(&registry, registry.list_aliases(stranger, aliases)).await, 0);
        let document = document(name.as_str());
        let put = Put { namespace: namespace.clone(), document, ..Put::default() };
        assert_eq!(read_by(&registry, registry.put(stranger, put)).await, 0);
        let delete = Delete {
            namespace: namespace.clone(),
            name: name.clone(),
            etag: None,
            message: String::new(),
            request_id: None,
            validate_only: false,
        };
        assert_eq!(read_by(&registry, registry.delete(stranger, delete)).await, 0);
        let alias = "stable".parse().unwrap();
        let set = SetAlias {
            target: AliasTarget { namespace, name, alias, expected: None },
            version: crate::domain::Version(1),
            message: String::new(),
            request_id: None,
            validate_only: false,
        };
        assert_eq!(read_by(&registry, registry.set_alias(stranger, set)).await, 0);
    }
}
