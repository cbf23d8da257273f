//! The beginning of a stream: what is selected, all of one revision.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Event, MESSAGE_BYTES, MESSAGE_PERSONAS, Phase, Watch};
use crate::domain::{Name, Namespace, Revision};
use crate::registry::Error;
use crate::store::Store;

impl Watch {
    pub(super) async fn snapshot(
        &mut self,
        revision: Revision,
        after: Option<(Namespace, Name)>,
        count: u64,
    ) -> Result<(Event, String), Error> {
        let (selection, view, measure) = (Arc::clone(&self.selection), self.request.view, self.measure);
        let read = move |store: &Store| {
            let (mut personas, mut bytes) = (Vec::new(), 0);
            selection.walk(store, revision, view, after.clone(), |persona| {
                bytes += measure.of(&persona);
                personas.push(persona);
                Ok(bytes < MESSAGE_BYTES && personas.len() < MESSAGE_PERSONAS)
            })?;
            Ok(personas)
        };
        let personas = self.unpruned(revision, read).await?;
        if personas.is_empty() {
            self.phase = Phase::Following;
            self.cursor = revision;
            self.progress_at = Instant::now() + self.request.progress_interval;
            return Ok((Event::Synced(revision, count), self.token()));
        }
        let count = count + personas.len() as u64;
        // At the end the next call finds nothing behind the last persona, and says so.
        let last = personas.last().map(|one| (one.namespace.clone(), one.name.clone()));
        self.phase = Phase::Snapshot { revision, after: last, count };
        Ok((Event::Snapshot(revision, personas), String::new()))
    }
}
