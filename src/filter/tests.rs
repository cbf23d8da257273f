//! Filters against what they mean, and what is said of texts that are none.

use proptest::prelude::*;

use super::strategy::{persona, said, silent};
use super::{Filter, Plan};
use crate::domain::limits;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_filter_matches_what_it_says(said in said(), way in 0usize..30, personas in prop::collection::vec(persona(), 1..6)) {
        let text = said.write(way);
        let filter = Filter::parse(&text).unwrap();
        for persona in personas {
            prop_assert_eq!(filter.matches(&persona), said.holds(&persona), "{} of {:?}", text, persona);
        }
    }

    #[test]
    fn the_plan_leads_to_whatever_matches(said in said(), personas in prop::collection::vec(persona(), 1..6)) {
        let filter = Filter::parse(&said.write(0)).unwrap();
        let plan = filter.plan();
        for persona in personas {
            prop_assert!(plan.leads_to(&persona) || !filter.matches(&persona), "{:?} misses {:?}", plan, persona);
        }
    }

    #[test]
    fn the_normal_form_is_a_filter_that_says_the_same_and_is_its_own(said in said(), ways in (0usize..30, 0usize..30)) {
        let filter = Filter::parse(&said.write(ways.0)).unwrap();
        prop_assert_eq!(&Filter::parse(filter.text()).unwrap(), &filter);
        prop_assert_eq!(Filter::parse(&said.write(ways.1)).unwrap(), filter);
    }

    #[test]
    fn any_text_is_a_filter_or_goes_wrong_at_a_place_in_it(text in "\\PC{0,40}|[a-z_.:=!<>()\"\\\\* NOTADR-]{0,60}") {
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(text.is_char_boundary(error.position), "{} in {:?}", error, text);
            prop_assert!(!error.problem.is_empty());
        }
    }

    #[test]
    fn a_filter_that_is_cut_or_changed_is_a_filter_or_none(
        said in said(), way in 0usize..30, at in any::<prop::sample::Index>(), letter in any::<char>()
    ) {
        let mut text = said.write(way);
        let at = text.char_indices().map(|(at, _)| at).nth(at.index(text.chars().count())).unwrap();
        let _ = Filter::parse(&text[..at]);
        text.insert(at, letter);
        let _ = Filter::parse(&text);
    }
}

/// Position, and words of the message.
#[track_caller]
fn goes_wrong(text: &str, position: usize, words: &str) {
    let error = Filter::parse(text).expect_err(text);
    assert_eq!(error.position, position, "{text:?}: {error}");
    assert!(error.problem.contains(words), "{text:?}: {error}");
}

#[test]
fn what_is_no_filter_says_where_and_what_belongs_there() {
    for (text, position, words) in [
        ("", 0, "a restriction such as"),
        ("   ", 3, "a restriction such as"),
        ("()", 1, "a restriction such as"),
        ("tag = a AND", 11, "a restriction such as"),
        ("tag = a OR ", 11, "a restriction such as"),
        ("AND tag = a", 0, "belongs here, not AND"),
        ("tag = a AND OR tag = b", 12, "belongs here, not OR"),
        ("NOT", 3, "a restriction such as"),
        ("not tag = a", 0, "NOT is written in capitals"),
        ("tag = a and tag = b", 8, "in capitals"),
        ("tag = a or tag = b", 8, "in capitals"),
        ("(tag = a or tag = b)", 9, "in capitals"),
        ("tag = a tag = b", 8, "AND or OR belongs here"),
        ("name = backend developer", 15, "stands in quotes"),
        ("tag = \"a\"b", 9, "AND or OR belongs here"),
        ("(tag = a", 8, "`)` belongs here"),
        ("(tag = a tag = b)", 9, "AND or OR belongs here"),
        ("tag = a)", 7, "closes no parenthesis"),
        ("lables.team = a", 0, "there is no field `lables`; fields are name, display_name,"),
        ("tag = ä AND labels = a OR lable:x", 20, "`:` and a key"),
        ("user.name-x = a", 0, "there is no field `user`"),
        ("tag = ä AND lable:x", 13, "there is no field `lable`"),
        ("backend", 0, "`backend` alone searches nothing; say where, such as description:backend"),
        ("backend-developer", 0, "alone searches nothing"),
        ("tag = a AND backend", 12, "alone searches nothing"),
        ("\"backend developer\"", 0, "alone searches nothing"),
        ("'backend'", 0, "alone searches nothing"),
        ("length(name) > 3", 0, "alone searches nothing"),
        ("name", 4, "an operator belongs here"),
        ("name ~ a", 5, "an operator belongs here"),
        ("labels.team", 11, "an operator belongs here"),
        ("labels. = a", 7, "a label's key belongs here"),
        ("labels.a.b = a", 8, "stands in quotes: labels.\"a.b\""),
        ("labels.\"a = a", 7, "this quote is not closed"),
        ("name.first = a", 0, "name has no parts"),
        ("name =", 6, "a value belongs here"),
        ("name = ", 7, "a value belongs here"),
        ("name == a", 6, "a value belongs here"),
        ("name = AND", 7, "AND is one in quotes only"),
        ("name = 'a'", 7, "double quotes"),
        ("name = (a OR b)", 7, "ask for each"),
        ("name = \"a", 7, "this quote is not closed"),
        ("name = \"a\\n\"", 9, "stands before"),
        ("name = \"a\\", 9, "stands before"),
        ("name = *", 7, "write name:*"),
        ("labels.\"a b\" != *", 16, "write labels.\"a b\":*"),
        ("tools = shell", 6, "tools is asked about with `:` and a tool"),
        ("labels != a", 7, "labels is asked about with"),
        ("dialect < persona", 8, "dialect is asked about with =, !="),
        ("dialect = nonsense", 10, "`nonsense` is no dialect; known are persona, claude-code,"),
        ("dialect:nonsense", 8, "is no dialect"),
        ("dialect = \"a\nb\u{1b}\"", 10, "`a\\nb\\u{1b}` is no dialect"),
        ("dialect = \"o'brien\u{2028}\"", 10, "`o'brien\\u{2028}` is no dialect"),
        ("create_time > \"\r\n\"", 14, "`\\r\\n` is no time"),
        ("create_time:2026", 11, "create_time is asked about with =, !=, <"),
        ("create_time > yesterday", 14, "`yesterday` is no time; write 2026-01-31T00:00:00Z"),
        ("create_time > \"2026-01-31 00:00:00\"", 14, "is no time"),
    ] {
        goes_wrong(text, position, words);
    }
}

#[test]
fn nesting_and_number_are_bounded_and_neither_costs_a_stack() {
    let (depth, most) = (limits::FILTER_DEPTH, limits::FILTER_RESTRICTIONS);
    let nested = |open: &str, close: &str, times: usize| {
        format!("{}tag = a{}", open.repeat(times), close.repeat(times))
    };
    for (open, close) in [("(", ")"), ("NOT ", ""), ("-", ""), ("-(", ")")] {
        let levels = if open == "-(" { 2 } else { 1 };
        assert!(Filter::parse(&nested(open, close, depth / levels)).is_ok(), "{open}");
        let too_many = nested(open, close, depth / levels + 1);
        goes_wrong(&too_many, depth / levels * open.len(), "nest at most 32 deep");
        goes_wrong(&open.repeat(limits::FILTER_BYTES), depth / levels * open.len(), "nest at most");
        goes_wrong(&nested(open, close, 1 << 20), depth / levels * open.len(), "nest at most");
    }
    // Side by side they are not nested.
    assert!(Filter::parse(&["-(tag:a)"; 100].join(" AND ")).is_ok());
    for word in [" AND ", " OR "] {
        let text = vec!["tag:a"; most].join(word);
        assert!(Filter::parse(&text).is_ok());
        goes_wrong(&format!("{text}{word}tag:a"), text.len() + word.len(), "at most 128 restrictions");
    }
}

#[test]
fn negations_fold_and_the_normal_form_is_one() {
    for (text, normal) in [
        ("tag=a", "tag = \"a\""),
        ("NOT NOT tag = a", "tag = \"a\""),
        ("--tag = a", "tag = \"a\""),
        ("NOT (NOT (tag = a))", "tag = \"a\""),
        ("tag=a AND (model=b AND tag=c)", "tag = \"a\" AND model = \"b\" AND tag = \"c\""),
        ("tag=a AND model=b OR tag=c", "tag = \"a\" AND (model = \"b\" OR tag = \"c\")"),
        ("(tag=a AND model=b) OR tag=c", "(tag = \"a\" AND model = \"b\") OR tag = \"c\""),
        ("-(tag=a OR model:*)", "NOT (tag = \"a\" OR model:*)"),
        ("description:KubernETES", "description:\"kubernetes\""),
        ("labels.team=\"x\\\"y\\\\\"", "labels.\"team\" = \"x\\\"y\\\\\""),
        ("create_time>2026-01-31T00:00:00Z", "create_time > \"2026-01-31T00:00:00Z\""),
    ] {
        assert_eq!(Filter::parse(text).map_or(String::new(), |filter| filter.text().to_owned()), normal);
    }
}

#[test]
fn what_is_not_there_is_compared_with_nothing() {
    let persona = silent();
    for field in ["description", "display_name", "tag", "model", "labels.team"] {
        for operator in ["=", "!=", "<", "<=", ">", ">=", ":"] {
            let text = format!("{field} {operator} \"x\"");
            assert!(!Filter::parse(&text).unwrap().matches(&persona), "{text}");
            assert!(Filter::parse(&format!("NOT {text}")).unwrap().matches(&persona), "{text}");
        }
    }
    for text in ["tools:x", "tools:*", "labels:x", "labels:*", "tag:*", "labels.team:*", "description:*"] {
        assert!(!Filter::parse(text).unwrap().matches(&persona), "{text}");
    }
    for text in ["name:*", "dialect:*", "create_time:*", "name:SILENT", "dialect != skill"] {
        assert!(Filter::parse(text).unwrap().matches(&persona), "{text}");
    }
}

#[test]
fn a_part_of_a_text_is_found_in_any_case_of_any_script() {
    let mut persona = silent();
    persona.derived.description = "Straße nach ΟΔΟΣΣΕΑ".to_owned();
    for part in ["STRASSE", "straße", "ΟΔΟΣ", "οδος", "οδοσ", "x"] {
        let found = Filter::parse(&format!("description:\"{part}\"")).unwrap().matches(&persona);
        assert_eq!(found, !["x"].contains(&part), "{part}");
    }
}

#[test]
fn plans_follow_what_is_selective() {
    let plan = |text: &str| Filter::parse(text).unwrap().plan();
    for text in ["NOT tag = a", "tag != a", "tag:a", "name > a", "tag = a OR NOT model = b", "description:x"]
    {
        assert_eq!(plan(text), Plan::All, "{text}");
    }
    assert_eq!(plan("name = a"), Plan::Name("a".parse().unwrap()));
    assert_eq!(plan("name = \"No Name\""), Plan::Any(Vec::new()));
    assert_eq!(plan("tag = a AND description:x"), plan("tag = a"));
    assert!(matches!(plan("tag = a AND model = b"), Plan::Every(plans) if plans.len() == 2));
    assert!(matches!(plan("tag = a OR model = b OR tag = a"), Plan::Any(plans) if plans.len() == 2));
    assert_eq!(plan("labels.team != a AND labels.team > b"), plan("labels:team"));
    let (day, second) = (1_769_817_600_000_000, 1_000_000);
    let between = |from, to| Plan::Between(crate::domain::Timestamp(from), crate::domain::Timestamp(to));
    let span = "create_time >= 2026-01-31 AND create_time < 2026-01-31T00:00:01Z";
    assert_eq!(plan(span), between(day, day + second - 1));
    assert_eq!(plan("create_time > 2026-01-31"), between(day + 1, i64::MAX));
    assert_eq!(plan("create_time > 2026-01-31 AND create_time < 2026-01-31"), Plan::Any(Vec::new()));
}
