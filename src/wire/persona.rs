//! Personas and their parts, from the domain to the wire, and the enums both ways.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

use super::pb;
use crate::domain::{
    Dialect, DialectReason, Field, Origin, Persona, Principal, Profile, Revision, StoreId, Timestamp, View,
    Waiver,
};

/// Integers up to here are exact as a JSON number.
const MAX_EXACT: u64 = 1 << 53;

/// The header of an answer that shows this revision.
#[must_use]
pub fn header(store_id: StoreId, revision: Revision) -> pb::ResponseHeader {
    pb::ResponseHeader { store_id: store_id.to_string(), revision: number(revision.0) }
}

/// A counter as the wire has it. Counters never reach 2^63.
#[must_use]
pub fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A moment as the wire has it.
#[must_use]
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = i32::try_from(time.0.rem_euclid(1_000_000) * 1000).unwrap_or(0);
    prost_types::Timestamp { seconds: time.0.div_euclid(1_000_000), nanos }
}

/// A persona in this view.
#[must_use]
pub fn persona(persona: &Persona, view: View) -> pb::Persona {
    let derived = &persona.derived;
    let (front_matter, body) = match view {
        View::Basic => (String::new(), String::new()),
        View::Full => split(persona),
    };
    pb::Persona {
        namespace: persona.namespace.to_string(),
        name: persona.name.to_string(),
        version: number(persona.version.0),
        revision: number(persona.revision.0),
        etag: persona.etag().to_string(),
        digest: persona.digest.to_string(),
        display_name: derived.display_name.clone(),
        description: derived.description.clone(),
        tag: derived.tag.clone().unwrap_or_default(),
        dialect: dialect(derived.dialect).into(),
        labels: derived.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        model: derived.model.clone().unwrap_or_default(),
        tools: derived.tools.clone(),
        fields: Some(fields(&derived.front_matter)),
        outline: derived.outline.iter().map(section).collect(),
        interaction: derived
            .interaction
            .as_ref()
            .map(|it| pb::Interaction { input: it.input.clone(), output: it.output.clone() }),
        size_bytes: i32::try_from(persona.size).unwrap_or(i32::MAX),
        token_estimate: i32::try_from(derived.token_estimate).unwrap_or(i32::MAX),
        create_time: Some(timestamp(persona.create_time)),
        actor: Principal::as_str(&persona.actor).to_owned(),
        message: persona.message.clone(),
        origin: Some(origin(&persona.origin)),
        front_matter,
        body,
        purged: persona.purged,
        waivers: persona.waivers.iter().map(waiver).collect(),
    }
}

fn waiver(waiver: &Waiver) -> pb::Waiver {
    pb::Waiver { rule: waiver.rule.clone(), reason: waiver.reason.clone() }
}

/// The body's bytes that these sections cover, in document order, each once; the first path that leads nowhere where one
/// does.
pub fn sections<'p>(persona: &Persona, paths: &'p [String]) -> Result<String, &'p str> {
    let outline = &persona.derived.outline;
    let mut spans = Vec::with_capacity(paths.len());
    for path in paths {
        let section = outline.iter().find(|section| section.path == *path).ok_or(path.as_str())?;
        spans.push((section.start, section.end));
    }
    spans.sort_unstable();
    let (_, body) = split(persona);
    let (mut text, mut done) = (String::new(), 0);
    for (start, end) in spans {
        // A section inside one that was taken is there already.
        let place = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        let (start, end) = (place(start).max(done), place(end));
        text.push_str(body.get(start..end.max(start)).unwrap_or_default());
        done = done.max(end);
    }
    Ok(text)
}

/// Front matter with its fences, and body. Stored documents are UTF-8; were one not, nothing of it is lost to a
/// panic, and the digest tells.
fn split(persona: &Persona) -> (String, String) {
    let at = usize::try_from(persona.derived.body_offset).unwrap_or(usize::MAX).min(persona.content.len());
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    (text(persona.content.get(..at).unwrap_or_default()), text(persona.content.get(at..).unwrap_or_default()))
}

fn section(section: &crate::domain::Section) -> pb::Section {
    pb::Section {
        title: section.title.clone(),
        level: i32::from(section.level),
        path: section.path.clone(),
        start: i32::try_from(section.start).unwrap_or(i32::MAX),
        end: i32::try_from(section.end).unwrap_or(i32::MAX),
    }
}

/// The door that a version came by.
#[must_use]
pub fn origin(origin: &Origin) -> pb::Origin {
    use pb::origin::{Api, File, Kind};
    let kind = match origin {
        Origin::Api => Kind::Api(Api {}),
        Origin::File { source, path } => Kind::File(File { source: source.to_string(), path: path.clone() }),
    };
    pb::Origin { kind: Some(kind) }
}

fn fields(fields: &[(String, Field)]) -> Struct {
    Struct { fields: fields.iter().map(|(key, value)| (key.clone(), field(value))).collect() }
}

fn field(value: &Field) -> Value {
    #[allow(clippy::cast_precision_loss, reason = "only numbers below 2^53 are cast")]
    let kind = match value {
        Field::Null => Kind::NullValue(0),
        Field::Bool(value) => Kind::BoolValue(*value),
        Field::Int(value) if value.unsigned_abs() <= MAX_EXACT => Kind::NumberValue(*value as f64),
        Field::Int(value) => Kind::StringValue(value.to_string()),
        Field::UInt(value) if *value <= MAX_EXACT => Kind::NumberValue(*value as f64),
        Field::UInt(value) => Kind::StringValue(value.to_string()),
        // A JSON number is finite; YAML's .inf and .nan are told as text.
        Field::Float(value) if value.is_finite() => Kind::NumberValue(*value),
        Field::Float(value) => Kind::StringValue(value.to_string()),
        Field::Text(text) => Kind::StringValue(text.clone()),
        Field::List(list) => Kind::ListValue(ListValue { values: list.iter().map(field).collect() }),
        Field::Map(map) => Kind::StructValue(fields(map)),
    };
    Value { kind: Some(kind) }
}

/// The wire's word for a dialect.
#[must_use]
pub const fn dialect(dialect: Dialect) -> pb::Dialect {
    match dialect {
        Dialect::Persona => pb::Dialect::Persona,
        Dialect::ClaudeCode => pb::Dialect::ClaudeCode,
        Dialect::Skill => pb::Dialect::Skill,
        Dialect::Copilot => pb::Dialect::Copilot,
        Dialect::OpenCode => pb::Dialect::OpenCode,
        Dialect::Gemini => pb::Dialect::Gemini,
        Dialect::Cursor => pb::Dialect::Cursor,
        Dialect::Markdown => pb::Dialect::Markdown,
    }
}

/// The dialect that a request names; none: to be found.
#[must_use]
pub const fn read_dialect(dialect: pb::Dialect) -> Option<Dialect> {
    match dialect {
        pb::Dialect::Unspecified => None,
        pb::Dialect::Persona => Some(Dialect::Persona),
        pb::Dialect::ClaudeCode => Some(Dialect::ClaudeCode),
        pb::Dialect::Skill => Some(Dialect::Skill),
        pb::Dialect::Copilot => Some(Dialect::Copilot),
        pb::Dialect::OpenCode => Some(Dialect::OpenCode),
        pb::Dialect::Gemini => Some(Dialect::Gemini),
        pb::Dialect::Cursor => Some(Dialect::Cursor),
        pb::Dialect::Markdown => Some(Dialect::Markdown),
    }
}

/// The wire's word for a profile.
#[must_use]
pub const fn profile(profile: Profile) -> pb::Profile {
    match profile {
        Profile::Plain => pb::Profile::Plain,
        Profile::Structured => pb::Profile::Structured,
        Profile::Strict => pb::Profile::Strict,
    }
}

/// The profile that a request names; none: to be inferred.
#[must_use]
pub const fn read_profile(profile: pb::Profile) -> Option<Profile> {
    match profile {
        pb::Profile::Unspecified => None,
        pb::Profile::Plain => Some(Profile::Plain),
        pb::Profile::Structured => Some(Profile::Structured),
        pb::Profile::Strict => Some(Profile::Strict),
    }
}

/// The wire's word for why a dialect was chosen.
#[must_use]
pub const fn dialect_reason(reason: DialectReason) -> pb::validate_persona_response::DialectReason {
    use pb::validate_persona_response::DialectReason as Wire;
    match reason {
        DialectReason::Explicit => Wire::Explicit,
        DialectReason::Path => Wire::Path,
        DialectReason::Keys => Wire::Keys,
        DialectReason::Default => Wire::Default,
    }
}
