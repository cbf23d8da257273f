//! The services that are not ours but that tools ask for: health and reflection.

use prost::Message as _;
use prost_types::FileDescriptorProto;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{Server, soon};

const SERVICES: [&str; 2] = ["persona.registry.v1.AdminService", "persona.registry.v1.PersonaService"];

#[tokio::test]
async fn health_tells_that_each_service_serves() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel().await);
    for service in ["", SERVICES[0], SERVICES[1]] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = soon(health.check(request)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
    }
    let request = HealthCheckRequest { service: "never.heard.of.It".to_owned() };
    assert_eq!(health.check(request).await.unwrap_err().code(), Code::NotFound);
}

/// Both versions of reflection have the same messages under two names.
macro_rules! reflection_test {
    ($name:ident, $version:ident) => {
        #[tokio::test]
        async fn $name() {
            use reflection::server_reflection_client::ServerReflectionClient;
            use reflection::server_reflection_request::MessageRequest;
            use reflection::server_reflection_response::MessageResponse;
            use tonic_reflection::pb::$version as reflection;

            let server = Server::start().await;
            let mut client = ServerReflectionClient::new(server.channel().await);
            let asked = [
                MessageRequest::ListServices(String::new()),
                MessageRequest::FileContainingSymbol(SERVICES[1].to_owned()),
                MessageRequest::FileByFilename("persona/registry/v1/persona.proto".to_owned()),
                MessageRequest::FileContainingSymbol("grpc.health.v1.Health".to_owned()),
                MessageRequest::FileContainingSymbol("google.rpc.ErrorInfo".to_owned()),
            ];
            let asked = asked.map(|message| reflection::ServerReflectionRequest {
                host: String::new(),
                message_request: Some(message),
            });
            let answers = client.server_reflection_info(tokio_stream::iter(asked)).await.unwrap();
            let mut answers = answers.into_inner();
            let Some(MessageResponse::ListServicesResponse(list)) =
                soon(answers.message()).await.unwrap().unwrap().message_response
            else {
                panic!("the services")
            };
            let listed: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
            for service in SERVICES {
                assert!(listed.iter().any(|name| name == service), "{service} in {listed:?}");
            }
            let mut files = Vec::new();
            for _ in 0..4 {
                let Some(MessageResponse::FileDescriptorResponse(found)) =
                    soon(answers.message()).await.unwrap().unwrap().message_response
                else {
                    panic!("a descriptor")
                };
                let file = found.file_descriptor_proto[0].as_slice();
                files.push(FileDescriptorProto::decode(file).unwrap());
            }
            let methods: Vec<_> = files[0].service[0].method.iter().map(|it| it.name().to_owned()).collect();
            assert!(methods.iter().any(|name| name == "WatchPersonas"), "{methods:?}");
            assert!(files[1].message_type.iter().any(|message| message.name() == "Persona"));
            assert_eq!(files[2].package(), "grpc.health.v1");
            assert_eq!(files[3].package(), "google.rpc", "the reasons of refusals can be shown");
        }
    };
}

reflection_test!(reflection_v1_gives_services_and_descriptors, v1);
reflection_test!(reflection_v1alpha_gives_services_and_descriptors, v1alpha);
