//! Stores with many personas: made by commits of forty, and again by a folder of files and by a backup.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pb::batch_write_personas_request::{Operation, Put, operation::Kind};
use pb::persona_service_client::PersonaServiceClient;
use persona_registry::domain::limits;
use persona_registry::wire::pb;

use crate::common::Failure;
use crate::stores::document;

/// Commits in flight.
const WRITERS: usize = 8;

/// A set of personas.
#[derive(Clone)]
pub struct Set {
    pub personas: usize,
    /// Bytes of each document.
    pub size: usize,
    pub seed: usize,
    pub lines: Arc<Vec<String>>,
}

impl Set {
    pub fn name(number: usize) -> String {
        format!("persona-{number:07}")
    }

    /// The document of a persona; another text each time.
    pub fn document(&self, number: usize, time: usize) -> Vec<u8> {
        let text = self.seed.wrapping_add(number).wrapping_mul(1_000_003).wrapping_add(time);
        document(&Self::name(number), text, &self.lines, self.size)
    }

    /// Writes all of them into a server by commits of forty; seconds and bytes.
    pub async fn write(&self, address: &str) -> Result<(f64, usize), Failure> {
        let (begun, mut writers) = (Instant::now(), tokio::task::JoinSet::new());
        for writer in 0..WRITERS {
            let mut client = PersonaServiceClient::connect(format!("http://{address}")).await?;
            let set = self.clone();
            writers.spawn(async move {
                let mut bytes = 0;
                let commits = set.personas.div_ceil(limits::BATCH_OPERATIONS);
                for commit in (writer..commits).step_by(WRITERS) {
                    let first = commit * limits::BATCH_OPERATIONS;
                    let numbers = first..set.personas.min(first + limits::BATCH_OPERATIONS);
                    let documents: Vec<_> = numbers.map(|number| set.document(number, 0)).collect();
                    bytes += documents.iter().map(Vec::len).sum::<usize>();
                    let operations = documents.into_iter().map(|content| {
                        let put = Put { content: content.into(), ..Put::default() };
                        Operation { kind: Some(Kind::Put(put)) }
                    });
                    let request = pb::BatchWritePersonasRequest {
                        operations: operations.collect(),
                        ..Default::default()
                    };
                    client.batch_write_personas(request).await?;
                    if commit % 1000 == 999 {
                        println!("  {} of {} written", first + limits::BATCH_OPERATIONS, set.personas);
                    }
                }
                Ok::<_, tonic::Status>(bytes)
            });
        }
        let mut bytes = 0;
        while let Some(done) = writers.join_next().await {
            bytes += done??;
        }
        Ok((begun.elapsed().as_secs_f64(), bytes))
    }

    /// Writes them as files.
    pub fn files(&self, folder: &Path) -> Result<(), Failure> {
        for number in 0..self.personas {
            let part = folder.join(format!("area-{}", number % 50));
            fs::create_dir_all(&part)?;
            fs::write(part.join(format!("{}.md", Self::name(number))), self.document(number, 0))?;
        }
        Ok(())
    }
}
