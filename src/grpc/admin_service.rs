//! `AdminService`: how the registry stands.

use pb::get_status_response::{Counts, Durability as WireDurability, Limits, WriteState as WireWriteState};
use tonic::{Request, Response, Status};

use super::persona_service::caller;
use crate::domain::limits;
use crate::journal::Durability;
use crate::registry::{Registry, WriteState};
use crate::wire::{self, pb};

/// Answers `AdminService`.
#[derive(Debug, Clone)]
pub struct Admin {
    registry: Registry,
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
        caller(&request)?;
        let status = self.registry.status();
        Ok(Response::new(pb::GetStatusResponse {
            header: Some(wire::header(self.registry.store_id(), status.revision)),
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: "local".to_owned(),
            durability: match status.durability {
                Durability::Strict => WireDurability::Strict,
                Durability::Relaxed => WireDurability::Relaxed,
            }
            .into(),
            start_time: Some(wire::timestamp(status.start_time)),
            write_state: match status.write_state {
                WriteState::Writable => WireWriteState::Writable,
                WriteState::ReadOnly => WireWriteState::ReadOnly,
                WriteState::Full => WireWriteState::Full,
            }
            .into(),
            counts: Some(Counts {
                namespaces: wire::number(status.namespaces),
                personas: wire::number(status.personas),
                versions: wire::number(status.versions),
                watches: wire::number(status.watches),
            }),
            limits: Some(limits(status.watch_streams)),
        }))
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
    }
}
