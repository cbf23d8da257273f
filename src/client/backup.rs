//! A snapshot of the store, as bytes of a file.

use bytes::Bytes;
use tonic::Streaming;

use super::{Client, ClientError};
use crate::wire::pb;

/// A snapshot that is coming.
#[derive(Debug)]
pub struct Backup(Streaming<pb::BackupStoreResponse>);

impl Client {
    /// Begins a snapshot of the whole store. It is not tried again: half a snapshot is none.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn backup(&self) -> Result<Backup, ClientError> {
        let stream = self.admin.clone().backup_store(pb::BackupStoreRequest {}).await;
        let stream = stream.map_err(|status| self.failed(status))?;
        Ok(Backup(stream.into_inner()))
    }
}

impl Backup {
    /// The next bytes of the file; none behind its end.
    ///
    /// # Errors
    /// Why it ended before: what came so far is of no use.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        Ok(self.0.message().await?.map(|message| message.chunk))
    }
}
