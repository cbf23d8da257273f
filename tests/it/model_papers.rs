//! Documents of the model's runs: each says in its description what it is made of, so that everything a registry derives
//! from it is known without asking one.

use std::collections::BTreeMap;

use persona_registry::wire::pb;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

use crate::journal_commits::Dice;

pub const TEAMS: [&str; 3] = ["red", "blue", "green"];
pub const TAGS: [&str; 2] = ["[ONE]", "[TWO]"];
pub const MODELS: [&str; 2] = ["small", "large"];
pub const TOOLS: [&str; 3] = ["Read", "Write", "Bash"];
/// Every section path that a paper may have.
pub const PATHS: [&str; 4] = ["persona", "alpha", "alpha/inner", "beta"];

/// What a document is made of; of each list 0 stands for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    pub name: String,
    pub text: usize,
    pub team: usize,
    pub tag: usize,
    pub model: usize,
    pub tools: usize,
    pub sections: usize,
}

impl Paper {
    /// Texts are few, so that a put is unchanged now and then.
    pub fn by_chance(dice: &mut Dice, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: dice.below(12),
            team: dice.below(TEAMS.len() + 1),
            tag: dice.below(TAGS.len() + 1),
            model: dice.below(MODELS.len() + 1),
            tools: dice.below(TOOLS.len() + 1),
            sections: dice.below(4),
        }
    }

    /// The paper that a document is; none of one that may not be stored.
    pub fn read(content: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(content).ok()?;
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
        let numbers: Vec<usize> =
            value("description: Paper ")?.split(' ').map(|number| number.parse().unwrap()).collect();
        let [text, team, tag, model, tools, sections] = numbers[..] else { panic!("{numbers:?}") };
        Some(Self { name: value("name: ")?.to_owned(), text, team, tag, model, tools, sections })
    }

    fn description(&self) -> String {
        let Self { name: _, text, team, tag, model, tools, sections } = self;
        format!("Paper {text} {team} {tag} {model} {tools} {sections}")
    }

    pub fn labels(&self) -> BTreeMap<String, String> {
        chosen(&TEAMS, self.team).map(|team| ("team".to_owned(), team)).into_iter().collect()
    }

    fn tools(&self) -> Vec<String> {
        TOOLS.iter().take(self.tools).map(|tool| (*tool).to_owned()).collect()
    }

    fn front_matter(&self) -> String {
        let mut text = format!("---\nname: {}\ndescription: {}\n", self.name, self.description());
        for (key, value) in self.labels() {
            text.push_str(&format!("labels:\n  {key}: {value}\n"));
        }
        if let Some(model) = chosen(&MODELS, self.model) {
            text.push_str(&format!("model: {model}\n"));
        }
        if self.tools > 0 {
            text.push_str(&format!("tools: [{}]\n", self.tools().join(", ")));
        }
        text + "---\n"
    }

    /// The body, and its headings: level, title, path, and where each begins.
    fn body(&self) -> (String, Vec<(i32, &'static str, &'static str, usize)>) {
        let mut body = String::new();
        let mut headings = Vec::new();
        let all = [
            (1, "Persona", "persona"),
            (2, "Alpha", "alpha"),
            (3, "Inner", "alpha/inner"),
            (2, "Beta", "beta"),
        ];
        for (level, title, path) in all.into_iter().take(self.sections + 1) {
            headings.push((level, title, path, body.len()));
            let marks = "#".repeat(level as usize);
            body.push_str(&format!("{marks} {title}\n\nText {} of {title}.\n\n", self.text));
        }
        if let Some(tag) = chosen(&TAGS, self.tag) {
            body.push_str(&format!("**Tag**: Start your response with `{tag}`.\n"));
        }
        (body, headings)
    }

    pub fn bytes(&self) -> Vec<u8> {
        (self.front_matter() + &self.body().0).into_bytes()
    }

    /// Everything that is derived from it, in the FULL view.
    pub fn derived(&self) -> pb::Persona {
        let (body, headings) = self.body();
        let end = |at: usize| {
            let behind = headings.iter().skip(at + 1).find(|it| it.0 <= headings[at].0);
            behind.map_or(body.len(), |it| it.3)
        };
        let outline = headings.iter().enumerate().map(|(at, (level, title, path, start))| pb::Section {
            title: (*title).to_owned(),
            level: *level,
            path: (*path).to_owned(),
            start: *start as i32,
            end: end(at) as i32,
        });
        let size = self.bytes().len();
        pb::Persona {
            name: self.name.clone(),
            display_name: self.name.clone(),
            description: self.description(),
            tag: chosen(&TAGS, self.tag).unwrap_or_default(),
            dialect: pb::Dialect::Persona.into(),
            labels: self.labels().into_iter().collect(),
            model: chosen(&MODELS, self.model).unwrap_or_default(),
            tools: self.tools(),
            fields: Some(self.fields()),
            outline: outline.collect(),
            size_bytes: size as i32,
            token_estimate: estimate(&self.bytes()),
            front_matter: self.front_matter(),
            body,
            ..Default::default()
        }
    }

    fn fields(&self) -> Struct {
        let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
        let mut fields = BTreeMap::from([
            ("name".to_owned(), text(&self.name)),
            ("description".to_owned(), text(&self.description())),
        ]);
        if self.team > 0 {
            let labels = self.labels().into_iter().map(|(key, value)| (key, text(&value))).collect();
            fields.insert(
                "labels".to_owned(),
                Value { kind: Some(Kind::StructValue(Struct { fields: labels })) },
            );
        }
        if let Some(model) = chosen(&MODELS, self.model) {
            fields.insert("model".to_owned(), text(&model));
        }
        if self.tools > 0 {
            let values = self.tools().iter().map(|tool| text(tool)).collect();
            fields.insert("tools".to_owned(), Value { kind: Some(Kind::ListValue(ListValue { values })) });
        }
        Struct { fields }
    }
}

/// The estimate of tokens as docs/ci.md has it, for papers, which are ASCII: tenths of a token for each run of bytes of
/// one kind.
fn estimate(bytes: &[u8]) -> i32 {
    let kind = |byte: &u8| match byte {
        b'\n' => 0,
        b' ' => 1,
        byte if byte.is_ascii_alphabetic() => 2,
        byte if byte.is_ascii_digit() => 3,
        byte if byte.is_ascii_punctuation() => 4,
        other => panic!("{other} in a paper"),
    };
    let tenths =
        bytes.chunk_by(|one, other| kind(one) == kind(other)).map(|run| match (kind(&run[0]), run.len()) {
            (1, 1) => 0,
            (2, length) => 10 + 2 * length.saturating_sub(9),
            (3, length) => 10 * length.div_ceil(3),
            (4, length) => 10 * (1 + (length - 1) / 3),
            _ => 10,
        });
    tenths.sum::<usize>().div_ceil(10) as i32
}

fn chosen(words: &[&str], number: usize) -> Option<String> {
    Some((*words.get(number.checked_sub(1)?)?).to_owned())
}

/// The bytes that these sections cover, in document order, each once; the first path that leads nowhere where one does.
pub fn sections(persona: &pb::Persona, paths: &[String]) -> Result<String, String> {
    let mut covered = vec![false; persona.body.len()];
    for path in paths {
        let section =
            persona.outline.iter().find(|section| section.path == *path).ok_or_else(|| path.clone())?;
        covered[section.start as usize..section.end as usize].fill(true);
    }
    let bytes = persona.body.bytes().zip(covered).filter(|(_, covered)| *covered).map(|(byte, _)| byte);
    Ok(String::from_utf8(bytes.collect()).unwrap())
}

/// Whether a filter takes a version.
type Takes = fn(&pb::Persona) -> bool;

/// Filters of the runs, and what each takes, said once more without a parser.
pub const FILTERS: [(&str, Takes); 7] = [
    ("tools:Write AND model = small OR model = large", |it| {
        it.tools.iter().any(|tool| tool == "Write") && !it.model.is_empty()
    }),
    ("labels.team != red", |it| !matches!(team(it), "" | "red")),
    ("labels.team = \"red\"", |it| team(it) == "red"),
    ("tag = \"[ONE]\" AND NOT model = \"small\"", |it| it.tag == "[ONE]" && it.model != "small"),
    ("labels.team = \"blue\" OR tools:Bash", |it| {
        team(it) == "blue" || it.tools.iter().any(|tool| tool == "Bash")
    }),
    ("labels:team AND (model = \"large\" OR tag = \"[TWO]\")", |it| {
        !team(it).is_empty() && (it.model == "large" || it.tag == "[TWO]")
    }),
    ("-labels.team = \"green\" AND tools:Read", |it| {
        team(it) != "green" && it.tools.iter().any(|tool| tool == "Read")
    }),
];

fn team(persona: &pb::Persona) -> &str {
    persona.labels.get("team").map_or("", String::as_str)
}

/// Whether a filter takes a version.
pub fn takes(filter: &str, persona: &pb::Persona) -> bool {
    filter.is_empty() || {
        let (_, takes) = FILTERS.iter().find(|(text, _)| *text == filter).expect("a filter of the runs");
        !persona.purged && takes(persona)
    }
}
