//! The beginning of a stream: what is selected, all of one revision.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Event, MESSAGE_BYTES, MESSAGE_PERSONAS, Phase, Watch, lost};
use crate::domain::{Name, Namespace, Revision};
use crate::registry::Error;

impl Watch {
    pub(super) async fn snapshot(
        &mut self,
        revision: Revision,
        after: Option<(Namespace, Name)>,
        count: u64,
    ) -> Result<(Event, String), Error> {
        let (selection, view, measure) = (Arc::clone(&self.selection), self.request.view, self.measure);
        let (personas, last) = self
            .registry
            .blocking(move |store| {
                let (mut personas, mut bytes, mut last) = (Vec::new(), 0, after.clone());
                loop {
                    let from = last.as_ref().map(|(namespace, name)| (namespace, name));
                    let listed =
                        store.list(selection.namespace.as_ref(), from, revision, MESSAGE_PERSONAS)?;
                    let at_end = listed.len() < MESSAGE_PERSONAS;
                    for one in listed {
                        last = Some((one.namespace.clone(), one.name.clone()));
                        if !selection.takes(&one.namespace, &one.name) {
                            continue;
                        }
                        let row = store.row(&one.namespace, &one.name, one.revision, view)?;
                        let persona = row.ok_or_else(|| lost(&one.namespace, &one.name))?;
                        bytes += measure.of(&persona);
                        personas.push(persona);
                        if bytes >= MESSAGE_BYTES {
                            return Ok((personas, last));
                        }
                    }
                    if at_end {
                        return Ok((personas, None));
                    }
                    if !personas.is_empty() {
                        return Ok((personas, last));
                    }
                }
            })
            .await?;
        if personas.is_empty() {
            self.phase = Phase::Following;
            self.cursor = revision;
            self.progress_at = Instant::now() + self.request.progress_interval;
            return Ok((Event::Synced(revision, count), self.token()));
        }
        let count = count + personas.len() as u64;
        // At the end the next call finds nothing behind the last persona, and says so.
        let last = last.or_else(|| personas.last().map(|one| (one.namespace.clone(), one.name.clone())));
        self.phase = Phase::Snapshot { revision, after: last, count };
        Ok((Event::Snapshot(revision, personas), String::new()))
    }
}
