//! Each limit of the contract, met and passed by one, over the wire; and GetStatus, which repeats them.

use std::time::Duration;

use prost::Message as _;
use tonic::{Code, Status};

use crate::harness::{Server, document, get, metadata, put, refused, soon};
use persona_registry::domain::limits;
use persona_registry::wire::pb::get_status_response::Limits;
use persona_registry::wire::pb::watch_personas_response::Event;
use persona_registry::wire::pb::{self, ErrorReason};

const KIB: usize = 1024;

#[track_caller]
fn argument<T: std::fmt::Debug>(answer: Result<T, Status>, field: &str) {
    let status = refused(answer, Code::InvalidArgument, ErrorReason::ArgumentInvalid);
    assert_eq!(metadata(&status, "field"), field);
}

/// A document whose front matter, after name and description, is this text.
fn with_front(more: &str) -> pb::PutPersonaRequest {
    let text = format!("---\nname: a\ndescription: x\n{more}---\nbody\n");
    pb::PutPersonaRequest { content: text.into_bytes().into(), ..Default::default() }
}

#[tokio::test]
async fn limits_are_told_by_the_status() {
    let server = Server::start_with(|options| options.registry.watch_streams = 7).await;
    let status = server.admin().await.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
    let told = Limits {
        document_bytes: 256 * 1024,
        front_matter_bytes: 16 * 1024,
        front_matter_depth: 16,
        front_matter_keys: 256,
        outline_entries: 256,
        outline_levels: 3,
        name_bytes: 64,
        description_bytes: 8 * 1024,
        message_bytes: 1024,
        labels: 64,
        label_key_bytes: 63,
        label_value_bytes: 256,
        batch_get_names: 100,
        page_size: 500,
        page_bytes: 2 * 1024 * 1024,
        response_bytes: 3 * 1024 * 1024,
        request_bytes: 4 * 1024 * 1024,
        status_bytes: 4 * 1024,
        watch_names: 1000,
        watch_streams: 7,
        request_id_bytes: 128,
        idempotency_window: Some(prost_types::Duration { seconds: 24 * 60 * 60, nanos: 0 }),
        watch_stretch: 4096,
        aliases: 32,
        alias_bytes: 64,
        filter_bytes: 4 * 1024,
        history_versions: 50,
        batch_operations: 40,
        batch_bytes: 640 * 1024,
        history_age: Some(prost_types::Duration { seconds: 30 * 24 * 60 * 60, nanos: 0 }),
        sections: 64,
        filter_restrictions: 128,
        filter_depth: 32,
    };
    assert_eq!(status.limits, Some(told));
    assert_eq!(limits::WATCH_STREAMS, 20_000);
    assert_eq!(limits::PAGE_DEFAULT, 50);
    assert_eq!(
        [limits::PROGRESS_MIN, limits::PROGRESS_DEFAULT, limits::PROGRESS_MAX].map(|it| it.as_secs()),
        [1, 15, 60]
    );
}

#[tokio::test]
async fn limits_of_a_document_hold_at_the_last_byte() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let fixed = document("a", "").len();
    let body = "word ".repeat(256 * KIB / 5 + 1);
    let sized = |size: usize| put("a", &body[..size - fixed]);
    let largest = sized(256 * KIB);
    assert_eq!(largest.content.len(), 256 * KIB);
    client.put_persona(largest).await.unwrap();
    let answer = client.put_persona(sized(256 * KIB + 1)).await;
    refused(answer, Code::InvalidArgument, ErrorReason::PersonaTooLarge);

    // From here on what is at the limit is stored, and one past it is a finding.
    let fences = with_front("").content.len() - "body\n".len();
    let front = |size: usize| with_front(&format!("# {}\n", "c".repeat(size - fences - 3)));
    let depth =
        |depth: usize| with_front(&format!("x: {}{}\n", "[".repeat(depth - 1), "]".repeat(depth - 1)));
    let keys = |count: usize| {
        let half = (count - 2) / 2;
        let nested: String = (0..half).map(|key| format!("  n{key}: 1\n")).collect();
        let flat: String = (0..count - 3 - half).map(|key| format!("k{key}: 1\n")).collect();
        with_front(&format!("{flat}nested:\n{nested}"))
    };
    let description = |size: usize| {
        let text = format!("---\nname: a\ndescription: {}\n---\nbody\n", "d".repeat(size));
        pb::PutPersonaRequest { content: text.into_bytes().into(), ..Default::default() }
    };
    let labels = |count: usize| {
        let labels: String = (0..count).map(|label| format!("  l{label}: x\n")).collect();
        with_front(&format!("labels:\n{labels}"))
    };
    let key = |size: usize| with_front(&format!("labels:\n  {}: x\n", "k".repeat(size)));
    let value = |size: usize| with_front(&format!("labels:\n  k: {}\n", "v".repeat(size)));
    for (what, at_limit, past) in [
        ("front matter bytes", front(16 * KIB), front(16 * KIB + 1)),
        ("front matter depth", depth(16), depth(17)),
        ("front matter keys", keys(256), keys(257)),
        ("description", description(8 * KIB), description(8 * KIB + 1)),
        ("labels", labels(64), labels(65)),
        ("label key", key(63), key(64)),
        ("label value", value(256), value(257)),
    ] {
        let stored = client.put_persona(at_limit).await;
        let stored = stored.unwrap_or_else(|status| panic!("{what}: {status:?}")).into_inner();
        // Keys of one's own are told of once a file, as an info.
        assert!(stored.diagnostics.iter().all(|one| one.code == "SCH108"), "{what}");
        let status =
            refused(client.put_persona(past).await, Code::InvalidArgument, ErrorReason::PersonaInvalid);
        let code = if what == "description" { "SCH105" } else { "SYN011" };
        assert!(status.message().contains(code), "{what}: {}", status.message());
    }
    client.put_persona(labels(64)).await.unwrap();
    let kept = client.get_persona(get("a")).await.unwrap().into_inner().persona.unwrap();
    assert_eq!(kept.labels.len(), 64);
}

#[tokio::test]
async fn limits_of_an_outline_leave_the_rest_unaddressed() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let headings = |count: usize| -> String { (0..count).map(|number| format!("# h{number}\n\n")).collect() };
    for (body, entries, warned) in [
        (headings(256), 256, false),
        (headings(257), 256, true),
        ("# a\n\n## b\n\n### c\n".to_owned(), 3, false),
        ("# a\n\n## b\n\n### c\n\n#### d\n".to_owned(), 3, true),
    ] {
        let text = format!("---\nname: a\ndescription: x\n---\n{body}");
        let request = pb::PutPersonaRequest { content: text.into_bytes().into(), ..Default::default() };
        let done = client.put_persona(request).await.unwrap().into_inner();
        assert_eq!(done.diagnostics.iter().any(|one| one.code == "CNT209"), warned);
        let found = client.get_persona(get("a")).await.unwrap().into_inner().persona.unwrap();
        assert_eq!(found.outline.len(), entries);
    }
    let text = format!("---\nname: a\ndescription: x\n---\n# {}\n", "t".repeat(300));
    let request = pb::PutPersonaRequest { content: text.into_bytes().into(), ..Default::default() };
    client.put_persona(request).await.unwrap();
    let found = client.get_persona(get("a")).await.unwrap().into_inner().persona.unwrap();
    assert_eq!((found.outline[0].title.len(), found.outline[0].path.len()), (256, 64));
}

#[tokio::test]
async fn limits_of_names_and_texts_hold_at_the_last_byte() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let named = |name: String, namespace: String| pb::PutPersonaRequest { namespace, ..put(&name, "1") };
    client.put_persona(named("n".repeat(64), "s".repeat(64))).await.unwrap();
    for (request, field) in [
        (pb::GetPersonaRequest { name: "n".repeat(65), ..Default::default() }, "name"),
        (pb::GetPersonaRequest { namespace: "s".repeat(65), ..get("a") }, "namespace"),
    ] {
        let status =
            refused(client.get_persona(request).await, Code::InvalidArgument, ErrorReason::NameInvalid);
        assert_eq!(metadata(&status, "field"), field);
    }
    let message = |bytes: usize| pb::PutPersonaRequest { message: "m".repeat(bytes), ..put("a", "1") };
    client.put_persona(message(1024)).await.unwrap();
    argument(client.put_persona(message(1025)).await, "message");
    let kept = client.get_persona(get("a")).await.unwrap().into_inner().persona.unwrap();
    assert_eq!(kept.message.len(), 1024);
    // Bytes count, not letters.
    let wide = pb::PutPersonaRequest { message: "é".repeat(513), ..put("a", "1") };
    argument(client.put_persona(wide).await, "message");
    let id = |bytes: usize| pb::PutPersonaRequest { request_id: "i".repeat(bytes), ..put("a", "1") };
    client.put_persona(id(128)).await.unwrap();
    argument(client.put_persona(id(129)).await, "request_id");
    let goes = |message: usize, id: usize| pb::DeletePersonaRequest {
        name: "a".to_owned(),
        message: "m".repeat(message),
        request_id: "i".repeat(id),
        ..Default::default()
    };
    argument(client.delete_persona(goes(1025, 0)).await, "message");
    argument(client.delete_persona(goes(0, 129)).await, "request_id");
    client.delete_persona(goes(1024, 128)).await.unwrap();
}

#[tokio::test]
async fn limits_of_lists_of_names_hold_at_the_last_one() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let names = |count: usize| -> Vec<String> { (0..count).map(|number| format!("n{number}")).collect() };
    let batch = |count| pb::BatchGetPersonasRequest { names: names(count), ..Default::default() };
    // A hundred are looked for, and none is there.
    refused(client.batch_get_personas(batch(100)).await, Code::NotFound, ErrorReason::PersonaNotFound);
    argument(client.batch_get_personas(batch(101)).await, "names");
    let watch = |count| pb::WatchPersonasRequest { names: names(count), ..Default::default() };
    client.watch_personas(watch(1000)).await.unwrap();
    argument(client.watch_personas(watch(1001)).await.map(|_| ()), "names");
    let page = |page_size| pb::ListPersonasRequest { page_size, ..Default::default() };
    client.list_personas(page(500)).await.unwrap();
    argument(client.list_personas(page(501)).await, "page_size");
}

#[tokio::test]
async fn limits_of_the_progress_interval_hold_at_the_last_nanosecond() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let every = |seconds, nanos| pb::WatchPersonasRequest {
        progress_interval: Some(prost_types::Duration { seconds, nanos }),
        ..Default::default()
    };
    for (request, interval) in [
        (every(1, 0), Duration::from_secs(1)),
        (every(1, 1), Duration::new(1, 1)),
        (every(60, 0), Duration::from_secs(60)),
        (pb::WatchPersonasRequest::default(), Duration::from_secs(15)),
    ] {
        let mut stream = client.watch_personas(request).await.unwrap().into_inner();
        let first = soon(stream.message()).await.unwrap().unwrap();
        let Some(Event::Opened(opened)) = first.event else { panic!("{first:?} is not Opened") };
        assert_eq!(Duration::try_from(opened.progress_interval.unwrap()).unwrap(), interval);
    }
    for request in [
        every(0, 999_999_999),
        every(60, 1),
        every(0, 0),
        every(-1, 0),
        every(i64::MAX, i32::MAX),
        every(1, -1),
    ] {
        argument(client.watch_personas(request).await.map(|_| ()), "progress_interval");
    }
}

#[tokio::test]
async fn limits_of_a_message_hold_at_the_last_byte() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let sized = |size: usize| {
        let mut request =
            pb::ValidatePersonaRequest { content: vec![b'x'; size].into(), ..Default::default() };
        let over = request.encoded_len() - size;
        request.content.truncate(size - over);
        assert_eq!(request.encoded_len(), size);
        request
    };
    let largest = client.validate_persona(sized(4 * KIB * KIB)).await.unwrap().into_inner();
    assert!(!largest.storable && largest.diagnostics.iter().any(|one| one.code == "SYN011"));
    let answer = client.validate_persona(sized(4 * KIB * KIB + 1)).await;
    refused(answer, Code::InvalidArgument, ErrorReason::MessageTooLarge);
}

#[tokio::test]
async fn limits_of_answers_hold_for_the_worst_documents() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let rest = |head: &str, unit: &str, size: usize| {
        format!("{head}{}", unit.repeat((size - head.len()) / unit.len()))
    };
    let front = "---\nname: a\ndescription: x\n---\n";
    let size = 256 * KIB;
    let keys: String = (0..900).map(|_| "k: [\u{7}]\n".to_owned()).collect();
    for (what, text) in [
        ("a control character at every other byte", rest(front, "\u{7}a", size)),
        ("one on every line", rest(front, "\u{7}\n", size)),
        ("both line endings", rest(front, "\n\r\n", size)),
        ("headings with titles", rest(front, "# a\n", size)),
        ("empty sections", rest(front, "## Identity\n## Interaction Protocol\n", size)),
        ("one key again and again", format!("---\nname: a\ndescription: x\n{keys}---\nbody\n")),
        ("bad keys", format!("---\nname: a\ndescription: x\n{}---\nbody\n", "a b: c: d\n".repeat(900))),
        ("a message of nothing else", "\u{7}a".repeat(2 * KIB * KIB - 100)),
    ] {
        let content = bytes::Bytes::from(text.into_bytes());
        let validate = pb::ValidatePersonaRequest {
            content: content.clone(),
            profile: pb::Profile::Strict.into(),
            ..Default::default()
        };
        let judged = client.validate_persona(validate).await.unwrap().into_inner();
        let bytes = judged.encoded_len();
        assert!(
            bytes <= limits::RESPONSE_BYTES,
            "{what}: {bytes} bytes, {} findings",
            judged.diagnostics.len()
        );
        let put = pb::PutPersonaRequest { content, ..Default::default() };
        if let Ok(done) = client.put_persona(put).await {
            assert!(done.into_inner().encoded_len() <= limits::RESPONSE_BYTES, "{what}");
        }
    }
}

#[tokio::test]
async fn limits_of_a_document_keep_the_largest_persona_below_one_mib() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let numbers = "0,".repeat(15 * KIB / 2);
    let front = format!("---\nname: a\ndescription: x\ntools: [{numbers}]\n---\n");
    let headings: String = (0..256).map(|number| format!("### {number} {}\n", "t".repeat(252))).collect();
    let protocol = "## Interaction Protocol\n\n* **Input:** ";
    let mut text = format!("{front}{headings}{protocol}");
    text.push_str(&"i".repeat(256 * KIB - text.len()));
    let request = pb::PutPersonaRequest { content: text.into_bytes().into(), ..Default::default() };
    client.put_persona(request).await.unwrap();
    let full = client.get_persona(get("a")).await.unwrap().into_inner().persona.unwrap();
    assert!((300 * KIB..KIB * KIB).contains(&full.encoded_len()), "{} bytes", full.encoded_len());
    let basic = pb::GetPersonaRequest { view: pb::PersonaView::Basic.into(), ..get("a") };
    let basic = client.get_persona(basic).await.unwrap().into_inner().persona.unwrap();
    assert_eq!(basic.encoded_len(), full.encoded_len() - with_lengths(&full));
}

/// Bytes that the document takes in a persona of the FULL view.
fn with_lengths(full: &pb::Persona) -> usize {
    let only = pb::Persona {
        front_matter: full.front_matter.clone(),
        body: full.body.clone(),
        ..Default::default()
    };
    only.encoded_len()
}
