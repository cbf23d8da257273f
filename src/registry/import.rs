//! The three-way rule: what a folder last brought (the base), what it brings now, and what the registry has.

use super::Error;
use super::judge::{Judge, Verdict};
use super::proposal::{Answer, Import, ImportFile, ImportOutcome, Kept, OnConflict, Proposal};
use crate::domain::{Brought, Change, Commit, Digest, Name, Origin, SourceBase, View};
use crate::store::Head;

/// What the rule says about one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    /// Everything stays as it is.
    Stay,
    /// File and registry agree: that is the new base.
    Adopt,
    /// The file goes into the registry.
    Apply,
    /// Nobody can tell which of the two is right.
    Conflict,
    /// The persona goes.
    Delete,
    /// The persona is gone already: so is the base.
    Forget,
    /// The persona stays, though its file is gone.
    Keep(Kept),
}

/// The rule. `file` is none when the folder has no file of that name any more.
fn decide(
    base: Option<&Brought>,
    file: Option<Digest>,
    registry: Option<Digest>,
    on_conflict: OnConflict,
) -> Move {
    let brought = base.map(|base| base.digest);
    match (file, base) {
        (Some(_), _) if file == brought => Move::Stay,
        (Some(_), _) if file == registry => Move::Adopt,
        (Some(_), _) if registry == brought || on_conflict == OnConflict::FileWins => Move::Apply,
        (Some(_), _) => Move::Conflict,
        (None, None) => Move::Stay,
        (None, Some(_)) if registry.is_none() => Move::Forget,
        (None, Some(_)) if registry != brought => Move::Keep(Kept::Changed),
        (None, Some(base)) if !base.created => Move::Keep(Kept::Foreign),
        (None, Some(_)) => Move::Delete,
    }
}

/// What an import is worth so far.
#[derive(Default)]
struct Worth {
    changes: Vec<Change>,
    bases: Vec<SourceBase>,
    outcomes: Vec<ImportOutcome>,
}

impl Judge<'_> {
    /// Decides every file and every name that is gone, in order.
    pub(super) fn import(&self, proposal: &Proposal, import: &Import) -> Result<Verdict, Error> {
        let mut worth = Worth::default();
        for file in &import.files {
            self.import_file(proposal, import, file, &mut worth)?;
        }
        for name in &import.gone {
            self.import_gone(proposal, import, name, &mut worth)?;
        }
        let Worth { changes, bases, outcomes } = worth;
        let commit = (!bases.is_empty()).then(|| Commit { bases, ..self.commit(proposal, changes) });
        Ok(Verdict { answer: Answer::Imported(outcomes), writes: commit.is_some(), commit })
    }

    fn import_file(
        &self,
        proposal: &Proposal,
        import: &Import,
        file: &ImportFile,
        worth: &mut Worth,
    ) -> Result<(), Error> {
        let (namespace, draft) = (&import.namespace, &file.draft);
        let base = self.base(&import.source, namespace, &draft.name)?;
        let head = self.head(namespace, &draft.name)?;
        let registry = head.as_ref().and_then(Head::digest);
        let mut created = base.as_ref().is_some_and(|base| base.created);
        let outcome = match decide(base.as_ref(), Some(draft.digest), registry, import.on_conflict) {
            Move::Adopt => ImportOutcome::Adopted,
            Move::Apply => {
                let origin = Origin::File { source: import.source.clone(), path: file.path.clone() };
                worth.changes.push(self.new_version(proposal, namespace, draft, head.as_ref(), origin));
                created |= registry.is_none();
                if registry.is_none() { ImportOutcome::Created } else { ImportOutcome::Updated }
            }
            Move::Conflict => ImportOutcome::Conflict(registry),
            _ => ImportOutcome::Unchanged,
        };
        let moved = base.is_none_or(|base| base.path != file.path);
        let settled = match outcome {
            ImportOutcome::Conflict(_) => false,
            ImportOutcome::Unchanged => moved,
            _ => true,
        };
        if settled {
            let brought = Brought { digest: draft.digest, path: file.path.clone(), created };
            worth.bases.push(import.base(&draft.name, Some(brought)));
        }
        worth.outcomes.push(outcome);
        Ok(())
    }

    fn import_gone(
        &self,
        proposal: &Proposal,
        import: &Import,
        name: &Name,
        worth: &mut Worth,
    ) -> Result<(), Error> {
        let base = self.base(&import.source, &import.namespace, name)?;
        let head = self.head(&import.namespace, name)?;
        if let (Some(base), Some(elsewhere)) = (&base, self.elsewhere(import, name)?) {
            worth.bases.push(import.base(name, None));
            let SourceBase { source, namespace, name, brought } = elsewhere;
            let brought = brought.map(|it| Brought { created: it.created || base.created, ..it });
            worth.bases.push(SourceBase { source, namespace, name, brought });
            worth.outcomes.push(ImportOutcome::Kept(Kept::Elsewhere));
            return Ok(());
        }
        let outcome = match (
            decide(base.as_ref(), None, head.as_ref().and_then(Head::digest), import.on_conflict),
            head,
        ) {
            (Move::Delete, Some(head)) if self.is_live_from(import, name, &head)? => {
                let path = base.map(|base| base.path).unwrap_or_default();
                let message = format!("{path} is gone from its folder");
                worth.changes.push(self.tombstone(proposal, &import.namespace, name, &head, message));
                worth.bases.push(import.base(name, None));
                ImportOutcome::Deleted
            }
            (Move::Delete, _) => ImportOutcome::Kept(Kept::Changed),
            (Move::Keep(why), _) => ImportOutcome::Kept(why),
            (Move::Forget, _) => {
                worth.bases.push(import.base(name, None));
                ImportOutcome::Forgotten
            }
            _ => ImportOutcome::Unchanged,
        };
        worth.outcomes.push(outcome);
        Ok(())
    }

    /// The base of another folder for a name.
    fn elsewhere(&self, import: &Import, name: &Name) -> Result<Option<SourceBase>, Error> {
        for source in &import.others {
            if let Some(brought) = self.base(source, &import.namespace, name)? {
                let (source, namespace) = (source.clone(), import.namespace.clone());
                return Ok(Some(SourceBase {
                    source,
                    namespace,
                    name: name.clone(),
                    brought: Some(brought),
                }));
            }
        }
        Ok(None)
    }

    /// Whether the live version is one that the folder brought. Of a version that the group is only about to write
    /// that is not known: it stays, and is asked about again.
    fn is_live_from(&self, import: &Import, name: &Name, head: &Head) -> Result<bool, Error> {
        let live = self.store.row(&import.namespace, name, head.revision, View::Basic)?;
        Ok(live.is_some_and(
            |live| matches!(live.origin, Origin::File { source, .. } if source == import.source),
        ))
    }
}

impl Import {
    fn base(&self, name: &Name, brought: Option<Brought>) -> SourceBase {
        let (source, namespace) = (self.source.clone(), self.namespace.clone());
        SourceBase { source, namespace, name: name.clone(), brought }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A digest by a letter; a blank is none.
    fn digest(letter: char) -> Option<Digest> {
        (letter != ' ').then(|| Digest::of(letter.to_string().as_bytes()))
    }

    #[test]
    fn every_cell_of_the_three_way_rule() {
        use Move::{Adopt, Apply, Conflict, Delete, Forget, Keep, Stay};
        let keep = Keep(Kept::Changed);
        // Base, file, registry; then what happens, and what does when the file wins.
        for (cell, expected, file_wins) in [
            ("   ", Stay, Stay),
            ("  a", Stay, Stay),
            (" a ", Apply, Apply),
            (" aa", Adopt, Adopt),
            (" ab", Conflict, Apply),
            ("a  ", Forget, Forget),
            ("a a", Delete, Delete),
            ("a b", keep, keep),
            ("aa ", Stay, Stay),
            ("aaa", Stay, Stay),
            ("aab", Stay, Stay),
            ("ab ", Conflict, Apply),
            ("aba", Apply, Apply),
            ("abb", Adopt, Adopt),
            ("abc", Conflict, Apply),
        ] {
            let [base, file, registry] = cell.chars().map(digest).collect::<Vec<_>>().try_into().unwrap();
            let brought = |created| base.map(|digest| Brought { digest, path: String::new(), created });
            let of = |created, on_conflict| decide(brought(created).as_ref(), file, registry, on_conflict);
            assert_eq!(of(true, OnConflict::Report), expected, "{cell:?}");
            assert_eq!(of(true, OnConflict::FileWins), file_wins, "{cell:?} with the file winning");
            let foreign = if expected == Delete { Keep(Kept::Foreign) } else { expected };
            assert_eq!(of(false, OnConflict::Report), foreign, "{cell:?} created by another door");
        }
    }
}
