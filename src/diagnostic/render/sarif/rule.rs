//! What a SARIF document says of each rule: its sentence, why it is there, and its whole page.

use serde::Serialize;

use super::finding::{Message, level};
use crate::diagnostic::Code;

/// A rule, as viewers explain it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    id: &'static str,
    name: &'static str,
    short_description: Message<'static>,
    full_description: Message<'static>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<String>,
    help: Message<'static>,
    default_configuration: Configuration,
    properties: Properties,
}

#[derive(Debug, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Debug, Serialize)]
struct Properties {
    tags: [String; 1],
}

impl Rule {
    pub(super) fn of(code: Code) -> Self {
        let (rule, page) = (code.rule(), code.page());
        let usual = rule.severities.first().copied();
        Self {
            id: code.as_str(),
            name: code.name(),
            short_description: Message::of(rule.summary),
            full_description: Message::of_owned(why(page)),
            help_uri: help_uri(env!("CARGO_PKG_REPOSITORY"), code),
            help: Message { text: page.into(), markdown: Some(page) },
            default_configuration: Configuration { level: usual.map_or("none", level) },
            properties: Properties { tags: [code.family().to_lowercase()] },
        }
    }
}

/// The first paragraph of a page's reasons, on one line.
fn why(page: &str) -> String {
    let reasons = page.split("\n## Why\n").nth(1).unwrap_or_default().trim_start();
    let paragraph = reasons.split("\n\n").next().unwrap_or_default();
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The page of a rule, where the project says in its manifest where it is published.
fn help_uri(repository: &str, code: Code) -> Option<String> {
    let home = repository.trim_end_matches('/');
    (!home.is_empty()).then(|| format!("{home}/blob/main/docs/rules/{code}.md"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_says_why() {
        for code in Code::ALL {
            let why = why(code.page());
            assert!(why.len() > 40 && why.ends_with('.') && !why.contains('\n'), "{code}: {why}");
        }
    }

    #[test]
    fn pages_have_an_address_where_the_project_has_one() {
        let code = Code::SYN008;
        assert_eq!(help_uri("", code), None);
        assert_eq!(
            help_uri("https://example.org/persona/", code).as_deref(),
            Some("https://example.org/persona/blob/main/docs/rules/SYN008.md")
        );
    }
}
