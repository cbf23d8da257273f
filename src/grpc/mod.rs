//! gRPC: thin handlers that turn messages into use cases and answers back. No decision is made here.

mod admin_service;
mod audit;
mod made;
mod parse;
mod persona_service;
mod reads;
mod rope;
pub mod status;
mod transport;
mod watch;
mod web;
mod whole;
mod writes;

use prost::Message as _;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

use crate::domain::limits;
use crate::registry::{Caches, Registry};
use crate::wire::pb::admin_service_server::AdminServiceServer;
use crate::wire::pb::persona_service_server::PersonaServiceServer;

pub use self::admin_service::Admin;
pub use self::made::Encoded;
pub use self::persona_service::Personas;
pub use self::rope::Rope;
pub use self::transport::Transport;
pub use self::web::Web;
pub use self::whole::{Reply, Unread};

/// All services, and the switch of their health.
pub struct Services {
    /// What answers calls.
    pub routes: Encoded<Transport<Routes>>,
    /// What load balancers are told.
    pub health: HealthReporter,
    /// What is kept of answers.
    pub caches: Caches,
}

/// The services of a registry: personas, administration, health, and reflection in both versions.
pub async fn services(registry: &Registry) -> Result<Services, tonic_reflection::server::Error> {
    let personas = Personas::new(registry.clone());
    let service =
        PersonaServiceServer::new(personas.clone()).max_decoding_message_size(limits::REQUEST_BYTES);
    let admin = AdminServiceServer::new(Admin::new(registry.clone()))
        .max_decoding_message_size(limits::REQUEST_BYTES);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<PersonaServiceServer<Personas>>().await;
    health.set_serving::<AdminServiceServer<Admin>>().await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(crate::wire::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // So that tools can show the reasons in the details of a status.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = Routes::new(service)
        .add_service(admin)
        .add_service(health_service)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .prepare();
    let caches = personas.caches();
    Ok(Services { routes: Encoded::new(Transport::new(routes), personas), health, caches })
}

/// The paths of all methods, those of health and reflection too.
#[must_use]
pub fn paths() -> Vec<String> {
    let sets = [
        crate::wire::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    // What the build put there can be read.
    let files = sets.into_iter().filter_map(|set| prost_types::FileDescriptorSet::decode(set).ok());
    let mut paths = Vec::new();
    for file in files.flat_map(|set| set.file) {
        for service in &file.service {
            let (package, service_name) = (file.package(), service.name());
            paths
                .extend(service.method.iter().map(|one| format!("/{package}.{service_name}/{}", one.name())));
        }
    }
    paths
}

/// Tells load balancers that nothing here serves any more.
pub async fn set_not_serving(health: &HealthReporter) {
    health.set_not_serving::<PersonaServiceServer<Personas>>().await;
    health.set_not_serving::<AdminServiceServer<Admin>>().await;
    health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
}

/// Ends the streams of whoever watches the health: they have been told, and nobody else would end them.
pub async fn end_health_watches(health: &mut HealthReporter) {
    use tonic::server::NamedService;
    let services = ["", PersonaServiceServer::<Personas>::NAME, AdminServiceServer::<Admin>::NAME];
    for service in services {
        health.clear_service_status(service).await;
    }
}
