//! The calls that end: each tried again while nothing decided it, writes always under one request id.

use std::time::Duration;

use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Backoff, Client, ClientError};
use crate::wire::pb;

impl Client {
    /// One persona; none when it is still the one that `if_none_match` names.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn get(&self, request: pb::GetPersonaRequest) -> Result<Option<pb::Persona>, ClientError> {
        held(
            self.retried(&self.personas, request, |mut personas, request| async move {
                personas.get_persona(request).await
            })
            .await?,
        )
    }

    /// One persona, which the request has no etag of.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn read(&self, request: pb::GetPersonaRequest) -> Result<pb::Persona, ClientError> {
        self.get(request).await?.ok_or(ClientError::Incomplete("the persona"))
    }

    /// One page of personas.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn list_page(
        &self,
        request: pb::ListPersonasRequest,
    ) -> Result<pb::ListPersonasResponse, ClientError> {
        self.retried(&self.personas, request, |mut personas, request| async move {
            personas.list_personas(request).await
        })
        .await
    }

    /// Judges a document without storing it.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn validate(
        &self,
        request: pb::ValidatePersonaRequest,
    ) -> Result<pb::ValidatePersonaResponse, ClientError> {
        self.retried(&self.personas, request, |mut personas, request| async move {
            personas.validate_persona(request).await
        })
        .await
    }

    /// Stores a document. An empty `request_id` is filled in, so that every attempt is the same request.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn put(
        &self,
        mut request: pb::PutPersonaRequest,
    ) -> Result<pb::PutPersonaResponse, ClientError> {
        fill(&mut request.request_id);
        self.retried(&self.personas, request, |mut personas, request| async move {
            personas.put_persona(request).await
        })
        .await
    }

    /// Deletes a persona. An empty `request_id` is filled in, so that every attempt is the same request.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn delete(
        &self,
        mut request: pb::DeletePersonaRequest,
    ) -> Result<pb::DeletePersonaResponse, ClientError> {
        fill(&mut request.request_id);
        self.retried(&self.personas, request, |mut personas, request| async move {
            personas.delete_persona(request).await
        })
        .await
    }

    /// How the registry stands.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn status(&self) -> Result<pb::GetStatusResponse, ClientError> {
        self.retried(&self.admin, pb::GetStatusRequest {}, |mut admin, request| async move {
            admin.get_status(request).await
        })
        .await
    }

    /// Sends a request until it is decided or the attempts are used up; the last answer counts.
    pub(super) async fn retried<C: Clone, Q: Clone, A, F>(
        &self,
        service: &C,
        request: Q,
        // Not `impl AsyncFn`: what that answers cannot be said to be Send, and then no call could be spawned.
        call: impl Fn(C, Request<Q>) -> F,
    ) -> Result<A, ClientError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let mut left = self.options.retries;
        loop {
            let mut attempt = Request::new(request.clone());
            attempt.set_timeout(self.options.call_timeout);
            let error = match call(service.clone(), attempt).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => self.failed(status),
            };
            if left == 0 || !error.is_transient() {
                return Err(error);
            }
            left -= 1;
            tokio::time::sleep(backoff.next_wait(error.retry_delay())).await;
        }
    }
}

/// What an answer holds. Neither a persona nor word that it is as it was: the contract knows no such answer.
fn held(response: pb::GetPersonaResponse) -> Result<Option<pb::Persona>, ClientError> {
    match response.persona {
        None if !response.not_modified => Err(ClientError::Incomplete("the persona")),
        persona => Ok(persona),
    }
}

pub(super) fn fill(request_id: &mut String) {
    if request_id.is_empty() {
        *request_id = new_request_id();
    }
}

/// An id for something that is to be done once. Time-ordered ids keep the registry's records of them together.
#[must_use]
pub fn new_request_id() -> String {
    Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_lacks_what_was_promised_is_an_error() {
        let hollow = pb::GetPersonaResponse::default();
        assert!(matches!(held(hollow.clone()), Err(ClientError::Incomplete("the persona"))));
        let same = pb::GetPersonaResponse { not_modified: true, ..hollow };
        assert!(matches!(held(same), Ok(None)));
    }
}
