//! Arbitrary commits, for the properties of the codec.

use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use crate::domain::{
    AliasMove, BodyMark, Brought, Change, Commit, Derived, Dialect, Digest, Field, Interaction, Name,
    Namespace, Origin, Persona, Principal, Purge, RequestKey, RequestRecord, Revision, Section, Sequence,
    SourceBase, SourceId, Timestamp, Tombstone, Version, Waiver, WriteOutcome,
};

fn name() -> impl Strategy<Value = Name> {
    "[a-z0-9]{1,8}([._-][a-z0-9]{1,8}){0,3}".prop_map(|text| text.parse().unwrap())
}

fn namespace() -> impl Strategy<Value = Namespace> {
    name().prop_map(|name| name.as_str().parse().unwrap())
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

fn field() -> impl Strategy<Value = Field> {
    let leaf = prop_oneof![
        Just(Field::Null),
        any::<bool>().prop_map(Field::Bool),
        any::<i64>().prop_map(Field::Int),
        any::<u64>().prop_map(Field::UInt),
        any::<f64>().prop_filter("NaN is unequal to itself", |f| !f.is_nan()).prop_map(Field::Float),
        text().prop_map(Field::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Field::List),
            vec((text(), inner), 0..4).prop_map(Field::Map),
        ]
    })
}

fn section() -> impl Strategy<Value = Section> {
    (text(), any::<u8>(), text(), any::<u32>(), any::<u32>())
        .prop_map(|(title, level, path, start, end)| Section { title, level, path, start, end })
}

fn origin() -> impl Strategy<Value = Origin> {
    prop_oneof![
        Just(Origin::Api),
        (text(), text()).prop_map(|(source, path)| Origin::File { source: SourceId::new(&source), path }),
    ]
}

fn derived() -> impl Strategy<Value = Derived> {
    let words = (text(), text(), option::of(text()), prop::sample::select(Dialect::ALL), option::of(text()));
    let lists = (
        btree_map(text(), text(), 0..3),
        vec(text(), 0..3),
        vec((text(), field()), 0..4),
        vec(section(), 0..4),
        option::of((text(), text()).prop_map(|(input, output)| Interaction { input, output })),
    );
    (words, lists, any::<u32>(), any::<u32>(), option::of(any::<u64>())).prop_map(
        |(words, lists, body_offset, token_estimate, mark)| {
            let (display_name, description, tag, dialect, model) = words;
            let (labels, tools, front_matter, outline, interaction) = lists;
            Derived {
                display_name,
                description,
                tag,
                dialect,
                labels,
                model,
                tools,
                front_matter,
                outline,
                interaction,
                body_offset,
                token_estimate,
                body_mark: mark.map(BodyMark),
            }
        },
    )
}

fn persona() -> impl Strategy<Value = Persona> {
    let numbers = (any::<u64>(), any::<u64>(), any::<i64>());
    let waiver = (text(), text()).prop_map(|(rule, reason)| Waiver { rule, reason });
    let rest = (text(), text(), origin(), vec(any::<u8>(), 0..64), vec(waiver, 0..3));
    (namespace(), name(), numbers, digest(), rest, derived()).prop_map(
        |(
            namespace,
            name,
            (version, revision, time),
            digest,
            (actor, message, origin, content, waivers),
            derived,
        )| {
            Persona {
                namespace,
                name,
                version: Version(version),
                revision: Revision(revision),
                digest,
                create_time: Timestamp(time),
                actor: Principal::new(&actor),
                message,
                origin,
                derived,
                size: content.len() as u32,
                content: Bytes::from(content),
                purged: false,
                waivers,
            }
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<bool>(), persona())
            .prop_map(|(created, persona)| Change::Put { created, persona: Arc::new(persona) }),
        (namespace(), name(), any::<u64>(), any::<u64>()).prop_map(|(namespace, name, last, revision)| {
            Change::Delete(Tombstone {
                namespace,
                name,
                last_version: Version(last),
                revision: Revision(revision),
                time: Timestamp(7),
                actor: Principal::new("someone"),
                message: "because".to_owned(),
                aliases: if last % 2 == 0 { Vec::new() } else { vec!["canary".parse().unwrap()] },
            })
        }),
        (namespace(), name(), name(), option::of(1..u64::MAX), any::<u64>()).prop_map(
            |(namespace, name, alias, version, revision)| Change::Alias(AliasMove {
                namespace,
                name,
                alias: alias.as_str().parse().unwrap(),
                version: version.map(Version),
                revision: Revision(revision),
                time: Timestamp(8),
                actor: Principal::new("someone"),
                message: "moved".to_owned(),
            })
        ),
        (namespace(), name(), any::<u64>(), any::<u64>()).prop_map(|(namespace, name, version, made)| {
            Change::Purge(Purge {
                namespace,
                name,
                version: Version(version),
                made: Revision(made),
                revision: Revision(9),
                time: Timestamp(9),
                actor: Principal::new("someone"),
                message: "leaked".to_owned(),
            })
        }),
    ]
}

fn request() -> impl Strategy<Value = RequestRecord> {
    let outcome = (namespace(), name(), any::<u64>(), any::<u64>(), option::of(digest()), any::<bool>())
        .prop_map(|(namespace, name, version, revision, digest, unchanged)| WriteOutcome {
            namespace,
            name,
            version: Version(version),
            revision: Revision(revision),
            digest,
            unchanged,
            created: !unchanged,
            previous: Version(version / 2),
        });
    (any::<[u8; 32]>(), digest(), any::<i64>(), vec(outcome, 1..4)).prop_map(
        |(key, payload, time, outcomes)| RequestRecord {
            key: RequestKey(key),
            payload,
            time: Timestamp(time),
            outcomes,
        },
    )
}

fn base() -> impl Strategy<Value = SourceBase> {
    let brought = (digest(), "[a-z]{1,9}", any::<bool>());
    let brought = brought.prop_map(|(digest, path, created)| Brought { digest, path, created });
    (text(), namespace(), name(), option::of(brought)).prop_map(|(source, namespace, name, brought)| {
        SourceBase { source: SourceId::new(&source), namespace, name, brought }
    })
}

/// Any commit that the types allow.
pub(super) fn commit() -> impl Strategy<Value = Commit> {
    let numbers = (any::<u64>(), any::<u64>(), any::<i64>());
    (numbers, text(), text(), vec(change(), 0..4), vec(request(), 0..3), vec(base(), 0..3)).prop_map(
        |((sequence, revision, time), principal, call_id, changes, requests, bases)| Commit {
            floor: Some(Revision(revision / 2)).filter(|floor| floor.0 > 0 && sequence % 3 == 0),
            sequence: Sequence(sequence),
            revision: Revision(revision),
            time: Timestamp(time),
            principal: Principal::new(&principal),
            call_id: call_id.into(),
            changes,
            requests,
            bases,
        },
    )
}

/// A persona with as little in it as can be.
pub(super) fn plain_persona() -> Persona {
    Persona {
        namespace: Namespace::default(),
        name: "a".parse().unwrap(),
        version: Version(1),
        revision: Revision(1),
        size: 4,
        digest: Digest::of(b"# A\n"),
        create_time: Timestamp(0),
        actor: Principal::anonymous(),
        message: String::new(),
        origin: Origin::Api,
        derived: Derived {
            display_name: "A".to_owned(),
            description: String::new(),
            tag: None,
            dialect: Dialect::Markdown,
            labels: std::collections::BTreeMap::new(),
            model: None,
            tools: Vec::new(),
            front_matter: Vec::new(),
            outline: Vec::new(),
            interaction: None,
            body_offset: 0,
            token_estimate: 1,
            body_mark: None,
        },
        content: Bytes::from_static(b"# A\n"),
        purged: false,
        waivers: Vec::new(),
    }
}
