//! A persona as JSON: in a listing without its document, from `get` and `watch` with it.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{Struct, Timestamp, Value};
use serde::Serialize;

use crate::client::words;
use crate::wire::pb;

/// A persona without its document.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Brief {
    namespace: String,
    name: String,
    version: i64,
    revision: i64,
    etag: String,
    digest: String,
    display_name: String,
    description: String,
    tag: Option<String>,
    dialect: &'static str,
    labels: BTreeMap<String, String>,
    model: Option<String>,
    tools: Vec<String>,
    fields: serde_json::Map<String, serde_json::Value>,
    outline: Vec<Section>,
    interaction: Option<Interaction>,
    size_bytes: i32,
    token_estimate: i32,
    create_time: Option<String>,
    actor: String,
    message: String,
    origin: Option<Origin>,
}

/// A persona with its document: `front_matter` and `body` joined are it, byte for byte.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Whole {
    #[serde(flatten)]
    brief: Brief,
    front_matter: String,
    body: String,
}

#[derive(Debug, Serialize)]
struct Section {
    title: String,
    level: i32,
    path: String,
    start: i32,
    end: i32,
}

#[derive(Debug, Serialize)]
struct Interaction {
    input: String,
    output: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Origin {
    Api,
    File { source: String, path: String },
}

impl From<pb::Persona> for Brief {
    fn from(persona: pb::Persona) -> Self {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            namespace: persona.namespace,
            name: persona.name,
            version: persona.version,
            revision: persona.revision,
            etag: persona.etag,
            digest: persona.digest,
            display_name: persona.display_name,
            description: persona.description,
            tag: given(persona.tag),
            dialect: words::dialect_word(persona.dialect),
            labels: persona.labels.into_iter().collect(),
            model: given(persona.model),
            tools: persona.tools,
            fields: persona.fields.map(object).unwrap_or_default(),
            outline: persona.outline.into_iter().map(Section::from).collect(),
            interaction: persona
                .interaction
                .map(|given| Interaction { input: given.input, output: given.output }),
            size_bytes: persona.size_bytes,
            token_estimate: persona.token_estimate,
            create_time: persona.create_time.map(moment),
            actor: persona.actor,
            message: persona.message,
            origin: persona.origin.and_then(origin),
        }
    }
}

impl From<pb::Persona> for Whole {
    fn from(mut persona: pb::Persona) -> Self {
        let front_matter = std::mem::take(&mut persona.front_matter);
        let body = std::mem::take(&mut persona.body);
        Self { brief: persona.into(), front_matter, body }
    }
}

impl From<pb::Section> for Section {
    fn from(section: pb::Section) -> Self {
        let pb::Section { title, level, path, start, end } = section;
        Self { title, level, path, start, end }
    }
}

/// Which door a version came by.
pub(super) fn origin(origin: pb::Origin) -> Option<Origin> {
    origin.kind.map(|kind| match kind {
        pb::origin::Kind::Api(_) => Origin::Api,
        pb::origin::Kind::File(file) => Origin::File { source: file.source, path: file.path },
    })
}

/// A moment in RFC 3339, UTC.
pub(in crate::cli) fn moment(time: Timestamp) -> String {
    time.to_string()
}

fn object(data: Struct) -> serde_json::Map<String, serde_json::Value> {
    data.fields.into_iter().map(|(key, value)| (key, json(value))).collect()
}

fn json(value: Value) -> serde_json::Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        Some(Kind::NumberValue(value)) => number(value),
        Some(Kind::StringValue(value)) => value.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Kind::StructValue(data)) => object(data).into(),
    }
}

/// Whole numbers without a point: a Struct knows doubles only, the front matter wrote `3`.
fn number(value: f64) -> serde_json::Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        // In range by the check above, so that the text of it reads as an integer.
        format!("{value:.0}").parse::<i64>().map_or(serde_json::Value::Null, Into::into)
    } else {
        value.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_persona_keeps_its_shape() {
        let value = |kind| Value { kind: Some(kind) };
        let persona = pb::Persona {
            namespace: "default".to_owned(),
            name: "backend_developer".to_owned(),
            version: 3,
            revision: 9_007_199_254_740_993,
            dialect: pb::Dialect::ClaudeCode.into(),
            fields: Some(Struct {
                fields: [
                    ("turns".to_owned(), value(Kind::NumberValue(3.0))),
                    ("heat".to_owned(), value(Kind::NumberValue(0.5))),
                ]
                .into(),
            }),
            create_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 0 }),
            origin: Some(pb::Origin { kind: Some(pb::origin::Kind::Api(pb::origin::Api {})) }),
            front_matter: "---\nname: a\n---\n".to_owned(),
            body: "text\n".to_owned(),
            ..Default::default()
        };
        assert_eq!(
            serde_json::to_string(&Whole::from(persona)).unwrap(),
            concat!(
                r#"{"namespace":"default","name":"backend_developer","version":3,"revision":9007199254740993,"#,
                r#""etag":"","digest":"","display_name":"","description":"","tag":null,"dialect":"claude-code","#,
                r#""labels":{},"model":null,"tools":[],"fields":{"heat":0.5,"turns":3},"outline":[],"#,
                r#""interaction":null,"size_bytes":0,"token_estimate":0,"create_time":"2023-11-14T22:13:20Z","#,
                r#""actor":"","message":"","origin":{"kind":"api"},"front_matter":"---\nname: a\n---\n","body":"text\n"}"#
            )
        );
    }

    #[test]
    fn numbers_are_written_as_they_were() {
        assert_eq!(number(-3.0).to_string(), "-3");
        assert_eq!(number(1e300).to_string(), "1e+300");
        assert_eq!(number(f64::NAN).to_string(), "null");
    }
}
