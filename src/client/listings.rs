//! Calls that list, all pages of each: personas, their histories and aliases, namespaces, and files that were refused.

use super::{Client, ClientError};
use crate::wire::pb;

/// Entries asked for at once.
const PAGE: i32 = 500;

/// A listing, and the registry that it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing<T> {
    /// Store and revision, the same for all pages.
    pub header: pb::ResponseHeader,
    /// What was listed.
    pub items: Vec<T>,
}

impl Client {
    /// All personas of a namespace (`-`: of every one) without their documents, at one revision.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn list(&self, namespace: &str) -> Result<Vec<pb::Persona>, ClientError> {
        let namespace = namespace.to_owned();
        Ok(self.list_all(pb::ListPersonasRequest { namespace, ..Default::default() }).await?.items)
    }

    /// All that a request lists, from the first page on, at one revision.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn list_all(
        &self,
        request: pb::ListPersonasRequest,
    ) -> Result<Listing<pb::Persona>, ClientError> {
        let call = |page_token| self.list_page(pb::ListPersonasRequest { page_token, ..request.clone() });
        paged(call, |page| (page.header, page.personas, page.next_page_token), usize::MAX).await
    }

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
        let call = |page_token| {
            let request = pb::ListPersonaVersionsRequest {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                page_size: i32::try_from(most).map_or(PAGE, |most| most.clamp(1, PAGE)),
                page_token,
                ..Default::default()
            };
            self.retried(&self.personas, request, |mut personas, request| async move {
                personas.list_persona_versions(request).await
            })
        };
        Ok(paged(call, |page| (page.header, page.versions, page.next_page_token), most).await?.items)
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
        let call = |page_token| {
            let request = pb::ListPersonaAliasesRequest {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                page_size: PAGE,
                page_token,
                ..Default::default()
            };
            self.retried(&self.personas, request, |mut personas, request| async move {
                personas.list_persona_aliases(request).await
            })
        };
        paged(call, |page| (page.header, page.aliases, page.next_page_token), usize::MAX).await
    }

    /// Namespaces with a live persona, each with the number of them.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn namespaces(&self) -> Result<Vec<pb::list_namespaces_response::Namespace>, ClientError> {
        let call = |page_token| {
            let request = pb::ListNamespacesRequest { page_size: PAGE, page_token };
            self.retried(&self.personas, request, |mut personas, request| async move {
                personas.list_namespaces(request).await
            })
        };
        Ok(paged(call, |page| (page.header, page.namespaces, page.next_page_token), usize::MAX).await?.items)
    }

    /// The files that the registry's folders refused, of a namespace (`-`: of every one), and how many there are with
    /// those that are not listed.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn refused_sources(
        &self,
        namespace: &str,
    ) -> Result<(Vec<pb::RefusedSource>, i64), ClientError> {
        let call = |page_token| {
            let namespace = namespace.to_owned();
            let request = pb::ListRefusedSourcesRequest { namespace, page_size: PAGE, page_token };
            self.retried(&self.admin, request, |mut admin, request| async move {
                admin.list_refused_sources(request).await
            })
        };
        let mut total = 0;
        let listing = paged(
            call,
            |page| {
                total = page.total_size;
                (page.header, page.refused_sources, page.next_page_token)
            },
            usize::MAX,
        );
        let files = listing.await?.items;
        Ok((files, total))
    }

    /// Records of the audit log, newest first: at most `most` of what the request asks for.
    ///
    /// # Errors
    /// What the registry refuses, or that it cannot be reached.
    pub async fn audit_records(
        &self,
        request: pb::ListAuditRecordsRequest,
        most: usize,
    ) -> Result<Vec<pb::AuditRecord>, ClientError> {
        let page_size = i32::try_from(most).map_or(PAGE, |most| most.clamp(1, PAGE));
        let call = |page_token| {
            let request = pb::ListAuditRecordsRequest { page_token, page_size, ..request.clone() };
            self.retried(&self.admin, request, |mut admin, request| async move {
                admin.list_audit_records(request).await
            })
        };
        Ok(paged(call, |page| (page.header, page.audit_records, page.next_page_token), most).await?.items)
    }
}

/// Page after page, until there is no other or `most` entries are there.
async fn paged<P, T, F>(
    call: impl Fn(String) -> F,
    mut parts: impl FnMut(P) -> (Option<pb::ResponseHeader>, Vec<T>, String),
    most: usize,
) -> Result<Listing<T>, ClientError>
where
    F: Future<Output = Result<P, ClientError>>,
{
    let (mut items, mut page_token) = (Vec::new(), String::new());
    loop {
        let (header, page, next) = parts(call(page_token).await?);
        items.extend(page);
        if next.is_empty() || items.len() >= most {
            items.truncate(most);
            return Ok(Listing { header: header.unwrap_or_default(), items });
        }
        page_token = next;
    }
}
