//! The deed: batches of what the plan holds. What one operation is refused for stops no other, unless all are one.

use std::collections::VecDeque;

use super::plan::{Result as Ended, Step};
use crate::cli::Failure;
use crate::client::{Client, ClientError};
use crate::domain::limits;
use crate::wire::pb;
use crate::wire::pb::ErrorReason;
use crate::wire::pb::batch_write_personas_request::Operation;

/// How the deed is done.
pub(super) struct Deed<'a> {
    pub(super) client: &'a Client,
    pub(super) namespace: &'a str,
    pub(super) message: String,
    pub(super) dry_run: bool,
    /// One batch, or nothing.
    pub(super) atomic: bool,
}

/// Why the steps do not fit into one batch; none where they do.
pub(super) fn too_much(steps: &[Step]) -> Option<String> {
    let writes = steps.iter().filter(|step| step.write.is_some());
    let (count, bytes) = (writes.clone().count(), writes.map(Step::bytes).sum::<usize>());
    (count > limits::BATCH_OPERATIONS || bytes > limits::BATCH_BYTES).then(|| {
        format!(
            "{count} writes with {} KiB of documents are more than one batch takes ({} and {} KiB); leave out --atomic, or \
             apply a part at a time",
            bytes.div_ceil(1024),
            limits::BATCH_OPERATIONS,
            limits::BATCH_BYTES / 1024
        )
    })
}

impl Deed<'_> {
    /// Does all that is to be done, and notes how each step ended. `tell` hears how many are settled.
    pub(super) async fn run(&self, steps: &mut [Step], tell: &dyn Fn(usize)) -> Result<(), Failure> {
        let mut waiting: VecDeque<&mut Step> = steps.iter_mut().filter(|step| step.write.is_some()).collect();
        let mut settled = 0;
        while !waiting.is_empty() {
            let mut batch = next(&mut waiting);
            settled += batch.len();
            while !batch.is_empty() {
                match self.send(&batch).await {
                    Ok(response) => {
                        for (step, result) in batch.drain(..).zip(response.results) {
                            let (version, revision) = (result.version, result.revision);
                            step.result = Ended::Done { version, revision };
                        }
                    }
                    Err(error) => match settled_alone(&error).filter(|_| !self.atomic) {
                        Some((index, ended)) if index < batch.len() => batch.remove(index).result = ended,
                        _ => return Err(self.failed(error)),
                    },
                }
            }
            tell(settled);
        }
        Ok(())
    }

    async fn send(&self, batch: &[&mut Step]) -> Result<pb::BatchWritePersonasResponse, ClientError> {
        let operations = batch.iter().map(|step| Operation { kind: step.write.clone() });
        let request = pb::BatchWritePersonasRequest {
            namespace: self.namespace.to_owned(),
            operations: operations.collect(),
            message: self.message.clone(),
            validate_only: self.dry_run,
            ..Default::default()
        };
        self.client.batch(request).await
    }

    fn failed(&self, error: ClientError) -> Failure {
        let help = match &error {
            error if error.is_undecided() && !self.dry_run => Some(
                "what was sent last may have happened; the same command again looks first and does nothing twice",
            ),
            ClientError::Refused(refusal) if self.atomic && refusal.metadata.contains_key("index") => {
                Some("nothing was applied; apply again to plan with what the registry has now")
            }
            _ => None,
        };
        Failure::Client { error, help: help.map(ToOwned::to_owned) }
    }
}

/// The operation that a batch was refused for, and how that one ends, where the others can go without it.
fn settled_alone(error: &ClientError) -> Option<(usize, Ended)> {
    let ClientError::Refused(refusal) = error else { return None };
    let index = refusal.metadata.get("index")?.parse().ok()?;
    let message = refusal.message.clone();
    let ended = match refusal.reason? {
        ErrorReason::EtagMismatch | ErrorReason::PersonaExists | ErrorReason::PersonaNotFound => {
            Ended::Lost(message)
        }
        // Its rules may be newer than those of this client.
        ErrorReason::PersonaInvalid
        | ErrorReason::PersonaTooLarge
        | ErrorReason::NameInvalid
        | ErrorReason::ArgumentInvalid => Ended::Refused(message),
        _ => return None,
    };
    Some((index, ended))
}

/// As many of the first steps as one batch takes.
fn next<'s>(waiting: &mut VecDeque<&'s mut Step>) -> Vec<&'s mut Step> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while let Some(step) = waiting.front() {
        bytes += step.bytes();
        if batch.len() >= limits::BATCH_OPERATIONS || (bytes > limits::BATCH_BYTES && !batch.is_empty()) {
            break;
        }
        batch.extend(waiting.pop_front());
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Refusal;

    #[test]
    fn what_one_operation_is_refused_for_is_told_from_what_stops_all() {
        let error = |reason, index: Option<&str>| {
            let metadata = index.map(|index| ("index".to_owned(), index.to_owned()));
            ClientError::Refused(Box::new(Refusal {
                code: tonic::Code::InvalidArgument,
                reason: Some(reason),
                message: "no".to_owned(),
                metadata: metadata.into_iter().collect(),
                violations: Vec::new(),
                retry_delay: None,
                call_id: None,
            }))
        };
        let no = || "no".to_owned();
        for (error, settled) in [
            (error(ErrorReason::EtagMismatch, Some("3")), Some((3, Ended::Lost(no())))),
            (error(ErrorReason::PersonaExists, Some("0")), Some((0, Ended::Lost(no())))),
            (error(ErrorReason::PersonaInvalid, Some("1")), Some((1, Ended::Refused(no())))),
            (error(ErrorReason::PersonaInvalid, None), None),
            (error(ErrorReason::StoreFull, Some("1")), None),
            (error(ErrorReason::BatchTooLarge, None), None),
        ] {
            assert_eq!(settled_alone(&error), settled, "{error:?}");
        }
    }
}
