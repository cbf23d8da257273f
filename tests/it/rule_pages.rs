//! Every rule has a page, and the index names them all as they are. `BLESS=1` rewrites the index.

use std::fmt::Write as _;
use std::path::Path;

use persona_registry::diagnostic::{Code, Severity};

fn severities(code: Code) -> String {
    let words: Vec<_> = code.rule().severities.iter().map(|severity| severity.as_str()).collect();
    words.join(" or ")
}

#[test]
fn every_page_says_what_the_code_says() {
    for code in Code::ALL {
        let (page, rule) = (code.page(), code.rule());
        let waivable = if rule.waivable { "yes" } else { "no" };
        let head = format!(
            "# {code} {}\n\n{}\n\nSeverity: {}. Fix: {}. Waivable: {waivable}.\n\n## Why\n",
            code.name(),
            rule.summary,
            severities(*code),
            rule.fix,
        );
        assert!(page.starts_with(&head), "{code} should begin with\n{head}");
        for part in ["## Bad", "## Good", "## What to do"] {
            assert!(page.contains(&format!("\n{part}\n\n")), "{code} has no {part}");
        }
        let errors = rule.severities.contains(&Severity::Error);
        let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words.contains("An error blocks storing"), errors, "{code}");
    }
}

#[test]
fn the_index_names_every_rule() {
    let mut index = String::from(
        "# Rules\n\nWhat the judge looks for, in six families. An error blocks storing; a warning or info does not. \
         `persona explain CODE` prints a page.\nHow often each fires on real files: [firing rates](firing-rates.md).\n",
    );
    let mut family = "";
    for code in Code::ALL {
        if code.family() != family {
            family = code.family();
            let _ = write!(
                index,
                "\n## {family}\n\n| rule | finds | severity | fix | waivable |\n| --- | --- | --- | --- | --- |\n"
            );
        }
        let rule = code.rule();
        let waivable = if rule.waivable { "yes" } else { "no" };
        let _ = writeln!(
            index,
            "| [{code}]({code}.md) `{}` | {} | {} | {} | {waivable} |",
            code.name(),
            rule.summary,
            severities(*code),
            rule.fix,
        );
    }
    index.push_str(
        "\n## Leaving findings out\n\nValidatePersona and `persona validate` take `select` and `ignore`: codes, names, or the beginning of a code \
         such as `SYN`. They\nchoose what is answered; whether a document may be stored is decided by all rules. `persona validate` also takes \
         severities\nof one's own ([ci.md](../ci.md)).\n",
    );
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules/README.md");
    let kept = std::fs::read_to_string(&place).unwrap_or_default();
    // What comes behind is written by hand.
    let by_hand = kept.split_once("\n## Waiving\n").map_or("", |(_, behind)| behind);
    index.push_str(&format!("\n## Waiving\n{by_hand}"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&place, &index).unwrap();
    }
    let kept = std::fs::read_to_string(&place).unwrap_or_default();
    assert!(by_hand.contains("--waive"), "how findings are waived is told");
    assert_eq!(index, kept, "run with BLESS=1 and read the difference");
}
