//! Calls that ask what was and what names it: histories, aliases and namespaces, all pages of each.

use super::{Client, ClientError};
use crate::wire::pb;

/// Entries asked for at once.
const PAGE: i32 = 500;

/// A listing, and the registry that it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing<T> {
    /// Store and revision of the first page.
    pub header: pb::ResponseHeader,
    /// What was listed.
    pub items: Vec<T>,
}

impl Client {
    /// What happened to a persona, newest first: at most `most` entries.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn versions(
        &self,
        namespace: &str,
        name: &str,
        most: usize,
    ) -> Result<Vec<pb::PersonaVersion>, ClientError> {
        let mut all = Vec::new();
        let mut request = pb::ListPersonaVersionsRequest {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            ..Default::default()
        };
        loop {
            let left = most.saturating_sub(all.len());
            request.page_size = i32::try_from(left).map_or(PAGE, |left| left.clamp(1, PAGE));
            let page = self
                .retried(request.clone(), |request| {
                    let mut client = self.personas.clone();
                    async move { client.list_persona_versions(request).await }
                })
                .await?;
            all.extend(page.versions);
            if page.next_page_token.is_empty() || all.len() >= most {
                all.truncate(most);
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// The aliases of a persona, or with an empty name those of a namespace (`-`: of every one), at one revision.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn aliases(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Listing<pb::PersonaAlias>, ClientError> {
        let mut listing = Listing { header: pb::ResponseHeader::default(), items: Vec::new() };
        let mut request = pb::ListPersonaAliasesRequest {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            page_size: PAGE,
            ..Default::default()
        };
        loop {
            let page = self
                .retried(request.clone(), |request| {
                    let mut client = self.personas.clone();
                    async move { client.list_persona_aliases(request).await }
                })
                .await?;
            listing.items.extend(page.aliases);
            listing.header = page.header.unwrap_or_default();
            if page.next_page_token.is_empty() {
                return Ok(listing);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Namespaces with a live persona, each with the number of them.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn namespaces(&self) -> Result<Vec<pb::list_namespaces_response::Namespace>, ClientError> {
        let mut all = Vec::new();
        let mut request = pb::ListNamespacesRequest { page_size: PAGE, ..Default::default() };
        loop {
            let page = self
                .retried(request.clone(), |request| {
                    let mut client = self.personas.clone();
                    async move { client.list_namespaces(request).await }
                })
                .await?;
            all.extend(page.namespaces);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }
}
