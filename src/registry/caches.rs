//! What is kept of answers, to be told of.

use std::sync::Arc;

use super::kept::CacheCounts;
use super::shelf::Shelf;
use super::watch::Told;

/// All that is kept of answers.
#[derive(Debug, Clone)]
pub struct Caches {
    /// Versions and pages.
    pub shelf: Arc<Shelf>,
    /// Messages to watchers.
    pub told: Arc<Told>,
}

impl Caches {
    /// How each is doing, by its name.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, CacheCounts); 3] {
        let [versions, pages] = self.shelf.counts();
        [versions, pages, ("messages", self.told.counts())]
    }
}
