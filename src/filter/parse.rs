//! The grammar of filters: a subset of AIP-160's, with messages that say what belongs where it goes wrong.

use winnow::LocatingSlice;
use winnow::ascii::multispace0;
use winnow::combinator::{alt, not, opt, peek, terminated};
use winnow::error::ParserError;
use winnow::prelude::*;
use winnow::stream::{Location as _, Stateful};
use winnow::token::{any, one_of, rest, take_while};

use super::InvalidFilter;
use super::expr::{Comparison, Expr, FIELDS, Field};
use super::fit::{Operator, Value, Wrong, operators, short, test};
use crate::domain::limits;

/// The text, and how many restrictions were read of it.
type Input<'a> = Stateful<LocatingSlice<&'a str>, usize>;
type Parsed<T> = Result<T, InvalidFilter>;

impl ParserError<Input<'_>> for InvalidFilter {
    type Inner = Self;

    fn from_input(input: &Input<'_>) -> Self {
        Self { position: place(input), problem: "this belongs into no filter".to_owned() }
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

pub(super) fn parse(text: &str) -> Parsed<Expr> {
    let mut input = Input { input: LocatingSlice::new(text), state: 0 };
    blanks(&mut input)?;
    let expr = expression(&mut input, 0)?;
    if peek(opt(any)).parse_next(&mut input)? == Some(')') {
        return wrong(&input, "this `)` closes no parenthesis; leave it out");
    }
    let left = peek(rest).parse_next(&mut input)?;
    if left.is_empty() { Ok(expr) } else { wrong(&input, between(left)) }
}

/// What to say where a restriction is followed by neither AND nor OR.
fn between(left: &str) -> &'static str {
    let word = left.split(|c| !is_plain(c)).next().unwrap_or_default();
    if word.eq_ignore_ascii_case("and") || word.eq_ignore_ascii_case("or") {
        "AND and OR are written in capitals"
    } else {
        "AND or OR belongs here; a value that is more than a word stands in quotes"
    }
}

/// Conjunctions of disjunctions: OR binds tighter, as AIP-160 has it.
fn expression(input: &mut Input<'_>, depth: usize) -> Parsed<Expr> {
    let mut parts = vec![factor(input, depth)?];
    while opt(keyword("AND")).parse_next(input)?.is_some() {
        parts.push(factor(input, depth)?);
    }
    Ok(Expr::all(parts))
}

fn factor(input: &mut Input<'_>, depth: usize) -> Parsed<Expr> {
    let mut parts = vec![term(input, depth)?];
    while opt(keyword("OR")).parse_next(input)?.is_some() {
        parts.push(term(input, depth)?);
    }
    Ok(Expr::any(parts))
}

fn term(input: &mut Input<'_>, mut depth: usize) -> Parsed<Expr> {
    let mut negative = false;
    loop {
        let begun = place(input);
        if opt(alt((keyword("NOT"), ("-", blanks).void()))).parse_next(input)?.is_none() {
            break;
        }
        depth = deeper(begun, depth)?;
        negative = !negative;
    }
    let begun = place(input);
    let simple = if opt(("(", blanks)).parse_next(input)?.is_some() {
        let inner = expression(input, deeper(begun, depth)?)?;
        if opt((")", blanks)).parse_next(input)?.is_none() {
            let left = peek(rest).parse_next(input)?;
            return wrong(input, if left.is_empty() { "`)` belongs here" } else { between(left) });
        }
        inner
    } else {
        restriction(input)?
    };
    Ok(if negative { simple.negated() } else { simple })
}

/// One level more, begun at a place, where that is allowed.
fn deeper(begun: usize, depth: usize) -> Parsed<usize> {
    let most = limits::FILTER_DEPTH;
    if depth < most {
        return Ok(depth + 1);
    }
    wrong_at(begun, format!("parentheses and negations nest at most {most} deep; write it with fewer"))
}

fn restriction(input: &mut Input<'_>) -> Parsed<Expr> {
    let begun = place(input);
    if input.state >= limits::FILTER_RESTRICTIONS {
        let most = limits::FILTER_RESTRICTIONS;
        return wrong(input, format!("a filter has at most {most} restrictions; ask for less at once"));
    }
    input.state += 1;
    if peek(opt(one_of(['"', '\'']))).parse_next(input)?.is_some() {
        return wrong(input, "text alone searches nothing; say where, such as description:\"two words\"");
    }
    let word = take_while(0.., is_plain).parse_next(input)?;
    match word.to_ascii_uppercase().as_str() {
        "" => return wrong_at(begun, format!("{RESTRICTION} belongs here")),
        "AND" | "OR" | "NOT" if word.chars().all(char::is_uppercase) => {
            return wrong_at(begun, format!("{RESTRICTION} belongs here, not {word}"));
        }
        capitals @ ("AND" | "OR" | "NOT") => {
            return wrong_at(begun, format!("{capitals} is written in capitals"));
        }
        _ => {}
    }
    let mut field = Field::named(word);
    if field.is_none() {
        take_while(0.., |c| is_plain(c) || c == '.' || c == '-').void().parse_next(input)?;
    } else if opt(".").parse_next(input)?.is_some() {
        if field != Some(Field::Labels) {
            return wrong_at(begun, format!("{word} has no parts; only labels has, by key"));
        }
        field = Some(Field::Label(key(input)?));
    }
    blanks(input)?;
    let at_operator = place(input);
    let operator = opt(operator).parse_next(input)?;
    let Some(field) = field else {
        let word = short(word);
        return wrong_at(
            begun,
            match operator {
                Some(_) => format!("there is no field `{word}`; fields are {FIELDS}"),
                None => format!("`{word}` alone searches nothing; say where, such as description:{word}"),
            },
        );
    };
    let Some(operator) = operator else {
        return wrong(input, format!("an operator belongs here: {}", operators(&field)));
    };
    blanks(input)?;
    let at_value = place(input);
    let value = value(input)?;
    blanks(input)?;
    match test(field, operator, value) {
        Ok(expr) => Ok(expr),
        Err(Wrong::Operator(problem)) => wrong_at(at_operator, problem),
        Err(Wrong::Value(problem)) => wrong_at(at_value, problem),
    }
}

const RESTRICTION: &str = "a restriction such as labels.team = \"payments\"";

/// The key of a label, behind the point.
fn key(input: &mut Input<'_>) -> Parsed<String> {
    if peek(opt("\"")).parse_next(input)?.is_some() {
        return quoted(input);
    }
    let key = take_while(0.., |c: char| is_plain(c) || c == '-').parse_next(input)?;
    let odd = peek(opt(one_of(['.', '/']))).parse_next(input)?;
    if key.is_empty() {
        return wrong(input, "a label's key belongs here: a word, or text in quotes");
    }
    if odd.is_some() {
        return wrong(
            input,
            "a key that is more than letters, digits, - and _ stands in quotes: labels.\"a.b\"",
        );
    }
    Ok(key.to_owned())
}

fn operator(input: &mut Input<'_>) -> Parsed<Operator> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    alt((
        "!=".value(Operator::Compares(NotEqual)),
        "<=".value(Operator::Compares(LessOrEqual)),
        ">=".value(Operator::Compares(GreaterOrEqual)),
        "=".value(Operator::Compares(Equal)),
        "<".value(Operator::Compares(Less)),
        ">".value(Operator::Compares(Greater)),
        ":".value(Operator::Has),
    ))
    .parse_next(input)
}

fn value(input: &mut Input<'_>) -> Parsed<Value> {
    let first = peek(opt(any)).parse_next(input)?;
    match first {
        Some('"') => return Ok(Value { text: quoted(input)?, quoted: true }),
        Some('\'') => return wrong(input, "text stands in double quotes"),
        Some('(') => return wrong(input, "a single value belongs here; ask for each: tag = a OR tag = b"),
        _ => {}
    }
    let begun = place(input);
    let word = take_while(0.., is_of_word).parse_next(input)?;
    if word.is_empty() {
        return wrong(input, "a value belongs here: a word, or text in quotes");
    }
    if matches!(word, "AND" | "OR" | "NOT") {
        return wrong_at(begun, format!("a value belongs here; {word} is one in quotes only"));
    }
    Ok(Value { text: word.to_owned(), quoted: false })
}

/// Text in quotes, with `\"` and `\\`.
fn quoted(input: &mut Input<'_>) -> Parsed<String> {
    let begun = place(input);
    "\"".parse_next(input)?;
    let mut text = String::new();
    loop {
        text.push_str(take_while(0.., |c| c != '"' && c != '\\').parse_next(input)?);
        let at_mark = place(input);
        match opt(any).parse_next(input)? {
            Some('"') => return Ok(text),
            None => return wrong_at(begun, "this quote is not closed"),
            Some(_) => match opt(one_of(['"', '\\'])).parse_next(input)? {
                Some(marked) => text.push(marked),
                None => {
                    return wrong_at(at_mark, "`\\` stands before \" or another \\ only; write \\\\ for one");
                }
            },
        }
    }
}

/// A word of the grammar, and the blanks behind it.
fn keyword<'a>(word: &'static str) -> impl Parser<Input<'a>, (), InvalidFilter> {
    terminated(word, (not(one_of(is_plain)), blanks)).void()
}

fn blanks(input: &mut Input<'_>) -> Parsed<()> {
    multispace0.void().parse_next(input)
}

/// Characters of fields, plain keys and words of the grammar.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Characters of values without quotes.
fn is_of_word(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"()\"'<>=!,".contains(c)
}

/// Where the parser is, in bytes from the beginning.
fn place(input: &Input<'_>) -> usize {
    input.current_token_start()
}

fn wrong<T>(input: &Input<'_>, problem: impl Into<String>) -> Parsed<T> {
    wrong_at(place(input), problem)
}

fn wrong_at<T>(position: usize, problem: impl Into<String>) -> Parsed<T> {
    Err(InvalidFilter { position, problem: problem.into() })
}
