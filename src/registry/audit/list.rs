//! Reading the audit log: pages of records, newest first.

use crate::audit::{Action, Filter, Mark, Record};
use crate::domain::{Caller, Permission, Revision, Timestamp};
use crate::registry::token::{Binding, PlaceToken};
use crate::registry::{Error, Registry};

/// Asks for a page of the audit log.
#[derive(Debug, Clone)]
pub struct ListAudit {
    /// Which records.
    pub filter: Filter,
    /// Records on the page at most.
    pub page_size: usize,
    /// Where the page begins; empty: at the newest.
    pub page_token: String,
}

/// Answers [`ListAudit`].
#[derive(Debug)]
pub struct AuditPage {
    /// The records, newest first.
    pub records: Vec<Record>,
    /// Asks for the next page; empty: there is nothing older.
    pub next_page_token: String,
}

impl Registry {
    /// What was recorded, newest first. A page may be short, or empty, and have a next one: how far each looks is bounded.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub async fn list_audit(&self, caller: &Caller, list: ListAudit) -> Result<AuditPage, Error> {
        // Records of one namespace are its administrators' to read; all of them are for those of everything.
        match list.filter.namespace.as_ref().and_then(|text| text.parse().ok()) {
            Some(namespace) => caller.require(Permission::Administer, &namespace)?,
            None => caller.require_everywhere(Permission::Administer)?,
        }
        let (store_id, binding) = (self.store_id(), binding(&list.filter));
        let token = PlaceToken::parse(&list.page_token, store_id, binding)?;
        let from =
            token.map(|token| mark(&token.place).ok_or(Error::PageTokenInvalid("is damaged"))).transpose()?;
        let reader = self.shared.audit.clone();
        let read = move || reader.read(&list.filter, from, list.page_size);
        let read = tokio::task::spawn_blocking(read).await;
        let page = read.map_err(|error| Error::Internal(format!("a read failed: {error}")))?;
        let page = page.map_err(|error| {
            tracing::error!(%error, "the audit log cannot be read");
            Error::Internal("the audit log cannot be read; the log says why".to_owned())
        })?;
        let next = page.next.map(|Mark { file, offset }| {
            let place = format!("{file}:{offset}");
            PlaceToken { revision: Revision(0), place }.print(store_id, binding)
        });
        Ok(AuditPage { records: page.records, next_page_token: next.unwrap_or_default() })
    }
}

fn mark(place: &str) -> Option<Mark> {
    let (file, offset) = place.split_once(':')?;
    Some(Mark { file: file.parse().ok()?, offset: offset.parse().ok()? })
}

/// All fields of the request but page_size and the token itself.
fn binding(filter: &Filter) -> Binding {
    let Filter { principal, namespace, name, action, start, end } = filter;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let moment = |time: Option<Timestamp>| time.map(|time| time.0.to_string()).unwrap_or_default();
    Binding::of(&[
        b"audit",
        text(principal).as_bytes(),
        text(namespace).as_bytes(),
        text(name).as_bytes(),
        action.map_or("", Action::as_str).as_bytes(),
        moment(*start).as_bytes(),
        moment(*end).as_bytes(),
    ])
}
