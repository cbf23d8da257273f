//! The calls that a service makes, in the client's namespace. All others are [`Client`]'s.

use bytes::Bytes;

use super::Personas;
use crate::client::{Client, ClientError};
use crate::wire::pb;

/// Which version of a persona.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pick<'a> {
    /// The newest.
    #[default]
    Newest,
    /// The one of this number.
    Version(i64),
    /// The one that this alias names.
    Alias(&'a str),
}

impl Personas {
    /// A persona as the registry has it now.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn fetch(&self, name: &str, pick: Pick<'_>) -> Result<pb::Persona, ClientError> {
        use pb::get_persona_request::Selector;
        let selector = match pick {
            Pick::Newest => None,
            Pick::Version(version) => Some(Selector::Version(version)),
            Pick::Alias(alias) => Some(Selector::Alias(alias.to_owned())),
        };
        let request = pb::GetPersonaRequest {
            namespace: self.namespace(),
            name: name.to_owned(),
            selector,
            ..Default::default()
        };
        self.open()?.read(request).await
    }

    /// The personas that a filter matches (empty: all), without their documents, at one revision.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn list(&self, filter: &str) -> Result<Vec<pb::Persona>, ClientError> {
        let request = pb::ListPersonasRequest {
            namespace: self.namespace(),
            filter: filter.to_owned(),
            ..Default::default()
        };
        Ok(self.open()?.list_all(request).await?.items)
    }

    /// Judges a document without storing it, among the personas of the namespace.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn validate(
        &self,
        document: impl Into<Bytes>,
    ) -> Result<pb::ValidatePersonaResponse, ClientError> {
        let (namespace, content) = (self.namespace(), document.into());
        let request = pb::ValidatePersonaRequest { namespace, content, ..Default::default() };
        self.open()?.validate(request).await
    }

    /// Stores a document; once, however many attempts it takes.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn put(&self, request: pb::PutPersonaRequest) -> Result<pb::PutPersonaResponse, ClientError> {
        self.open()?.put(pb::PutPersonaRequest { namespace: self.namespace(), ..request }).await
    }

    /// Deletes a persona.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn delete(&self, name: &str) -> Result<pb::DeletePersonaResponse, ClientError> {
        let name = name.to_owned();
        let request = pb::DeletePersonaRequest { namespace: self.namespace(), name, ..Default::default() };
        self.open()?.delete(request).await
    }

    /// Points an alias at a version.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn set_alias(
        &self,
        name: &str,
        alias: &str,
        version: i64,
    ) -> Result<pb::SetPersonaAliasResponse, ClientError> {
        let (name, alias) = (name.to_owned(), alias.to_owned());
        let request = pb::SetPersonaAliasRequest {
            namespace: self.namespace(),
            name,
            alias,
            version,
            ..Default::default()
        };
        self.open()?.set_alias(request).await
    }

    /// Removes an alias.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn delete_alias(
        &self,
        name: &str,
        alias: &str,
    ) -> Result<pb::DeletePersonaAliasResponse, ClientError> {
        let (name, alias) = (name.to_owned(), alias.to_owned());
        let request =
            pb::DeletePersonaAliasRequest { namespace: self.namespace(), name, alias, ..Default::default() };
        self.open()?.delete_alias(request).await
    }

    /// Does several writes at one revision, or none.
    ///
    /// # Errors
    /// What the registry refuses, with the index of the operation in the metadata, or that it cannot be reached.
    pub async fn batch_write(
        &self,
        request: pb::BatchWritePersonasRequest,
    ) -> Result<pb::BatchWritePersonasResponse, ClientError> {
        self.open()?.batch(pb::BatchWritePersonasRequest { namespace: self.namespace(), ..request }).await
    }

    /// The client of calls, for as long as it was not closed.
    fn open(&self) -> Result<&Client, ClientError> {
        if *self.shared.closing.borrow() { Err(ClientError::Closed) } else { Ok(self.client()) }
    }

    fn namespace(&self) -> String {
        self.shared.checked.options.namespace.clone()
    }
}
