//! The fields of a persona record; the content travels beside it.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{DecodeError, array, parsed, present};
use crate::domain::{
    BodyMark, Derived, Digest, Field, Interaction, Origin, Persona, Principal, Revision, Section, SourceId,
    Timestamp, Version, Waiver,
};

/// [`Persona`] without its content.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PersonaRecord {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint64, tag = "3")]
    version: u64,
    #[prost(uint64, tag = "4")]
    revision: u64,
    #[prost(bytes = "vec", tag = "5")]
    digest: Vec<u8>,
    /// Microseconds since 1970.
    #[prost(int64, tag = "6")]
    create_time: i64,
    #[prost(string, tag = "7")]
    actor: String,
    #[prost(string, tag = "8")]
    message: String,
    /// Absent: the wire.
    #[prost(message, optional, tag = "9")]
    file: Option<FileRecord>,
    #[prost(string, tag = "10")]
    display_name: String,
    #[prost(string, tag = "11")]
    description: String,
    #[prost(string, optional, tag = "12")]
    mark: Option<String>,
    /// The dialect's word.
    #[prost(string, tag = "13")]
    dialect: String,
    #[prost(btree_map = "string, string", tag = "14")]
    labels: BTreeMap<String, String>,
    #[prost(string, optional, tag = "15")]
    model: Option<String>,
    #[prost(string, repeated, tag = "16")]
    tools: Vec<String>,
    #[prost(message, repeated, tag = "17")]
    front_matter: Vec<EntryRecord>,
    #[prost(message, repeated, tag = "18")]
    outline: Vec<SectionRecord>,
    #[prost(message, optional, tag = "19")]
    interaction: Option<InteractionRecord>,
    #[prost(uint32, tag = "20")]
    body_offset: u32,
    #[prost(uint32, tag = "21")]
    token_estimate: u32,
    /// Bytes of the content.
    #[prost(uint32, tag = "22")]
    size: u32,
    #[prost(bool, tag = "23")]
    purged: bool,
    #[prost(fixed64, optional, tag = "24")]
    body_mark: Option<u64>,
    #[prost(message, repeated, tag = "25")]
    waivers: Vec<WaiverRecord>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WaiverRecord {
    #[prost(string, tag = "1")]
    rule: String,
    #[prost(string, tag = "2")]
    reason: String,
}

/// The file that a version came from.
#[derive(Clone, PartialEq, prost::Message)]
struct FileRecord {
    #[prost(string, tag = "1")]
    source: String,
    #[prost(string, tag = "2")]
    path: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SectionRecord {
    #[prost(string, tag = "1")]
    title: String,
    #[prost(uint32, tag = "2")]
    level: u32,
    #[prost(string, tag = "3")]
    path: String,
    #[prost(uint32, tag = "4")]
    start: u32,
    #[prost(uint32, tag = "5")]
    end: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct InteractionRecord {
    #[prost(string, tag = "1")]
    input: String,
    #[prost(string, tag = "2")]
    output: String,
}

/// A key of a mapping and its value.
#[derive(Clone, PartialEq, prost::Message)]
struct EntryRecord {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<FieldRecord>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FieldRecord {
    #[prost(oneof = "KindRecord", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    kind: Option<KindRecord>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum KindRecord {
    #[prost(bool, tag = "1")]
    Null(bool),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(sint64, tag = "3")]
    Int(i64),
    #[prost(uint64, tag = "4")]
    UInt(u64),
    #[prost(double, tag = "5")]
    Float(f64),
    #[prost(string, tag = "6")]
    Text(String),
    #[prost(message, tag = "7")]
    List(ListRecord),
    #[prost(message, tag = "8")]
    Map(MapRecord),
}

#[derive(Clone, PartialEq, prost::Message)]
struct ListRecord {
    #[prost(message, repeated, tag = "1")]
    items: Vec<FieldRecord>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MapRecord {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<EntryRecord>,
}

impl From<&Persona> for PersonaRecord {
    fn from(persona: &Persona) -> Self {
        let Derived {
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
            body_mark,
        } = &persona.derived;
        Self {
            namespace: persona.namespace.to_string(),
            name: persona.name.to_string(),
            version: persona.version.0,
            revision: persona.revision.0,
            size: persona.size,
            purged: persona.purged,
            digest: persona.digest.0.to_vec(),
            create_time: persona.create_time.0,
            actor: persona.actor.to_string(),
            message: persona.message.clone(),
            file: match &persona.origin {
                Origin::Api => None,
                Origin::File { source, path } => {
                    Some(FileRecord { source: source.to_string(), path: path.clone() })
                }
            },
            display_name: display_name.clone(),
            description: description.clone(),
            mark: tag.clone(),
            dialect: dialect.to_string(),
            labels: labels.clone(),
            model: model.clone(),
            tools: tools.clone(),
            front_matter: front_matter.iter().map(EntryRecord::from).collect(),
            outline: outline.iter().map(SectionRecord::from).collect(),
            interaction: interaction.as_ref().map(|interaction| InteractionRecord {
                input: interaction.input.clone(),
                output: interaction.output.clone(),
            }),
            body_offset: *body_offset,
            token_estimate: *token_estimate,
            body_mark: body_mark.map(|mark| mark.0),
            waivers: persona.waivers.iter().map(WaiverRecord::from).collect(),
        }
    }
}

impl PersonaRecord {
    /// The persona, whole again.
    pub(super) fn with_content(self, content: Bytes) -> Result<Persona, DecodeError> {
        Ok(Persona {
            namespace: parsed(&self.namespace, "namespace")?,
            name: parsed(&self.name, "name")?,
            version: Version(self.version),
            revision: Revision(self.revision),
            size: self.size,
            purged: self.purged,
            digest: Digest(array(&self.digest, "digest")?),
            create_time: Timestamp(self.create_time),
            actor: Principal::new(&self.actor),
            message: self.message,
            origin: match self.file {
                None => Origin::Api,
                Some(file) => Origin::File { source: SourceId::new(&file.source), path: file.path },
            },
            derived: Derived {
                display_name: self.display_name,
                description: self.description,
                tag: self.mark,
                dialect: parsed(&self.dialect, "dialect")?,
                labels: self.labels,
                model: self.model,
                tools: self.tools,
                front_matter: entries(self.front_matter)?,
                outline: self.outline.into_iter().map(Section::try_from).collect::<Result<_, _>>()?,
                interaction: self
                    .interaction
                    .map(|InteractionRecord { input, output }| Interaction { input, output }),
                body_offset: self.body_offset,
                token_estimate: self.token_estimate,
                body_mark: self.body_mark.map(BodyMark),
            },
            waivers: self.waivers.into_iter().map(Waiver::from).collect(),
            content,
        })
    }
}

impl From<&Waiver> for WaiverRecord {
    fn from(waiver: &Waiver) -> Self {
        Self { rule: waiver.rule.clone(), reason: waiver.reason.clone() }
    }
}

impl From<WaiverRecord> for Waiver {
    fn from(WaiverRecord { rule, reason }: WaiverRecord) -> Self {
        Self { rule, reason }
    }
}

impl From<&Section> for SectionRecord {
    fn from(section: &Section) -> Self {
        Self {
            title: section.title.clone(),
            level: section.level.into(),
            path: section.path.clone(),
            start: section.start,
            end: section.end,
        }
    }
}

impl TryFrom<SectionRecord> for Section {
    type Error = DecodeError;
    fn try_from(record: SectionRecord) -> Result<Self, DecodeError> {
        let level = u8::try_from(record.level)
            .map_err(|error| DecodeError::Invalid { field: "section level", problem: error.to_string() })?;
        Ok(Self { title: record.title, level, path: record.path, start: record.start, end: record.end })
    }
}

impl From<&(String, Field)> for EntryRecord {
    fn from((key, value): &(String, Field)) -> Self {
        Self { key: key.clone(), value: Some(value.into()) }
    }
}

impl From<&Field> for FieldRecord {
    fn from(field: &Field) -> Self {
        let kind = match field {
            Field::Null => KindRecord::Null(true),
            Field::Bool(value) => KindRecord::Bool(*value),
            Field::Int(value) => KindRecord::Int(*value),
            Field::UInt(value) => KindRecord::UInt(*value),
            Field::Float(value) => KindRecord::Float(*value),
            Field::Text(value) => KindRecord::Text(value.clone()),
            Field::List(items) => {
                KindRecord::List(ListRecord { items: items.iter().map(Self::from).collect() })
            }
            Field::Map(pairs) => {
                KindRecord::Map(MapRecord { entries: pairs.iter().map(EntryRecord::from).collect() })
            }
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<FieldRecord> for Field {
    type Error = DecodeError;
    fn try_from(record: FieldRecord) -> Result<Self, DecodeError> {
        Ok(match present(record.kind, "kind of a front matter value")? {
            KindRecord::Null(_) => Self::Null,
            KindRecord::Bool(value) => Self::Bool(value),
            KindRecord::Int(value) => Self::Int(value),
            KindRecord::UInt(value) => Self::UInt(value),
            KindRecord::Float(value) => Self::Float(value),
            KindRecord::Text(value) => Self::Text(value),
            KindRecord::List(list) => {
                Self::List(list.items.into_iter().map(Self::try_from).collect::<Result<_, _>>()?)
            }
            KindRecord::Map(map) => Self::Map(entries(map.entries)?),
        })
    }
}

fn entries(records: Vec<EntryRecord>) -> Result<Vec<(String, Field)>, DecodeError> {
    let entry =
        |record: EntryRecord| Ok((record.key, present(record.value, "front matter value")?.try_into()?));
    records.into_iter().map(entry).collect()
}
