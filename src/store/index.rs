//! Finding candidates by their terms.

use super::{Store, StoreError};
use crate::domain::{Alias, Name, Namespace};
use crate::filter::Plan;

impl Store {
    /// Up to `limit` names, in order of (namespace, name), behind `after`, each once, that lead to every persona which
    /// the plan may match at any revision, and that had the alias at any. Fewer than `limit` are the last ones.
    pub fn candidates(
        &self,
        _plan: Option<&Plan>,
        _alias: Option<&Alias>,
        namespace: Option<&Namespace>,
        after: Option<&(Namespace, Name)>,
        limit: usize,
    ) -> Result<Vec<(Namespace, Name)>, StoreError> {
        let mut names = Vec::new();
        let after = after.map(|(namespace, name)| (namespace, name));
        self.heads_after(namespace, after, |namespace, name, _| {
            names.push((namespace, name));
            Ok(names.len() < limit)
        })?;
        Ok(names)
    }
}
