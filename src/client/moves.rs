//! The writes beside put and delete: aliases, batches, purges, and the floor of history.

use super::calls::fill;
use super::{Client, ClientError};
use crate::wire::pb;

impl Client {
    /// Points an alias at a version. An empty `request_id` is filled in, so that every attempt is the same request.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn set_alias(
        &self,
        mut request: pb::SetPersonaAliasRequest,
    ) -> Result<pb::SetPersonaAliasResponse, ClientError> {
        fill(&mut request.request_id);
        self.retried(&self.personas, request, |mut personas, request| async move {
            personas.set_persona_alias(request).await
        })
        .await
    }

    /// Removes an alias. An empty `request_id` is filled in, so that every attempt is the same request.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn delete_alias(
        &self,
        mut request: pb::DeletePersonaAliasRequest,
    ) -> Result<pb::DeletePersonaAliasResponse, ClientError> {
        fill(&mut request.request_id);
        self.retried(&self.personas, request, |mut personas, request| async move {
            personas.delete_persona_alias(request).await
        })
        .await
    }

    /// Does several writes at one revision, or none. An empty `request_id` is filled in, so that every attempt is the
    /// same request.
    ///
    /// # Errors
    /// What the registry refuses, with the index of the operation in the metadata, or that it cannot be reached.
    pub async fn batch(
        &self,
        mut request: pb::BatchWritePersonasRequest,
    ) -> Result<pb::BatchWritePersonasResponse, ClientError> {
        fill(&mut request.request_id);
        self.retried(&self.personas, request, |mut personas, request| async move {
            personas.batch_write_personas(request).await
        })
        .await
    }

    /// Removes the bytes of a version. An empty `request_id` is filled in, so that every attempt is the same request.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn purge(
        &self,
        mut request: pb::PurgePersonaVersionRequest,
    ) -> Result<pb::PurgePersonaVersionResponse, ClientError> {
        fill(&mut request.request_id);
        self.retried(&self.personas, request, |mut personas, request| async move {
            personas.purge_persona_version(request).await
        })
        .await
    }

    /// Raises the floor of history; 0: to the registry's revision.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn compact_history(&self, revision: i64) -> Result<pb::CompactHistoryResponse, ClientError> {
        let request = pb::CompactHistoryRequest { revision };
        self.retried(&self.admin, request, |mut admin, request| async move {
            admin.compact_history(request).await
        })
        .await
    }
}
