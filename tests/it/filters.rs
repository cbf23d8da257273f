//! Promise L5: filters of List and Watch, what they select and what is said of those that are none.

use std::collections::BTreeMap;

use persona_registry::domain::limits;
use persona_registry::wire::pb::persona_change::Type;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::watch_personas_request::Start;
use persona_registry::wire::pb::watch_personas_response::Event;
use persona_registry::wire::pb::{self, ErrorReason, WatchMode};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::aliases::{set, unset};
use crate::harness::{Server, delete, metadata, refused, soon};

type Client = PersonaServiceClient<Channel>;

/// A persona with more front matter than name and description.
fn put(name: &str, description: &str, front_matter: &str) -> pb::PutPersonaRequest {
    let text =
        format!("---\nname: {name}\ndescription: {description}\n{front_matter}\n---\n# {name}\n\nText.\n");
    pb::PutPersonaRequest { content: text.into_bytes().into(), ..Default::default() }
}

/// One of a team.
fn of_team(name: &str, team: &str, round: usize) -> pb::PutPersonaRequest {
    put(name, "Use in tests.", &format!("labels: {{team: {team}, round: '{round}'}}"))
}

fn list(filter: &str) -> pb::ListPersonasRequest {
    pb::ListPersonasRequest { filter: filter.to_owned(), page_size: 500, ..Default::default() }
}

async fn names(client: &mut Client, request: pb::ListPersonasRequest) -> Vec<String> {
    let page = client.list_personas(request).await.unwrap().into_inner();
    assert!(page.next_page_token.is_empty());
    page.personas.into_iter().map(|persona| persona.name).collect()
}

async fn some(client: &mut Client) {
    for (name, description, front_matter) in [
        (
            "backend",
            "Acts as a Backend Developer. Use for APIs.",
            "labels: {team: platform, tier: '1'}\nmodel: opus",
        ),
        ("frontend", "Builds pages.", "labels: {team: web}\nmodel: sonnet\ntools: [Read, Bash]"),
        (
            "reviewer",
            "Reviews CODE, also Größeres.",
            "labels: {team: platform, 'a.b/c': x y}\ntools: ['*', 'Bash(git *)']",
        ),
        ("writer", "Writes \"docs\".", "labels: {team: ''}"),
    ] {
        client.put_persona(put(name, description, front_matter)).await.unwrap();
    }
    let tagged = "---\nname: Tagged One\ndescription: Use.\n---\n# Tagged\n\n**Tag**: Start with `[T-1]`.\n";
    let tagged = pb::PutPersonaRequest { content: tagged.as_bytes().to_vec().into(), ..Default::default() };
    client.put_persona(tagged).await.unwrap();
    let skill = "---\nname: skilled\ndescription: Use.\nlicense: MIT\n---\n# Skill\n";
    let skill = pb::PutPersonaRequest {
        content: skill.as_bytes().to_vec().into(),
        dialect: pb::Dialect::Skill.into(),
        ..Default::default()
    };
    client.put_persona(skill).await.unwrap();
}

#[tokio::test]
async fn l5_each_field_and_operator_selects_what_the_manual_says() {
    let server = Server::start().await;
    let mut client = server.client().await;
    some(&mut client).await;
    let all = ["backend", "frontend", "reviewer", "skilled", "tagged-one", "writer"];
    let table: &[(&str, &[&str])] = &[
        ("  ", &all),
        ("name:*", &all),
        ("name = backend", &["backend"]),
        ("name != backend", &all[1..]),
        ("name < frontend", &all[..1]),
        ("name <= frontend", &all[..2]),
        ("name > skilled", &all[4..]),
        ("name >= skilled", &all[3..]),
        ("name:END", &["backend", "frontend"]),
        ("display_name = \"Tagged One\"", &["tagged-one"]),
        ("display_name:\"tagged o\"", &["tagged-one"]),
        ("description:\"backend developer\"", &["backend"]),
        ("description:GRÖSSERES", &["reviewer"]),
        ("description:\"\\\"docs\\\"\"", &["writer"]),
        ("description = \"Builds pages.\"", &["frontend"]),
        ("description = \"builds pages.\"", &[]),
        ("tag:*", &["tagged-one"]),
        ("tag = \"[T-1]\"", &["tagged-one"]),
        ("tag = [T-1]", &["tagged-one"]),
        ("tag:t-", &["tagged-one"]),
        ("tag != \"[T-1]\"", &[]),
        ("NOT tag = \"[T-1]\"", &["backend", "frontend", "reviewer", "skilled", "writer"]),
        ("dialect = skill", &["skilled"]),
        ("dialect:skill", &["skilled"]),
        ("dialect != claude-code", &["skilled", "tagged-one", "writer"]),
        ("labels:tier", &["backend"]),
        ("labels:*", &["backend", "frontend", "reviewer", "writer"]),
        ("labels.team = platform", &["backend", "reviewer"]),
        ("labels.team != platform", &["frontend", "writer"]),
        ("-labels.team = platform", &["frontend", "skilled", "tagged-one", "writer"]),
        ("labels.team > platform", &["frontend"]),
        ("labels.team = \"\"", &["writer"]),
        ("labels.team:*", &["backend", "frontend", "reviewer", "writer"]),
        ("labels.\"a.b/c\" = \"x y\"", &["reviewer"]),
        ("labels.team:PLAT", &["backend", "reviewer"]),
        ("model = opus", &["backend"]),
        ("NOT model:*", &["reviewer", "skilled", "tagged-one", "writer"]),
        ("model < sonnet", &["backend"]),
        ("tools:Bash", &["frontend"]),
        ("tools:bash", &[]),
        ("tools:\"Bash(git *)\"", &["reviewer"]),
        ("tools:*", &["frontend", "reviewer"]),
        ("tools:\"*\"", &["reviewer"]),
        ("create_time > 2020-01-31", &all),
        ("create_time >= \"2020-01-31T00:00:00Z\" AND create_time < 2020-02-01", &[]),
        ("create_time < 9999-12-31T23:59:59+01:00", &all),
        // OR binds tighter than AND.
        ("labels.team = platform AND model = opus OR tools:\"*\"", &["backend", "reviewer"]),
        ("(labels.team = platform AND model = opus) OR tools:Bash", &["backend", "frontend"]),
        ("NOT (model = opus OR labels.team = web) AND labels:*", &["reviewer", "writer"]),
        ("labels.team=web", &["frontend"]),
        ("\t( labels.team\n=\r\n\"web\" ) ", &["frontend"]),
    ];
    for (filter, expected) in table {
        assert_eq!(names(&mut client, list(filter)).await, *expected, "{filter}");
    }
    // Every moment compares with itself.
    let made = client.list_personas(list("name = backend")).await.unwrap().into_inner();
    let time = made.personas[0].create_time.unwrap();
    for (operator, finds) in
        [("=", true), ("!=", false), ("<=", true), (">=", true), ("<", false), (">", false)]
    {
        let found =
            names(&mut client, list(&format!("name = backend AND create_time {operator} {time}"))).await;
        assert_eq!(!found.is_empty(), finds, "{operator} {time}");
    }
    // In other namespaces too, and in the whole registry.
    let elsewhere = pb::PutPersonaRequest { namespace: "other".to_owned(), ..of_team("backend", "web", 1) };
    client.put_persona(elsewhere).await.unwrap();
    for (namespace, filter, count) in [
        ("-", "name = backend", 2),
        ("other", "name = backend", 1),
        ("other", "labels.team = platform", 0),
        ("-", "labels.team = web", 2),
        ("", "labels.team = web", 1),
    ] {
        let request = pb::ListPersonasRequest { namespace: namespace.to_owned(), ..list(filter) };
        assert_eq!(names(&mut client, request).await.len(), count, "{filter} in {namespace:?}");
    }
}

/// What was said of a filter that is none, by List and Watch alike.
async fn invalid(client: &mut Client, filter: &str) -> (String, String) {
    let listed = client.list_personas(list(filter)).await;
    let watch = pb::WatchPersonasRequest { filter: filter.to_owned(), ..Default::default() };
    let watched = client.watch_personas(watch).await.map(|_| ());
    let said = |status: Status| {
        let details = status.get_error_details();
        let violation = details.bad_request().unwrap().field_violations[0].clone();
        assert_eq!(violation.field, "filter");
        assert!(!violation.description.ends_with('…'), "{violation:?}");
        (metadata(&status, "position"), violation.description)
    };
    let listed = said(refused(listed, Code::InvalidArgument, ErrorReason::FilterInvalid));
    assert_eq!(listed, said(refused(watched, Code::InvalidArgument, ErrorReason::FilterInvalid)));
    listed
}

#[tokio::test]
async fn l5_a_filter_that_is_none_says_where_it_goes_wrong_and_what_belongs_there() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for (filter, position, words) in [
        ("backend", 0, "description:backend"),
        (
            "lables.team = a",
            0,
            "fields are name, display_name, description, tag, dialect, labels, labels.KEY, model, tools, create_time",
        ),
        ("description:größe AND averyveryverylongfieldname:x", 24, "create_time"),
        ("labels.team", 11, "an operator belongs here"),
        ("labels.team = ", 14, "a value belongs here"),
        ("labels.team = a b", 16, "AND or OR belongs here"),
        ("labels.team = a and name = b", 16, "in capitals"),
        ("(name = a", 9, "`)` belongs here"),
        ("name = a)", 8, "closes no parenthesis"),
        ("name = \"a", 7, "not closed"),
        ("tools = Bash", 6, "tools is asked about with"),
        (
            "dialect = nonsense",
            10,
            "known are persona, claude-code, skill, copilot, opencode, gemini, cursor, markdown",
        ),
        ("create_time > tomorrow", 14, "2026-01-31T00:00:00Z"),
        ("create_time:x", 11, "create_time is asked about with"),
        ("name = a AND NOT", 16, "a restriction such as"),
    ] {
        let (told, description) = invalid(&mut client, filter).await;
        assert_eq!(told, position.to_string(), "{filter}: {description}");
        assert!(description.starts_with(&format!("at byte {position}: ")), "{description}");
        assert!(description.contains(words), "{filter}: {description}");
    }
}

#[tokio::test]
async fn l5_a_filter_is_bounded_in_bytes_restrictions_and_depth() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.put_persona(of_team("a", "x", 0)).await.unwrap();
    // In numbers, so that another limit is a decision.
    assert_eq!((limits::FILTER_BYTES, limits::FILTER_RESTRICTIONS, limits::FILTER_DEPTH), (4096, 128, 32));
    let of_bytes = |bytes: usize| {
        let text = "NOT description:\"ß";
        format!("{text}{}\"", "ß".repeat((bytes - text.len() - 1) / 2))
            + &" ".repeat((bytes - text.len() - 1) % 2)
    };
    let restrictions = |count: usize| vec!["labels.team = x"; count].join(" AND ");
    let deep = |depth: usize| format!("{}labels.team = x{}", "(".repeat(depth), ")".repeat(depth));
    for taken in [of_bytes(4096), restrictions(128), deep(32), format!("{}name = b", "NOT ".repeat(31))] {
        assert_eq!(names(&mut client, list(&taken)).await, ["a"], "{taken}");
    }
    for (refused, position) in [
        (of_bytes(4097), 4096),
        (restrictions(129), 128 * "labels.team = x AND ".len()),
        (deep(33), 32),
        ("(".repeat(4096), 32),
        ("NOT ".repeat(1024), 128),
        ("-".repeat(4096), 32),
    ] {
        let (told, description) = invalid(&mut client, &refused).await;
        assert_eq!(told, position.to_string(), "{description}");
    }
}

/// All pages of a listing; between them, `each` is done.
async fn pages(
    client: &mut Client,
    request: pb::ListPersonasRequest,
    mut each: impl AsyncFnMut(usize),
) -> (i64, Vec<(String, i64)>, String) {
    let (mut found, mut page_token, mut revision) = (Vec::new(), String::new(), None);
    for number in 0.. {
        let request = pb::ListPersonasRequest { page_token, ..request.clone() };
        let page = client.list_personas(request).await.unwrap().into_inner();
        let shown = page.header.unwrap().revision;
        assert_eq!(*revision.get_or_insert(shown), shown);
        found.extend(page.personas.into_iter().map(|persona| (persona.name, persona.version)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return (shown, found, page.resume_token);
        }
        each(number).await;
    }
    unreachable!()
}

#[tokio::test]
async fn l1_all_pages_of_a_filtered_listing_show_one_revision_whatever_writers_do() {
    let server = Server::start().await;
    let (mut client, mut writer) = (server.client().await, server.client().await);
    let teams = ["payments", "web", "platform"];
    for number in 0..24 {
        writer.put_persona(of_team(&format!("p{number:02}"), teams[number % 3], 0)).await.unwrap();
    }
    let request =
        pb::ListPersonasRequest { page_size: 2, ..list("labels.team = payments OR labels.team = web") };
    for turn in 1..4 {
        let before = names(&mut client, pb::ListPersonasRequest { page_size: 500, ..request.clone() }).await;
        // Whoever is on a later page leaves, others come, some go for good.
        let (_, found, token) = pages(&mut client, request.clone(), async |page| {
            for number in 0..24 {
                let name = format!("p{number:02}");
                if (number + page) % 7 == turn {
                    drop(writer.delete_persona(delete(&name)).await);
                } else {
                    let request = of_team(&name, teams[(number + page + turn) % 3], 100 * turn + page);
                    writer.put_persona(request).await.unwrap();
                }
            }
        })
        .await;
        let shown: Vec<_> = found.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(shown, before);
        assert!(!token.is_empty());
    }
}

#[tokio::test]
async fn l2_a_page_token_belongs_to_its_filter_however_that_is_written() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for name in ["a", "b", "c"] {
        client.put_persona(of_team(name, "x", 0)).await.unwrap();
    }
    let request = pb::ListPersonasRequest { page_size: 1, ..list("labels.team = x AND name:*") };
    let page_token = client.list_personas(request.clone()).await.unwrap().into_inner().next_page_token;
    let next = |filter: &str| pb::ListPersonasRequest {
        page_token: page_token.clone(),
        filter: filter.to_owned(),
        ..request.clone()
    };
    for same in ["labels.team = x AND name:*", "labels.team=\"x\"  AND (name:*)"] {
        let page = client.list_personas(next(same)).await.unwrap().into_inner();
        assert_eq!(page.personas[0].name, "b", "{same}");
    }
    for other in ["", "labels.team = x", "name:* AND labels.team = x", "labels.team = X AND name:*"] {
        let answer = client.list_personas(next(other)).await;
        refused(answer, Code::InvalidArgument, ErrorReason::PageTokenInvalid);
    }
    let aliased = pb::ListPersonasRequest { alias: "production".to_owned(), ..next(&request.filter) };
    refused(client.list_personas(aliased).await, Code::InvalidArgument, ErrorReason::PageTokenInvalid);
}

/// A client's map, kept by a filtered stream.
struct Following {
    stream: tonic::Streaming<pb::WatchPersonasResponse>,
    map: BTreeMap<String, i64>,
    cursor: i64,
    token: String,
    told: Vec<(Type, String)>,
}

impl Following {
    async fn open(client: &mut Client, request: pb::WatchPersonasRequest) -> Self {
        let stream = soon(client.watch_personas(request)).await.unwrap().into_inner();
        Self { stream, map: BTreeMap::new(), cursor: 0, token: String::new(), told: Vec::new() }
    }

    /// Reads until everything up to a revision has come.
    async fn reach(&mut self, revision: i64) {
        while self.cursor < revision {
            let message = soon(self.stream.message()).await.unwrap().unwrap();
            match message.event.unwrap() {
                Event::Snapshot(snapshot) => {
                    self.map.extend(snapshot.personas.into_iter().map(|one| (one.name, one.version)));
                }
                Event::Synced(synced) => self.cursor = synced.revision,
                Event::Progress(progress) => self.cursor = progress.revision,
                Event::Changes(changes) => {
                    for change in changes.changes {
                        let kind = change.r#type();
                        let pb::Persona { name, version, .. } = change.persona.unwrap();
                        let was = match kind {
                            Type::Deleted | Type::Left => self.map.remove(&name),
                            _ => self.map.insert(name.clone(), version),
                        };
                        assert_eq!(was.is_none(), kind == Type::Created, "{kind:?} of {name}, was {was:?}");
                        self.told.push((kind, name));
                    }
                    if !changes.fragment {
                        self.cursor = changes.revision;
                    }
                }
                _ => {}
            }
            if !message.resume_token.is_empty() {
                self.token = message.resume_token;
            }
        }
    }
}

fn watch(filter: &str, mode: WatchMode) -> pb::WatchPersonasRequest {
    pb::WatchPersonasRequest {
        filter: filter.to_owned(),
        mode: mode.into(),
        view: pb::PersonaView::Basic.into(),
        progress_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        ..Default::default()
    }
}

#[tokio::test]
async fn l5_a_list_and_a_watch_of_one_filter_agree() {
    for ring_commits in [1000, 2] {
        let server = Server::start_with(|options| options.registry.ring_commits = ring_commits).await;
        let (mut client, mut writer) = (server.client().await, server.client().await);
        let filters = [
            "labels.team = payments",
            "NOT labels.team = payments",
            "labels.team != web AND name < d OR labels.round = \"7\"",
            "name = b",
            "description:nothing",
        ];
        let requests = filters.iter().flat_map(|filter| {
            [WatchMode::Latest, WatchMode::EveryVersion].into_iter().flat_map(|mode| {
                let request = watch(filter, mode);
                [pb::WatchPersonasRequest { alias: "live".to_owned(), ..request.clone() }, request]
            })
        });
        let requests: Vec<_> = requests.collect();
        writer.put_persona(of_team("a", "payments", 0)).await.unwrap();
        let mut streams = Vec::new();
        for request in &requests {
            let mut following = Following::open(&mut client, request.clone()).await;
            following.reach(1).await;
            streams.push(following);
        }
        for round in 0..60 {
            let name = ["a", "b", "c", "d", "e"][round * 7 % 5];
            match round % 6 {
                3 => drop(writer.delete_persona(delete(name)).await),
                4 => drop(writer.set_persona_alias(set(name, "live", 1 + round as i64 % 2)).await),
                5 if round % 12 == 5 => drop(writer.delete_persona_alias(unset(name, "live")).await),
                _ => {
                    let team = ["payments", "web", "platform"][round % 3];
                    writer.put_persona(of_team(name, team, round)).await.unwrap();
                }
            }
            // Some streams are read along the way, so that stretches begin and end anywhere.
            let head = i64::try_from(server.registry.head().0).unwrap();
            if round % 12 == 8 {
                streams[round % 20].reach(head).await;
            }
        }
        let head = i64::try_from(server.registry.head().0).unwrap();
        let mut left = 0;
        for (request, following) in requests.iter().zip(&mut streams) {
            following.reach(head).await;
            let listing = pb::ListPersonasRequest { alias: request.alias.clone(), ..list(&request.filter) };
            let (_, listed, _) = pages(&mut client, listing, async |_| {}).await;
            let listed: BTreeMap<_, _> = listed.into_iter().collect();
            assert_eq!(following.map, listed, "{} at {:?}", request.filter, request.alias);
            left += following.told.iter().filter(|(kind, _)| *kind == Type::Left).count();
        }
        assert!(left > 0, "somebody stops matching");
    }
}

#[tokio::test]
async fn l4_a_watch_from_the_end_of_a_filtered_listing_goes_on_where_that_ended() {
    let server = Server::start().await;
    let (mut client, mut writer) = (server.client().await, server.client().await);
    let (teams, mut told) = (["x", "y"], 0);
    for (number, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        writer.put_persona(of_team(name, teams[number % 2], 0)).await.unwrap();
        writer.set_persona_alias(set(name, "live", 1)).await.unwrap();
    }
    for (turn, alias) in ["", "live", "", "live"].into_iter().enumerate() {
        let (filter, alias) = ("labels.team = x OR name = d", alias.to_owned());
        let request = pb::ListPersonasRequest { page_size: 1, alias: alias.clone(), ..list(filter) };
        let mut round = 100 * turn;
        let (_, listed, resume_token) = pages(&mut client, request.clone(), async |page| {
            // What is written between the pages is not on them, so the stream must bring it.
            for name in ["a", "b", "c"] {
                round += 1;
                writer.put_persona(of_team(name, teams[round % 2], round)).await.unwrap();
                writer.set_persona_alias(set(name, "live", 1 + (page + turn) as i64)).await.unwrap();
            }
        })
        .await;
        writer.put_persona(of_team("new", teams[turn % 2], 100 * turn)).await.unwrap();
        let start = Some(Start::ResumeToken(resume_token));
        let watch = pb::WatchPersonasRequest { start, alias, ..watch(filter, WatchMode::EveryVersion) };
        let mut following = Following::open(&mut client, watch).await;
        following.map = listed.into_iter().collect();
        following.reach(i64::try_from(server.registry.head().0).unwrap()).await;
        told += following.told.len();
        let now = pages(&mut client, request, async |_| {}).await.1;
        assert_eq!(following.map, now.into_iter().collect());
    }
    assert!(told > 4, "{told} changes came after the listings");
}

#[tokio::test]
async fn s5_what_stops_matching_leaves_also_when_it_was_purged_meanwhile() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for name in ["changed", "purged", "deleted", "stays"] {
        client.put_persona(of_team(name, "x", 0)).await.unwrap();
    }
    let request = watch("labels.team = x", WatchMode::Latest);
    let mut following = Following::open(&mut client, request.clone()).await;
    following.reach(4).await;
    for name in ["changed", "purged", "deleted"] {
        client.put_persona(of_team(name, "y", 1)).await.unwrap();
    }
    let purge =
        pb::PurgePersonaVersionRequest { name: "purged".to_owned(), version: 1, ..Default::default() };
    client.purge_persona_version(purge).await.unwrap();
    client.delete_persona(delete("deleted")).await.unwrap();
    let head = i64::try_from(server.registry.head().0).unwrap();
    // One that was away holds all four, and is told of three.
    let start = Some(Start::ResumeToken(following.token.clone()));
    let mut resumed = Following::open(&mut client, pb::WatchPersonasRequest { start, ..request }).await;
    (resumed.map, resumed.cursor) = (following.map.clone(), following.cursor);
    resumed.reach(head).await;
    let told = [(Type::Left, "changed"), (Type::Deleted, "deleted"), (Type::Left, "purged")];
    assert_eq!(resumed.told, told.map(|(kind, name)| (kind, name.to_owned())));
    assert_eq!(resumed.map.keys().collect::<Vec<_>>(), ["stays"]);
    // A listing as of then cannot tell either, and shows what it can vouch for.
    let store_id = server.registry.store_id().to_string();
    let read_options = Some(pb::ReadOptions { store_id, min_revision: 0, at_revision: 4 });
    let then = pb::ListPersonasRequest { read_options, ..list("labels.team = x") };
    assert_eq!(names(&mut client, then).await, ["changed", "deleted", "stays"]);
}

#[tokio::test]
async fn s12_a_resume_token_belongs_to_its_filter_and_alias() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.put_persona(of_team("a", "x", 0)).await.unwrap();
    let request = watch("labels.team = x", WatchMode::Latest);
    let mut following = Following::open(&mut client, request.clone()).await;
    following.reach(1).await;
    let start = Some(Start::ResumeToken(following.token));
    let resuming = pb::WatchPersonasRequest { start, ..request };
    let with = |filter: &str| pb::WatchPersonasRequest { filter: filter.to_owned(), ..resuming.clone() };
    let server = server.restart().await;
    let mut client = server.client().await;
    for same in
        [with("labels.team=x"), pb::WatchPersonasRequest { alias: "latest".to_owned(), ..resuming.clone() }]
    {
        client.watch_personas(same).await.unwrap();
    }
    let aliased = pb::WatchPersonasRequest { alias: "production".to_owned(), ..resuming.clone() };
    for other in [with(""), with("labels.team = y"), with("NOT labels.team = x"), aliased] {
        let answer = client.watch_personas(other).await.map(|_| ());
        refused(answer, Code::InvalidArgument, ErrorReason::ResumeTokenInvalid);
    }
}

#[tokio::test]
async fn l5_at_an_alias_the_filter_asks_the_version_that_it_names() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for (name, teams) in [("a", ["x", "y"]), ("b", ["y", "x"]), ("c", ["x", "x"])] {
        for (round, team) in teams.into_iter().enumerate() {
            client.put_persona(of_team(name, team, round)).await.unwrap();
        }
    }
    let before = client.set_persona_alias(set("a", "production", 1)).await.unwrap().into_inner().revision;
    client.set_persona_alias(set("b", "production", 1)).await.unwrap();
    client.set_persona_alias(set("b", "canary", 2)).await.unwrap();
    let at = |alias: &str, filter: &str| pb::ListPersonasRequest { alias: alias.to_owned(), ..list(filter) };
    for (alias, filter, expected) in [
        ("production", "", &["a", "b"][..]),
        ("production", "labels.team = x", &["a"]),
        ("production", "labels.team = y", &["b"]),
        ("production", "NOT labels.team = y", &["a"]),
        ("canary", "labels.team = x", &["b"]),
        ("canary", "name = a", &[]),
        ("latest", "labels.team = x", &["b", "c"]),
        ("nobody", "labels.team = x", &[]),
    ] {
        assert_eq!(names(&mut client, at(alias, filter)).await, expected, "{filter} at {alias}");
    }
    // Where it pointed then is asked as of then.
    client.set_persona_alias(set("a", "production", 2)).await.unwrap();
    client.delete_persona(delete("b")).await.unwrap();
    assert_eq!(names(&mut client, at("production", "labels.team = y")).await, ["a"]);
    let store_id = server.registry.store_id().to_string();
    let read_options = Some(pb::ReadOptions { store_id, min_revision: 0, at_revision: before });
    let then = pb::ListPersonasRequest { read_options, ..at("production", "labels.team = x") };
    assert_eq!(names(&mut client, then).await, ["a"]);
}

/// Not a test: prints what filtered listings of 100,000 personas take. Say `--release`, `--ignored` and `--nocapture`.
#[tokio::test]
#[ignore = "measures, and takes minutes"]
async fn figures_of_filtered_listings() {
    const PERSONAS: usize = 100_000;
    let server = Server::start_with(|options| {
        options.registry.journal.durability = persona_registry::journal::Durability::Relaxed;
        options.registry.store.cache_bytes = 1 << 30;
    })
    .await;
    let mut client = server.client().await;
    let text = "word ".repeat(180);
    for batch in 0..PERSONAS / 40 {
        let operation = |number: usize| {
            let team = if number.is_multiple_of(1000) { "payments" } else { ["web", "platform"][number % 2] };
            let labels = format!("labels: {{team: {team}, cell: c{}}}", number % 100);
            let content = put(&format!("p{number:06}"), &format!("Use in tests. {text}"), &labels).content;
            let put = pb::batch_write_personas_request::Put { content, ..Default::default() };
            let kind = Some(pb::batch_write_personas_request::operation::Kind::Put(put));
            pb::batch_write_personas_request::Operation { kind }
        };
        let operations = (batch * 40..(batch + 1) * 40).map(operation).collect();
        let request = pb::BatchWritePersonasRequest { operations, ..Default::default() };
        client.batch_write_personas(request).await.unwrap();
    }
    for filter in [
        "",
        "labels.team = payments",
        "labels.team = payments OR labels.cell = c7",
        "labels.team = web AND labels.cell = c7",
        "labels.team = web",
        "NOT labels.team = web AND labels.cell = c7",
        "name = p012345",
        "description:nowhere",
        "name:p0123",
    ] {
        let mut took = Vec::new();
        let mut count = 0;
        for _ in 0..5 {
            let begun = std::time::Instant::now();
            count = pages(&mut client, list(filter), async |_| {}).await.1.len();
            took.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        took.sort_by(f64::total_cmp);
        println!("{filter:50} {count:7} found  {:9.2} / {:9.2} / {:9.2} ms", took[0], took[2], took[4]);
    }
}
