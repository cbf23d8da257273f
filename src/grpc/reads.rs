//! `PersonaService`'s reads: from messages to use cases and back.

use std::sync::Arc;

use prost::Message as _;

use super::parse::{Checks, unchecked};
use super::persona_service::{Personas, size};
use super::rope::Rope;
use super::whole::{framed, framed_around};
use crate::diagnostic::{self, Code};
use crate::domain::{AliasMove, Caller, Persona, View, limits};
use crate::registry::{self, Entry, Error, HistoryEntry, Selection, Selector};
use crate::wire::{self, pb};
use pb::get_persona_request::Selector as WireSelector;
use pb::list_namespaces_response::Namespace;

impl Personas {
    pub(super) async fn get(&self, caller: &Caller, request: pb::GetPersonaRequest) -> Result<Rope, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespace(&request.namespace);
        let name = checks.name(&request.name);
        let selector = match request.selector {
            None => Selector::Newest,
            Some(WireSelector::Version(number)) => Selector::Version(checks.version("version", number)),
            Some(WireSelector::Alias(alias)) => {
                checks.shown_alias("alias", &alias).map_or(Selector::Newest, Selector::Alias)
            }
        };
        let view = checks.view(request.view, View::Full);
        let sections = checks.sections(request.sections, view);
        let if_none_match = checks.etag("if_none_match", &request.if_none_match);
        let freshness = checks.freshness(request.read_options);
        checks.done()?;
        let Some(name) = name else { return Err(unchecked()) };
        let get = registry::Get { namespace, name, selector, view, if_none_match, freshness };
        let (revision, persona) = if sections.is_empty() {
            let got = self.registry.get_made(caller, get, &self.shelf).await?;
            if let Some(made) = got.persona {
                let head = pb::GetPersonaResponse { header: self.header(got.revision), ..Default::default() };
                return framed_around(&head, [made.bytes].into_iter(), &());
            }
            (got.revision, None)
        } else {
            let got = self.registry.get(caller, get).await?;
            let persona = got.persona.map(|persona| shown(&persona, view, &sections)).transpose()?;
            (got.revision, persona)
        };
        let (header, not_modified) = (self.header(revision), persona.is_none());
        Ok(framed(&pb::GetPersonaResponse { header, persona, not_modified })?.into())
    }

    pub(super) async fn batch_get(
        &self,
        caller: &Caller,
        request: pb::BatchGetPersonasRequest,
    ) -> Result<pb::BatchGetPersonasResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespace(&request.namespace);
        if request.names.is_empty() {
            checks.fail("names", "is empty; name at least one persona");
        }
        let names = checks.names(&request.names, limits::BATCH_GET_NAMES);
        let alias = checks.shown_alias("alias", &request.alias);
        let view = checks.view(request.view, View::Full);
        let sections = checks.sections(request.sections, view);
        let freshness = checks.freshness(request.read_options);
        checks.done()?;
        let batch = registry::BatchGet { namespace, names, alias, view, freshness };
        let measured = sections.clone();
        let size = move |persona: &Persona| match measured.is_empty() {
            true => size(persona, view),
            // A section that is missing is told below.
            false => shown(persona, view, &measured).map_or(0, |shown| shown.encoded_len() + 8),
        };
        let (revision, personas) = self.registry.batch_get(caller, batch, size).await?;
        let personas = personas.iter().map(|persona| shown(persona, view, &sections));
        let personas = personas.collect::<Result<_, _>>()?;
        Ok(pb::BatchGetPersonasResponse { header: self.header(revision), personas })
    }

    pub(super) async fn list(
        &self,
        caller: &Caller,
        request: pb::ListPersonasRequest,
    ) -> Result<Rope, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespaces(&request.namespace);
        let page_size = checks.page_size(request.page_size);
        let filter = checks.filter(&request.filter)?;
        let alias = checks.shown_alias("alias", &request.alias);
        let view = checks.view(request.view, View::Basic);
        let freshness = checks.freshness(request.read_options);
        checks.done()?;
        let selection = Selection { namespace, filter, alias, ..Selection::default() };
        let list = registry::List { selection, page_size, page_token: request.page_token, view, freshness };
        let listing = self.registry.list_made(caller, list, Arc::clone(&self.shelf)).await?;
        let personas = listing.personas.iter().map(|made| made.bytes.clone());
        let head = pb::ListPersonasResponse { header: self.header(listing.revision), ..Default::default() };
        let tail = pb::ListPersonasResponse {
            next_page_token: listing.next_page_token.clone(),
            resume_token: listing.resume_token.clone(),
            ..Default::default()
        };
        framed_around(&head, personas, &tail)
    }

    pub(super) async fn validate(
        &self,
        caller: &Caller,
        request: pb::ValidatePersonaRequest,
    ) -> Result<pb::ValidatePersonaResponse, Error> {
        let mut checks = Checks::default();
        let dialect = checks.dialect(request.dialect);
        let profile = checks.profile(request.profile);
        let name = checks.optional_name(&request.name);
        let path = checks.bounded("path", request.path, PATH_BYTES);
        let namespace = Some(&request.namespace).filter(|namespace| !namespace.is_empty());
        let namespace = namespace.map(|namespace| checks.namespace(namespace));
        let select = rules(&mut checks, "select", &request.select);
        let ignore = rules(&mut checks, "ignore", &request.ignore);
        checks.done()?;
        let path = Some(path).filter(|path| !path.is_empty());
        let content = request.content;
        let content_of = content.clone();
        let waivers = Vec::new();
        let validate = registry::Validate { content: content_of, path, dialect, profile, name, waivers };
        let revision = self.registry.head();
        let examined = self.registry.validate(caller, namespace.as_ref(), validate).await?;
        let storable = examined.is_storable();
        let mut diagnostics = examined.diagnostics;
        diagnostics.retain(|found| {
            (select.is_empty() || select.contains(&found.code)) && !ignore.contains(&found.code)
        });
        let document = examined.document;
        Ok(pb::ValidatePersonaResponse {
            header: self.header(revision),
            diagnostics: wire::diagnostics(&diagnostics, &content),
            storable,
            name: examined.name.map(|name| name.to_string()).unwrap_or_default(),
            dialect: wire::dialect(document.derived.dialect).into(),
            dialect_reason: wire::dialect_reason(document.dialect_reason).into(),
            profile: wire::profile(document.profile).into(),
            token_estimate: i32::try_from(document.derived.token_estimate).unwrap_or(i32::MAX),
        })
    }

    pub(super) async fn history(
        &self,
        caller: &Caller,
        request: pb::ListPersonaVersionsRequest,
    ) -> Result<pb::ListPersonaVersionsResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespace(&request.namespace);
        let name = checks.name(&request.name);
        let page_size = checks.page_size(request.page_size);
        let freshness = checks.freshness(request.read_options);
        checks.done()?;
        let Some(name) = name else { return Err(unchecked()) };
        let page_token = request.page_token;
        let history = registry::History { namespace, name, page_size, page_token, freshness };
        let page = self.registry.history(caller, history).await?;
        Ok(pb::ListPersonaVersionsResponse {
            header: self.header(page.revision),
            versions: page.entries.into_iter().map(version).collect(),
            next_page_token: page.next_page_token,
        })
    }

    pub(super) async fn list_aliases(
        &self,
        caller: &Caller,
        request: pb::ListPersonaAliasesRequest,
    ) -> Result<pb::ListPersonaAliasesResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespaces(&request.namespace);
        let name = checks.optional_name(&request.name);
        if namespace.is_none() && name.is_some() {
            checks.fail("name", "is taken with one namespace only; say which");
        }
        let page_size = checks.page_size(request.page_size);
        let freshness = checks.freshness(request.read_options);
        checks.done()?;
        let page_token = request.page_token;
        let list = registry::ListAliases { namespace, name, page_size, page_token, freshness };
        let page = self.registry.list_aliases(caller, list).await?;
        Ok(pb::ListPersonaAliasesResponse {
            header: self.header(page.revision),
            aliases: page.aliases.into_iter().map(alias).collect(),
            next_page_token: page.next_page_token,
        })
    }

    pub(super) async fn list_namespaces(
        &self,
        caller: &Caller,
        request: pb::ListNamespacesRequest,
    ) -> Result<pb::ListNamespacesResponse, Error> {
        let mut checks = Checks::default();
        let page_size = checks.page_size(request.page_size);
        checks.done()?;
        let list = registry::ListNamespaces { page_size, page_token: request.page_token };
        let page = self.registry.list_namespaces(caller, &list).await?;
        let namespace = |(namespace, personas): (crate::domain::Namespace, u64)| Namespace {
            namespace: namespace.to_string(),
            personas: wire::number(personas),
        };
        Ok(pb::ListNamespacesResponse {
            header: self.header(page.revision),
            namespaces: page.namespaces.into_iter().map(namespace).collect(),
            next_page_token: page.next_page_token,
        })
    }
}

/// A persona, with just these sections of its body where any are asked for.
fn shown(persona: &Persona, view: View, sections: &[String]) -> Result<pb::Persona, Error> {
    let mut shown = wire::persona(persona, view);
    if !sections.is_empty() {
        shown.body = wire::sections(persona, sections).map_err(|section| Error::SectionNotFound {
            namespace: persona.namespace.clone(),
            name: persona.name.clone(),
            version: persona.version,
            section: section.to_owned(),
        })?;
    }
    Ok(shown)
}

fn version(entry: HistoryEntry) -> pb::PersonaVersion {
    use pb::persona_version::Type;
    match entry.entry {
        Entry::Version(persona) => pb::PersonaVersion {
            r#type: if persona.purged { Type::Purged } else { Type::Version }.into(),
            version: wire::number(persona.version.0),
            revision: wire::number(persona.revision.0),
            create_time: Some(wire::timestamp(persona.create_time)),
            actor: persona.actor.to_string(),
            etag: persona.etag().to_string(),
            digest: persona.digest.to_string(),
            size_bytes: i32::try_from(persona.size).unwrap_or(i32::MAX),
            aliases: entry.aliases.iter().map(ToString::to_string).collect(),
            origin: Some(wire::origin(&persona.origin)),
            message: persona.message,
        },
        Entry::Deletion(tombstone) => pb::PersonaVersion {
            r#type: Type::Deletion.into(),
            version: wire::number(tombstone.last_version.0),
            revision: wire::number(tombstone.revision.0),
            create_time: Some(wire::timestamp(tombstone.time)),
            actor: tombstone.actor.to_string(),
            message: tombstone.message,
            ..pb::PersonaVersion::default()
        },
    }
}

fn alias(moved: AliasMove) -> pb::PersonaAlias {
    pb::PersonaAlias {
        namespace: moved.namespace.to_string(),
        name: moved.name.to_string(),
        alias: moved.alias.to_string(),
        version: moved.version.map_or(0, |version| wire::number(version.0)),
        revision: wire::number(moved.revision.0),
        update_time: Some(wire::timestamp(moved.time)),
        actor: moved.actor.to_string(),
        message: moved.message,
    }
}

/// Bytes of a path in a request.
const PATH_BYTES: usize = 1024;

/// Rules named by code, by name or by the beginning of a code, such as `SYN`.
fn rules(checks: &mut Checks, field: &str, words: &[String]) -> Vec<Code> {
    let mut codes = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match diagnostic::rules(word) {
            Ok(named) => codes.extend(named),
            Err(error) => checks.fail(&format!("{field}[{at}]"), error.to_string()),
        }
    }
    codes
}
