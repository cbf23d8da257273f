//! The model's reads: each as of a revision, from the log alone.

use pb::get_persona_request::Selector;
use std::collections::BTreeMap;

use persona_registry::wire::pb::{self, ErrorReason};
use tonic::Code;

use crate::model::{
    Call, Event, Life, Model, Page, Refusal, Reply, argument, namespace_of, no_alias, refuse, unpaged,
};
use crate::model_papers::{sections, takes};
use crate::recorder::Key;

/// Stands for a token in an answer of the model: a real one is opaque.
pub const TOKEN: &str = "token";

/// What may have been done until an answer was made.
pub struct Meanwhile<'a> {
    /// Everything that others did, where there are any: one that was told of as pruned, another that was asked at the same
    /// time may still see.
    pub lives: Option<&'a BTreeMap<Key, Life>>,
    pub floor: i64,
    pub head: i64,
}

/// A page of a listing, and what its tokens lead to.
struct Paged<T> {
    items: Vec<T>,
    next: String,
}

/// Cuts a page out of all entries behind the last one.
fn page<T>(all: impl Iterator<Item = T>, size: i32) -> Paged<T> {
    let size = if size == 0 { 50 } else { size as usize };
    let mut items: Vec<_> = all.take(size + 1).collect();
    let next = if items.len() > size { TOKEN.to_owned() } else { String::new() };
    items.truncate(size);
    Paged { items, next }
}

/// What a listing asks, whatever the words: what is left out and what stands for that are one question, and have one token.
fn question(call: &Call) -> Call {
    let mut call = unpaged(call);
    let (namespace, options) = match &mut call {
        Call::List(it) => {
            let full = is_full(it.view, pb::PersonaView::Basic);
            it.set_view(if full { pb::PersonaView::Full } else { pb::PersonaView::Basic });
            (&mut it.namespace, &mut it.read_options)
        }
        Call::Versions(it) => (&mut it.namespace, &mut it.read_options),
        Call::Aliases(it) => (&mut it.namespace, &mut it.read_options),
        _ => return call,
    };
    *namespace = namespace_of(namespace);
    *options = options.take().filter(|options| *options != pb::ReadOptions::default());
    call
}

fn is_full(view: i32, default: pb::PersonaView) -> bool {
    let view = pb::PersonaView::try_from(view).unwrap();
    let view = if view == pb::PersonaView::Unspecified { default } else { view };
    view == pb::PersonaView::Full
}

impl Model {
    pub fn read(&self, call: &Call) -> Result<Reply, Refusal> {
        match call {
            Call::Get(it) => self.get(it),
            Call::BatchGet(it) => self.batch_get(it),
            Call::List(it) => self.list(it),
            Call::Versions(it) => self.versions(it),
            Call::Aliases(it) => self.aliases(it),
            Call::Namespaces(it) => self.namespaces(it),
            _ => unreachable!("a write"),
        }
    }

    /// A version as an answer has it.
    pub fn shown(&self, life: &Life, number: i64, full: bool) -> pb::Persona {
        let version = life.version(number).unwrap();
        let mut persona = version.persona.clone();
        if version.purged.is_some() {
            persona = pb::Persona {
                namespace: persona.namespace,
                name: persona.name,
                version: persona.version,
                revision: persona.revision,
                etag: persona.etag,
                digest: persona.digest,
                dialect: persona.dialect,
                fields: Some(prost_types::Struct::default()),
                create_time: persona.create_time,
                actor: persona.actor,
                message: persona.message,
                origin: persona.origin,
                size_bytes: persona.size_bytes,
                purged: true,
                ..pb::Persona::default()
            };
        }
        if !full {
            (persona.front_matter, persona.body) = Default::default();
        }
        persona
    }

    /// Everything that a listing or a stream of this selection shows at a revision.
    pub fn selected(&self, namespace: &str, filter: &str, alias: &str, at: i64) -> Vec<(&Key, &Life, i64)> {
        let namespace = namespace_of(namespace);
        let lives = self.lives.iter().filter(|(key, _)| namespace == "-" || key.0 == namespace);
        let shown = lives.filter_map(|(key, life)| Some((key, life, life.shown(alias, at)?)));
        shown.filter(|(_, life, version)| takes(filter, &self.shown(life, *version, false))).collect()
    }

    /// The revision that an answer shows.
    fn freshness(&self, options: Option<&pb::ReadOptions>, token: Option<i64>) -> Result<i64, Refusal> {
        let pb::ReadOptions { store_id, min_revision, at_revision } = options.cloned().unwrap_or_default();
        if !store_id.is_empty() && store_id != self.store_id {
            let metadata = [("store_id", &*self.store_id)];
            return Err(refuse(Code::FailedPrecondition, ErrorReason::StoreMismatch, &metadata));
        }
        if min_revision.max(at_revision) > self.head {
            return Err(self.in_future());
        }
        let asked = Some(at_revision).filter(|at| *at > 0);
        for at in [asked, token].into_iter().flatten() {
            if at < self.floor {
                let floor = self.floor.to_string();
                return Err(refuse(Code::OutOfRange, ErrorReason::RevisionCompacted, &[("floor", &floor)]));
            }
        }
        Ok(token.or(asked).unwrap_or(self.head))
    }

    /// Where a token leads, if it is one of this listing.
    fn place(&self, token: &str, call: &Call) -> Result<Option<&Page>, Refusal> {
        if token.is_empty() {
            return Ok(None);
        }
        let found = self.pages.get(token).filter(|page| page.of == question(call));
        found.map(Some).ok_or_else(|| refuse(Code::InvalidArgument, ErrorReason::PageTokenInvalid, &[]))
    }

    fn get(&self, it: &pb::GetPersonaRequest) -> Result<Reply, Refusal> {
        check_options(it.read_options.as_ref())?;
        let at = self.freshness(it.read_options.as_ref(), None)?;
        let is_old = it.read_options.as_ref().is_some_and(|options| options.at_revision > 0);
        let key = (namespace_of(&it.namespace), it.name.clone());
        let Some(life) = self.lives.get(&key) else { return Err(self.absent(&key, "")) };
        let number = match &it.selector {
            Some(Selector::Version(number)) => {
                self.kept_or_later(&key, *number, at)?;
                *number
            }
            selector => {
                let alias = match selector {
                    Some(Selector::Alias(alias)) => alias.as_str(),
                    _ => "",
                };
                match (life.shown(alias, at), life.live(at)) {
                    (Some(number), _) => number,
                    (None, Some(_)) => return Err(no_alias(&key, alias)),
                    (None, None) => {
                        // Of one that was deleted by then; its versions may be fewer than there are now.
                        let last = life.log.iter().rev().find(|entry| entry.revision <= at || !is_old);
                        let last = last.map(|entry| entry.version.to_string()).unwrap_or_default();
                        return Err(self.absent(&key, &last));
                    }
                }
            }
        };
        self.kept(&key, number)?;
        let mut persona = self.shown(life, number, is_full(it.view, pb::PersonaView::Full));
        if persona.etag == it.if_none_match {
            let header = self.header(at);
            return Ok(Reply::Get(Box::new(pb::GetPersonaResponse {
                header,
                persona: None,
                not_modified: true,
            })));
        }
        cut(&mut persona, &it.sections)?;
        let header = self.header(at);
        Ok(Reply::Get(Box::new(pb::GetPersonaResponse {
            header,
            persona: Some(persona),
            not_modified: false,
        })))
    }

    fn kept_or_later(&self, key: &Key, number: i64, at: i64) -> Result<(), Refusal> {
        let version = self.lives[key].version(number);
        if version.is_some_and(|it| !it.pruned && it.persona.revision > at) {
            return Err(self.unreadable(key, number, "later"));
        }
        Ok(())
    }

    fn batch_get(&self, it: &pb::BatchGetPersonasRequest) -> Result<Reply, Refusal> {
        check_options(it.read_options.as_ref())?;
        let at = self.freshness(it.read_options.as_ref(), None)?;
        let namespace = namespace_of(&it.namespace);
        let (mut found, mut missing, mut unnamed) = (Vec::new(), Vec::new(), Vec::new());
        for name in &it.names {
            let key = (namespace.clone(), name.clone());
            let life = self.lives.get(&key);
            match life.and_then(|life| Some((life, life.shown(&it.alias, at)?))) {
                Some((life, number)) => found.push((key, life, number)),
                None if life.is_some_and(|life| life.live(at).is_some()) => unnamed.push(name.as_str()),
                None => missing.push(name.as_str()),
            }
        }
        // One that cannot be read is told at once, as it is come to; what is missing only when all were looked for.
        for (key, _, number) in &found {
            self.kept(key, *number)?;
        }
        let count = |names: &[&str]| names.len().to_string();
        if !missing.is_empty() {
            let metadata =
                [("namespace", &*namespace), ("missing", &*count(&missing)), ("names", &*missing.join(","))];
            return Err(refuse(Code::NotFound, ErrorReason::PersonaNotFound, &metadata));
        }
        if !unnamed.is_empty() {
            let metadata = [
                ("namespace", &*namespace),
                ("alias", &*it.alias),
                ("missing", &*count(&unnamed)),
                ("names", &*unnamed.join(",")),
            ];
            return Err(refuse(Code::NotFound, ErrorReason::AliasNotFound, &metadata));
        }
        let mut personas = Vec::new();
        for (_, life, number) in found {
            let mut persona = self.shown(life, number, is_full(it.view, pb::PersonaView::Full));
            cut(&mut persona, &it.sections)?;
            personas.push(persona);
        }
        Ok(Reply::BatchGet(pb::BatchGetPersonasResponse { header: self.header(at), personas }))
    }

    fn list(&self, it: &pb::ListPersonasRequest) -> Result<Reply, Refusal> {
        check_options(it.read_options.as_ref())?;
        let place = self.place(&it.page_token, &Call::List(it.clone()))?;
        let at = self.freshness(it.read_options.as_ref(), place.map(|place| place.revision))?;
        let full = is_full(it.view, pb::PersonaView::Basic);
        let all = self.selected(&it.namespace, &it.filter, &it.alias, at).into_iter();
        let is_behind =
            |key: &Key| place.is_none_or(|place| vec![key.0.clone(), key.1.clone()] > place.after);
        let page = page(all.filter(|(key, ..)| is_behind(key)), it.page_size);
        Ok(Reply::List(pb::ListPersonasResponse {
            header: self.header(at),
            personas: page
                .items
                .into_iter()
                .map(|(_, life, number)| self.shown(life, number, full))
                .collect(),
            resume_token: if page.next.is_empty() { TOKEN.to_owned() } else { String::new() },
            next_page_token: page.next,
        }))
    }

    fn versions(&self, it: &pb::ListPersonaVersionsRequest) -> Result<Reply, Refusal> {
        check_options(it.read_options.as_ref())?;
        let place = self.place(&it.page_token, &Call::Versions(it.clone()))?;
        let at = self.freshness(it.read_options.as_ref(), place.map(|place| place.revision))?;
        let key = (namespace_of(&it.namespace), it.name.clone());
        let Some(life) = self.lives.get(&key) else { return Err(self.absent(&key, "")) };
        if life.log.iter().all(|entry| entry.revision > at) {
            return Err(self.absent(&key, ""));
        }
        let aliases = life.aliases(at);
        let before = place.map_or(i64::MAX, |place| place.after[0].parse().unwrap());
        let entries =
            life.log.iter().rev().filter(|entry| {
                entry.revision <= at && entry.revision < before && self.is_there(life, entry)
            });
        let page = page(entries, it.page_size);
        let entries = page.items.into_iter().map(|entry| {
            let common = pb::PersonaVersion {
                version: entry.version,
                revision: entry.revision,
                create_time: Some(self.time),
                actor: "anonymous".to_owned(),
                message: entry.message.clone(),
                ..Default::default()
            };
            if entry.event == Event::Delete {
                return pb::PersonaVersion { r#type: pb::persona_version::Type::Deletion.into(), ..common };
            }
            let version = life.version(entry.version).unwrap();
            let naming = aliases.iter().filter(|(_, moved)| moved.version == Some(entry.version));
            pb::PersonaVersion {
                r#type: match version.purged.is_some() {
                    true => pb::persona_version::Type::Purged.into(),
                    false => pb::persona_version::Type::Version.into(),
                },
                digest: version.persona.digest.clone(),
                etag: version.persona.etag.clone(),
                size_bytes: version.persona.size_bytes,
                aliases: naming.map(|(alias, _)| (*alias).to_owned()).collect(),
                origin: version.persona.origin.clone(),
                ..common
            }
        });
        let versions = entries.collect();
        Ok(Reply::Versions(pb::ListPersonaVersionsResponse {
            header: self.header(at),
            versions,
            next_page_token: page.next,
        }))
    }

    /// Whether an entry of a history is listed: a version until it is pruned, a deletion until the version before it is.
    fn is_there(&self, life: &Life, entry: &crate::model::Entry) -> bool {
        match entry.event {
            Event::Put => life.version(entry.version).is_some_and(|version| !version.pruned),
            Event::Delete => !life.gone.contains(&entry.revision),
        }
    }

    fn aliases(&self, it: &pb::ListPersonaAliasesRequest) -> Result<Reply, Refusal> {
        if it.namespace == "-" && !it.name.is_empty() {
            return Err(argument("name"));
        }
        check_options(it.read_options.as_ref())?;
        let place = self.place(&it.page_token, &Call::Aliases(it.clone()))?;
        let at = self.freshness(it.read_options.as_ref(), place.map(|place| place.revision))?;
        let namespace = namespace_of(&it.namespace);
        if !it.name.is_empty() {
            let key = (namespace.clone(), it.name.clone());
            let life = self.lives.get(&key);
            if life.and_then(|life| life.live(at)).is_none() {
                let is_old = it.read_options.as_ref().is_some_and(|options| options.at_revision > 0);
                let last =
                    life.and_then(|life| life.log.iter().rev().find(|entry| entry.revision <= at || !is_old));
                let last = last.map(|entry| entry.version.to_string()).unwrap_or_default();
                return Err(self.absent(&key, &last));
            }
        }
        let lives = self.lives.iter().filter(|(key, _)| {
            (namespace == "-" || key.0 == namespace) && (it.name.is_empty() || key.1 == it.name)
        });
        let all = lives.flat_map(|(key, life)| life.aliases(at).into_values().map(move |moved| (key, moved)));
        let behind = all.filter(|(key, moved)| {
            let here = vec![key.0.clone(), key.1.clone(), moved.alias.clone()];
            place.is_none_or(|place| here > place.after)
        });
        let page = page(behind, it.page_size);
        let aliases = page.items.into_iter().map(|(key, moved)| pb::PersonaAlias {
            namespace: key.0.clone(),
            name: key.1.clone(),
            alias: moved.alias.clone(),
            version: moved.version.unwrap(),
            revision: moved.revision,
            update_time: Some(self.time),
            actor: "anonymous".to_owned(),
            message: moved.message.clone(),
        });
        let aliases = aliases.collect();
        Ok(Reply::Aliases(pb::ListPersonaAliasesResponse {
            header: self.header(at),
            aliases,
            next_page_token: page.next,
        }))
    }

    fn namespaces(&self, it: &pb::ListNamespacesRequest) -> Result<Reply, Refusal> {
        let place = self.place(&it.page_token, &Call::Namespaces(it.clone()))?;
        let mut counts = BTreeMap::<&str, i64>::new();
        for (key, _) in self.lives.iter().filter(|(_, life)| life.live(self.head).is_some()) {
            *counts.entry(&key.0).or_default() += 1;
        }
        let behind = counts
            .into_iter()
            .filter(|(namespace, _)| place.is_none_or(|place| *namespace > &*place.after[0]));
        let page = page(behind, it.page_size);
        let namespaces = page.items.into_iter().map(|(namespace, personas)| {
            pb::list_namespaces_response::Namespace { namespace: namespace.to_owned(), personas }
        });
        let namespaces = namespaces.collect();
        Ok(Reply::Namespaces(pb::ListNamespacesResponse {
            header: self.header(self.head),
            namespaces,
            next_page_token: page.next,
        }))
    }

    /// Takes note of what an answer says of pruning, as far as the contract lets it go by a floor and by what was done
    /// meanwhile: when it goes is not promised.
    pub fn observe(&mut self, call: &Call, reply: &Reply, meanwhile: &Meanwhile<'_>) {
        let mut pruned: Vec<(Key, i64)> = Vec::new();
        let mut there: Vec<(Key, i64)> = Vec::new();
        match (call, reply) {
            (_, Reply::Refused(refusal))
                if refusal.metadata.get("cause").is_some_and(|cause| cause == "pruned") =>
            {
                let value = |key: &str| refusal.metadata[key].clone();
                let key = (value("namespace"), value("name"));
                let version: i64 = value("version").parse().unwrap();
                let life = self.lives.get(&key);
                let entry = life.and_then(|life| {
                    life.log.iter().find(|entry| entry.event == Event::Put && entry.version == version)
                });
                pruned.extend(entry.map(|entry| (key, entry.revision)));
            }
            (Call::Versions(asked), Reply::Versions(page)) => {
                let key = (namespace_of(&asked.namespace), asked.name.clone());
                let listed: Vec<_> = page.versions.iter().map(|version| version.revision).collect();
                let place = self.pages.get(&asked.page_token);
                let before = place.map_or(i64::MAX, |place| place.after[0].parse().unwrap());
                let at = page.header.as_ref().unwrap().revision;
                let last =
                    if page.next_page_token.is_empty() { 0 } else { listed.last().copied().unwrap_or(0) };
                for entry in self.lives.get(&key).iter().flat_map(|life| &life.log) {
                    let is_asked = entry.revision <= at && entry.revision < before && entry.revision >= last;
                    match listed.contains(&entry.revision) {
                        true => there.push((key.clone(), entry.revision)),
                        false if is_asked => pruned.push((key.clone(), entry.revision)),
                        false => {}
                    }
                }
            }
            (_, Reply::Refused(_)) => {}
            _ => there.extend(self.needs(call)),
        }
        for (key, revision) in pruned {
            let life = self.lives.get_mut(&key).unwrap();
            let entry = life.log.iter().find(|entry| entry.revision == revision).unwrap().clone();
            let end = meanwhile.lives.map_or(&*life, |lives| &lives[&key]);
            if end.may_go(&entry, meanwhile.floor, meanwhile.head) {
                life.mark(&entry, true);
            }
        }
        for (key, revision) in there.into_iter().filter(|_| meanwhile.lives.is_some()) {
            let life = self.lives.get_mut(&key).unwrap();
            let entry = life.log.iter().find(|entry| entry.revision == revision).unwrap().clone();
            life.mark(&entry, false);
        }
    }

    /// Takes versions as purged that a history tells of as such, and that were while the answer was made: bytes that are
    /// gone are gone as of every revision. Tells which, so that they can be taken back.
    pub fn purge_early(&mut self, call: &Call, reply: &Reply, meanwhile: &Meanwhile<'_>) -> Vec<(Key, i64)> {
        let (Call::Versions(asked), Reply::Versions(page), Some(lives)) = (call, reply, meanwhile.lives)
        else {
            return Vec::new();
        };
        let key = (namespace_of(&asked.namespace), asked.name.clone());
        let Some(life) = self.lives.get_mut(&key) else { return Vec::new() };
        let mut early = Vec::new();
        for told in page.versions.iter().filter(|told| told.r#type() == pb::persona_version::Type::Purged) {
            let end = lives[&key].version(told.version).and_then(|version| version.purged);
            let version = &mut life.versions[told.version as usize - 1];
            if version.purged.is_none() && end.is_some_and(|at| at <= meanwhile.head) {
                version.purged = end;
                early.push((key.clone(), told.version));
            }
        }
        early
    }

    /// The versions without which a call cannot do what it does.
    fn needs(&self, call: &Call) -> Vec<(Key, i64)> {
        use pb::batch_write_personas_request::operation::Kind;
        let named = match call {
            Call::Get(it) => match it.selector {
                Some(Selector::Version(version)) => vec![(&it.namespace, &it.name, version)],
                _ => Vec::new(),
            },
            Call::SetAlias(it) => vec![(&it.namespace, &it.name, it.version)],
            Call::Purge(it) => vec![(&it.namespace, &it.name, it.version)],
            Call::Batch(it) => {
                let kinds = it.operations.iter().map(|operation| operation.kind.as_ref().unwrap());
                let named = kinds.filter_map(|kind| match kind {
                    Kind::SetAlias(set) => Some((&it.namespace, &set.name, set.version)),
                    _ => None,
                });
                named.collect()
            }
            _ => Vec::new(),
        };
        let entries = named.into_iter().filter_map(|(namespace, name, version)| {
            let key = (namespace_of(namespace), name.clone());
            let made = self.lives.get(&key)?.version(version)?.persona.revision;
            Some((key, made))
        });
        entries.collect()
    }

    /// Takes note of where the token of a page leads.
    pub fn learn(&mut self, call: &Call, reply: &Reply) {
        let (token, revision, after) = match reply {
            Reply::List(it) => {
                let last = it.personas.last().map(|last| vec![last.namespace.clone(), last.name.clone()]);
                (&it.next_page_token, &it.header, last)
            }
            Reply::Versions(it) => {
                let last = it.versions.last().map(|last| vec![last.revision.to_string()]);
                (&it.next_page_token, &it.header, last)
            }
            Reply::Aliases(it) => {
                let last = it.aliases.last();
                let last =
                    last.map(|last| vec![last.namespace.clone(), last.name.clone(), last.alias.clone()]);
                (&it.next_page_token, &it.header, last)
            }
            Reply::Namespaces(it) => {
                let last = it.namespaces.last().map(|last| vec![last.namespace.clone()]);
                (&it.next_page_token, &it.header, last)
            }
            _ => return,
        };
        if let (false, Some(after)) = (token.is_empty(), after) {
            let revision = revision.as_ref().unwrap().revision;
            self.pages.insert(token.clone(), Page { of: question(call), revision, after });
        }
    }
}

fn check_options(options: Option<&pb::ReadOptions>) -> Result<(), Refusal> {
    let is_bare =
        |it: &pb::ReadOptions| it.store_id.is_empty() && (it.min_revision != 0 || it.at_revision != 0);
    if options.is_some_and(is_bare) { Err(argument("read_options.store_id")) } else { Ok(()) }
}

/// Leaves these sections of the body, where any are asked for.
fn cut(persona: &mut pb::Persona, paths: &[String]) -> Result<(), Refusal> {
    if paths.is_empty() {
        return Ok(());
    }
    persona.body = sections(persona, paths).map_err(|section| {
        let metadata = [
            ("namespace", &*persona.namespace),
            ("name", &*persona.name),
            ("version", &*persona.version.to_string()),
            ("section", &*section),
        ];
        refuse(Code::NotFound, ErrorReason::SectionNotFound, &metadata)
    })?;
    Ok(())
}
