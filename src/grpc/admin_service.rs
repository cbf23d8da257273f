//! `AdminService`: how the registry stands.

use pb::get_status_response::{
    Counts, Durability as WireDurability, Folder, Limits, WriteState as WireWriteState,
};
use std::pin::Pin;

use prost::Message as _;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::parse::Checks;
use super::persona_service::{caller, peer, refused};
use super::status;
use crate::domain::{Caller, Permission, limits};
use crate::registry::{
    Backup, Durability, Error, FolderState, ListRefused, RefusedReason, RefusedSource, Registry, WriteState,
};
use crate::wire::{self, pb};

/// Answers `AdminService`.
#[derive(Debug, Clone)]
pub struct Admin {
    pub(super) registry: Registry,
}

impl Admin {
    /// Answers from this registry.
    #[must_use]
    pub const fn new(registry: Registry) -> Self {
        Self { registry }
    }
}

#[tonic::async_trait]
impl pb::admin_service_server::AdminService for Admin {
    async fn get_status(
        &self,
        request: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        let (caller, peer) = (caller(&request)?, peer(&request));
        if let Err(denied) = caller.require_in(Permission::Read, None) {
            return Err(refused(&self.registry, &caller, peer, "GetStatus", &denied.into()));
        }
        let status = self.registry.status();
        // How much there is that the caller may not see is not told.
        let sees_all = caller.access.may_everywhere(Permission::Read);
        Ok(Response::new(pb::GetStatusResponse {
            header: Some(wire::header(self.registry.store_id(), status.revision)),
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: "local".to_owned(),
            durability: match status.durability {
                Durability::Strict => WireDurability::Strict,
                Durability::Relaxed => WireDurability::Relaxed,
            }
            .into(),
            floor: wire::number(status.floor.0),
            start_time: Some(wire::timestamp(status.start_time)),
            write_state: match status.write_state {
                WriteState::Writable => WireWriteState::Writable,
                WriteState::ReadOnly => WireWriteState::ReadOnly,
                WriteState::Full => WireWriteState::Full,
            }
            .into(),
            counts: sees_all.then(|| Counts {
                namespaces: wire::number(status.namespaces),
                personas: wire::number(status.personas),
                versions: wire::number(status.versions),
                watches: wire::number(status.watches),
            }),
            limits: Some(limits(status.watch_streams)),
            folders: self.registry.folders(&caller).into_iter().map(folder).collect(),
        }))
    }

    async fn list_refused_sources(
        &self,
        request: Request<pb::ListRefusedSourcesRequest>,
    ) -> Result<Response<pb::ListRefusedSourcesResponse>, Status> {
        let (caller, peer) = (caller(&request)?, peer(&request));
        let answer = self.list_refused(&caller, request.into_inner());
        let refused = |error| refused(&self.registry, &caller, peer, "ListRefusedSources", &error);
        answer.map(Response::new).map_err(refused)
    }

    async fn compact_history(
        &self,
        request: Request<pb::CompactHistoryRequest>,
    ) -> Result<Response<pb::CompactHistoryResponse>, Status> {
        let (caller, peer) = (caller(&request)?, peer(&request));
        let answer = self.compact(&caller, &request.into_inner()).await;
        let refused = |error| refused(&self.registry, &caller, peer, "CompactHistory", &error);
        answer.map(Response::new).map_err(refused)
    }

    async fn list_audit_records(
        &self,
        request: Request<pb::ListAuditRecordsRequest>,
    ) -> Result<Response<pb::ListAuditRecordsResponse>, Status> {
        let (caller, peer) = (caller(&request)?, peer(&request));
        let answer = self.list_audit(&caller, request.into_inner()).await;
        let refused = |error| refused(&self.registry, &caller, peer, "ListAuditRecords", &error);
        answer.map(Response::new).map_err(refused)
    }

    type BackupStoreStream = Pin<Box<dyn Stream<Item = Result<pb::BackupStoreResponse, Status>> + Send>>;

    async fn backup_store(
        &self,
        request: Request<pb::BackupStoreRequest>,
    ) -> Result<Response<Self::BackupStoreStream>, Status> {
        let (caller, peer) = (caller(&request)?, peer(&request));
        let refused = |error| refused(&self.registry, &caller, peer, "BackupStore", &error);
        let backup = self.registry.backup(&caller).await.map_err(refused)?;
        let header = Some(wire::header(self.registry.store_id(), backup.revision()));
        let messages = futures_util::stream::unfold((Some(backup), header), |(backup, header)| async move {
            let mut backup: Backup = backup?;
            Some(match backup.next().await? {
                Ok(chunk) => (Ok(pb::BackupStoreResponse { header, chunk }), (Some(backup), None)),
                Err(error) => (Err(status::of(&error)), (None, None)),
            })
        });
        Ok(Response::new(Box::pin(messages)))
    }
}

impl Admin {
    async fn compact(
        &self,
        caller: &Caller,
        request: &pb::CompactHistoryRequest,
    ) -> Result<pb::CompactHistoryResponse, Error> {
        let mut checks = Checks::default();
        let floor = checks.revision("revision", request.revision);
        checks.done()?;
        let floor = self.registry.compact(caller, Some(floor).filter(|floor| floor.0 > 0)).await?;
        Ok(pb::CompactHistoryResponse {
            header: Some(wire::header(self.registry.store_id(), self.registry.head())),
            floor: wire::number(floor.0),
        })
    }

    fn list_refused(
        &self,
        caller: &Caller,
        request: pb::ListRefusedSourcesRequest,
    ) -> Result<pb::ListRefusedSourcesResponse, Error> {
        let mut checks = Checks::default();
        let namespace = checks.namespaces(&request.namespace);
        let page_size = checks.page_size(request.page_size);
        checks.done()?;
        let list = ListRefused { namespace, page_size, page_token: request.page_token };
        let page = self.registry.list_refused(caller, &list, |file| refused_source(file).encoded_len())?;
        Ok(pb::ListRefusedSourcesResponse {
            header: Some(wire::header(self.registry.store_id(), self.registry.head())),
            refused_sources: page.files.iter().map(|file| refused_source(file)).collect(),
            next_page_token: page.next_page_token,
            total_size: wire::number(page.total),
        })
    }
}

fn folder(state: FolderState) -> Folder {
    Folder {
        namespace: state.namespace.to_string(),
        folder: state.folder,
        following: state.following,
        files: wire::number(state.files),
        refused: wire::number(state.refused_count),
        read_time: Some(wire::timestamp(state.read_time)),
        problem: state.problem.unwrap_or_default(),
        warned: wire::number(state.warned),
        missing: wire::number(state.missing),
    }
}

fn refused_source(file: &RefusedSource) -> pb::RefusedSource {
    use pb::refused_source::Reason;
    pb::RefusedSource {
        namespace: file.namespace.to_string(),
        folder: file.folder.clone(),
        path: file.path.clone(),
        name: file.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        reason: match file.reason {
            RefusedReason::Invalid => Reason::Invalid,
            RefusedReason::DuplicateName => Reason::DuplicateName,
            RefusedReason::Conflict => Reason::Conflict,
            RefusedReason::Unreadable => Reason::Unreadable,
            RefusedReason::NotWritten => Reason::NotWritten,
            RefusedReason::Internal => Reason::Internal,
        }
        .into(),
        message: file.message.clone(),
        diagnostics: wire::diagnostics_at(&file.diagnostics, &file.places),
        refuse_time: Some(wire::timestamp(file.since)),
    }
}

fn limits(watch_streams: u64) -> Limits {
    let number = |limit: usize| wire::number(limit as u64);
    Limits {
        document_bytes: number(limits::DOCUMENT_BYTES),
        front_matter_bytes: number(limits::FRONT_MATTER_BYTES),
        front_matter_depth: number(limits::FRONT_MATTER_DEPTH),
        front_matter_keys: number(limits::FRONT_MATTER_KEYS),
        outline_entries: number(limits::OUTLINE_ENTRIES),
        outline_levels: number(limits::OUTLINE_LEVELS),
        name_bytes: number(limits::NAME_BYTES),
        description_bytes: number(limits::DESCRIPTION_BYTES),
        message_bytes: number(limits::MESSAGE_BYTES),
        labels: number(limits::LABELS),
        label_key_bytes: number(limits::LABEL_KEY_BYTES),
        label_value_bytes: number(limits::LABEL_VALUE_BYTES),
        batch_get_names: number(limits::BATCH_GET_NAMES),
        page_size: number(limits::PAGE_MAX),
        page_bytes: number(limits::PAGE_BYTES),
        response_bytes: number(limits::RESPONSE_BYTES),
        request_bytes: number(limits::REQUEST_BYTES),
        status_bytes: number(limits::STATUS_BYTES),
        watch_names: number(limits::WATCH_NAMES),
        watch_streams: wire::number(watch_streams),
        request_id_bytes: number(limits::REQUEST_ID_BYTES),
        idempotency_window: prost_types::Duration::try_from(limits::IDEMPOTENCY).ok(),
        watch_stretch: number(limits::WATCH_STRETCH),
        aliases: number(limits::ALIASES),
        alias_bytes: number(limits::ALIAS_BYTES),
        filter_bytes: number(limits::FILTER_BYTES),
        history_versions: wire::number(limits::HISTORY_VERSIONS),
        batch_operations: number(limits::BATCH_OPERATIONS),
        batch_bytes: number(limits::BATCH_BYTES),
        history_age: prost_types::Duration::try_from(limits::HISTORY_AGE).ok(),
        sections: number(limits::SECTIONS),
        filter_restrictions: number(limits::FILTER_RESTRICTIONS),
        filter_depth: number(limits::FILTER_DEPTH),
    }
}
