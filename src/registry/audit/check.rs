//! The audit log looked through while no registry runs: by itself, and beside the journal.

use std::collections::BTreeSet;

use super::derive::count;
use crate::audit::{self, Verified};
use crate::domain::{Commit, Sequence, StoreId};
use crate::registry::offline::{AuditFacts, Checked};
use crate::store::DataDir;

/// Commits that a finding lists.
const LISTED: usize = 10;

/// A look under way; without a log it finds nothing.
#[derive(Debug, Default)]
pub(in crate::registry) struct Checking {
    verified: Option<Verified>,
    behind: u64,
    /// Commits whose records are not as many as they should be.
    wrong: BTreeSet<u64>,
}

impl Checking {
    /// Looks through the log, and notes what is wrong with it. `oldest` is the first commit that the journal has.
    pub(in crate::registry) fn begin(
        dir: &DataDir,
        store_id: StoreId,
        oldest: Sequence,
        checked: &mut Checked,
    ) -> Self {
        let verified = match audit::verify(&dir.audit(), store_id, oldest.0) {
            Ok(verified) => verified,
            Err(error) => {
                checked.found("audit", &error);
                None
            }
        };
        for (file, problem) in verified.iter().flat_map(|verified| &verified.findings) {
            checked.found(&format!("audit/{file}"), problem);
        }
        Self { verified, ..Self::default() }
    }

    /// Holds a commit of the journal against its records.
    pub(in crate::registry) fn compare(&mut self, commit: &Commit) {
        let Some(verified) = &self.verified else { return };
        let (sequence, (since, next)) = (commit.sequence.0, verified.commits);
        if sequence >= next {
            self.behind += 1;
        } else if sequence >= since && verified.of_commits.get(&sequence) != Some(&count(commit)) {
            self.wrong.insert(sequence);
        }
    }

    /// Notes what came of it.
    pub(in crate::registry) fn end(self, checked: &mut Checked) {
        let Some(verified) = self.verified else { return };
        if !self.wrong.is_empty() {
            let listed: Vec<_> = self.wrong.iter().take(LISTED).map(ToString::to_string).collect();
            let more = if self.wrong.len() > LISTED { ", …" } else { "" };
            let problem = format!(
                "{} commits of the journal have not the records that they should: {}{more}",
                self.wrong.len(),
                listed.join(", ")
            );
            checked.found("audit", &problem);
        }
        checked.audit = Some(AuditFacts {
            files: verified.files,
            records: verified.records,
            times: verified.times,
            head: verified.head.map(|(seq, link)| (seq, link.to_string())),
            behind: self.behind,
        });
    }
}
