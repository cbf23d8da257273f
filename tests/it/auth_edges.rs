//! What somebody tries who may call, and wants more: places in listings that they never came to, tokens that were taken away.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use persona_registry::wire::pb::{self, ErrorReason};
use tonic::Code;

use crate::auth::{caller, seeded};
use crate::harness::{refused, soon};
use crate::issuer::claims;

/// The same token with another place: its first 42 bytes say what it belongs to, its last four are a checksum.
fn elsewhere(token: &str, place: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
    let mut forged = [&bytes[..42], place.as_bytes()].concat();
    forged.extend_from_slice(&crc32c::crc32c(&forged).to_be_bytes());
    URL_SAFE_NO_PAD.encode(forged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_a_page_token_with_a_place_elsewhere_shows_nothing_of_it() {
    let (server, signer, _) = seeded().await;
    let mut admin = caller(&server, Some(&signer.token(&claims("admin")))).await;
    for namespace in ["default", "other"] {
        for alias in ["canary", "stable"] {
            let set = pb::SetPersonaAliasRequest {
                namespace: namespace.to_owned(),
                name: "a".to_owned(),
                alias: alias.to_owned(),
                version: 1,
                message: "secret".to_owned(),
                ..Default::default()
            };
            admin.personas.set_persona_alias(set).await.unwrap();
        }
    }
    let mut reader = caller(&server, Some(&signer.token(&claims("reader")))).await;
    for (namespace, name) in [("default", "a"), ("default", ""), ("-", "")] {
        let list = pb::ListPersonaAliasesRequest {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            page_size: 1,
            ..Default::default()
        };
        let page = reader.personas.list_persona_aliases(list.clone()).await.unwrap().into_inner();
        let next = |place: &str| pb::ListPersonaAliasesRequest {
            page_token: elsewhere(&page.next_page_token, place),
            ..list.clone()
        };
        let same = soon(reader.personas.list_persona_aliases(next("default\0a\0canary"))).await.unwrap();
        assert_eq!(same.into_inner().aliases[0].alias, "stable", "a place of its own");
        let forged = soon(reader.personas.list_persona_aliases(next("other\0a\0a"))).await;
        refused(forged, Code::InvalidArgument, ErrorReason::PageTokenInvalid);
    }
}
