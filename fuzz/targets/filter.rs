//! Filters: any text is one or is refused at a place in it; one has a normal form that says the same, and its plan leads to
//! whatever it matches.
#![no_main]

use libfuzzer_sys::fuzz_target;
use persona_registry_fuzz::document::{Input, parse};
use persona_registry_fuzz::domain::{
    Digest, Name, Namespace, Origin, Persona, Principal, Revision, Timestamp, Version,
};
use persona_registry_fuzz::filter::{Filter, Plan, Term, terms};

/// Personas that a filter is tried on besides the one that the input brings.
const PERSONAS: [&str; 2] = [
    "---\nname: a\ndescription: Two \"words\"\nmodel: opus\ntools: [Read, Bash]\nlabels: {team: payments, a.b/c: Ä}\n---\n**Tag**: `[T]`\n",
    "no front matter\n",
];

fn persona(document: &str, number: u64) -> Option<Persona> {
    let (read, _) = parse(&Input { content: document.as_bytes(), path: Some("b-a.md"), ..Input::default() });
    Some(Persona {
        namespace: "default".parse::<Namespace>().ok()?,
        name: read.name.or_else(|| "a".parse::<Name>().ok())?,
        version: Version(1),
        revision: Revision(number),
        digest: Digest([0; 32]),
        create_time: Timestamp(i64::try_from(number).ok()? * 1_769_817_600_000_000),
        actor: Principal::anonymous(),
        message: String::new(),
        origin: Origin::Api,
        derived: read.derived,
        size: 0,
        content: Vec::new().into(),
        purged: false,
        waivers: Vec::new(),
    })
}

fn leads(plan: &Plan, persona: &Persona) -> bool {
    let has = |term: &Term| terms(persona).contains(term);
    match plan {
        Plan::All => true,
        Plan::Name(name) => *name == persona.name,
        Plan::Term(term) => has(term),
        Plan::Between(from, to) => (from..=to).contains(&&persona.create_time),
        Plan::Any(plans) => plans.iter().any(|plan| leads(plan, persona)),
        Plan::Every(plans) => plans.iter().all(|plan| leads(plan, persona)),
    }
}

// The filter, and behind a NUL a document.
fuzz_target!(|data: &str| {
    let (text, document) = data.split_once('\0').unwrap_or((data, ""));
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(text.is_char_boundary(error.position), "{error} is no place of {text:?}");
            assert!(!error.problem.is_empty() && !error.problem.contains('\n'), "{error}");
            return;
        }
    };
    let normal = Filter::parse(filter.text());
    assert_eq!(normal.as_ref(), Ok(&filter), "the normal form of {text:?} says something else");
    for (number, document) in PERSONAS.into_iter().chain([document]).enumerate() {
        let Some(persona) = persona(document, number as u64) else { continue };
        let matches = filter.matches(&persona);
        let negated = Filter::parse(&format!("NOT ({text})"));
        // Nesting or bytes may be too much with one more.
        assert!(
            negated.is_err() || negated.is_ok_and(|negated| negated.matches(&persona) != matches),
            "{text:?}"
        );
        assert!(
            !matches || leads(&filter.plan(), &persona),
            "the plan of {text:?} does not lead to what it matches"
        );
    }
});
