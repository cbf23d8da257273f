//! What came of it: one table, and the reasons beneath.

use std::collections::BTreeSet;
use std::time::Duration;

/// How one scenario ended with one client.
#[derive(Debug, Clone)]
pub enum Outcome {
    Passed(Duration),
    Failed(String),
    Skipped(String),
}

/// Scenarios by clients.
#[derive(Debug)]
pub struct Table {
    rows: Vec<String>,
    columns: Vec<(String, Vec<Outcome>, Duration)>,
}

impl Table {
    pub fn new(rows: Vec<String>) -> Self {
        Self { rows, columns: Vec::new() }
    }

    pub fn add(&mut self, language: &str, outcomes: Vec<Outcome>, took: Duration) {
        self.columns.push((language.to_owned(), outcomes, took));
    }

    /// Prints it, and says whether all is good; where clients are required, one that was skipped is not.
    pub fn print(&self, require: bool) -> bool {
        let first = self.rows.iter().map(String::len).max().unwrap_or(0);
        print!("{:first$}", "");
        for (language, ..) in &self.columns {
            print!("  {language:>10}");
        }
        println!();
        for (number, row) in self.rows.iter().enumerate() {
            print!("{row:first$}");
            for (_, outcomes, _) in &self.columns {
                let word = match outcomes.get(number) {
                    Some(Outcome::Passed(took)) => format!("{:.1} s", took.as_secs_f64()),
                    Some(Outcome::Failed(_)) => "FAIL".to_owned(),
                    Some(Outcome::Skipped(_)) => "skipped".to_owned(),
                    None => "lost".to_owned(),
                };
                print!("  {word:>10}");
            }
            println!();
        }
        print!("{:first$}", "");
        for (_, _, took) in &self.columns {
            print!("  {:>10}", format!("{:.0} s", took.as_secs_f64()));
        }
        println!("\n");
        let mut good = true;
        for (language, outcomes, _) in &self.columns {
            good &= outcomes.len() == self.rows.len();
            let mut skipped = BTreeSet::new();
            for (row, outcome) in self.rows.iter().zip(outcomes) {
                match outcome {
                    Outcome::Passed(_) => {}
                    Outcome::Failed(why) => {
                        good = false;
                        println!("FAIL {language} {row}: {why}");
                    }
                    Outcome::Skipped(why) => {
                        good &= !require;
                        skipped.insert(why);
                    }
                }
            }
            for why in skipped {
                let word = if require { "FAIL" } else { "SKIPPED" };
                println!("{word} {language}: {why}");
                eprintln!("conformance: {language} was skipped: {why}");
            }
        }
        good
    }
}
