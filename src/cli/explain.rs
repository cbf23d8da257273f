//! `persona explain`: what a rule finds and why, from the pages of the documentation.

use super::{Failure, Outcome, Output};
use crate::diagnostic::{Code, did_you_mean};

/// Explain a rule: why it is there, what fires it, how to mend it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A code such as SYN008, or a name such as unquoted-colon; none: all rules, a line each
    #[arg(value_name = "RULE")]
    rule: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  persona explain SYN008
  persona explain unquoted-colon
  persona explain | grep REF";

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let Some(asked) = &args.rule else {
        for code in Code::ALL {
            let rule = code.rule();
            out.line(&format!("{code}  {:<34}{}", code.name(), rule.summary))?;
        }
        return Ok(Outcome::Done);
    };
    let code = Code::ALL
        .iter()
        .find(|code| code.as_str().eq_ignore_ascii_case(asked) || code.name().eq_ignore_ascii_case(asked));
    let Some(code) = code else {
        let words = Code::ALL.iter().flat_map(|code| [code.as_str(), code.name()]);
        let near = did_you_mean(asked, words).map_or_else(String::new, |near| format!("; {near}"));
        return Err(Failure::Usage(format!("`{asked}` is no rule{near}")));
    };
    out.bytes(code.page().as_bytes())?;
    Ok(Outcome::Done)
}
