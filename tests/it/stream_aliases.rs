//! Promises S5 and L4 at an alias: what both modes make of a stretch, and watching from where a listing ended.

use persona_registry::wire::pb::persona_change::Type;
use persona_registry::wire::pb::{self, WatchMode};

use crate::aliases::set;
use crate::harness::{Server, delete, put};
use crate::recorder::{Follower, Map, everything, key};

const ALIAS: &str = "canary";

fn at_alias(mode: WatchMode) -> pb::WatchPersonasRequest {
    pb::WatchPersonasRequest { alias: ALIAS.to_owned(), ..everything("default", mode) }
}

/// A page of what the alias shows, and the place behind it.
async fn listed(server: &Server) -> (Map, String, i64) {
    let request = pb::ListPersonasRequest { alias: ALIAS.to_owned(), page_size: 500, ..Default::default() };
    let page = server.client().await.list_personas(request).await.unwrap().into_inner();
    let map = page.personas.iter().map(|one| (key(one), one.version)).collect();
    (map, page.resume_token, page.header.unwrap().revision)
}

/// One step: a put, the alias at the newest version or at version 1 (o), or nowhere (u), or the persona deleted.
async fn step(server: &Server, name: &str, step: char, turn: usize) -> i64 {
    let mut client = server.client().await;
    match step {
        'p' => client.put_persona(put(name, &format!("turn {turn}"))).await.unwrap().into_inner().revision,
        's' | 'o' => {
            let newest =
                client.get_persona(crate::harness::get(name)).await.unwrap().into_inner().persona.unwrap();
            let version = if step == 'o' { 1 } else { newest.version };
            client.set_persona_alias(set(name, ALIAS, version)).await.unwrap().into_inner().revision
        }
        'u' => {
            let (name, alias) = (name.to_owned(), ALIAS.to_owned());
            let request = pb::DeletePersonaAliasRequest { name, alias, ..Default::default() };
            client.delete_persona_alias(request).await.unwrap().into_inner().revision
        }
        _ => client.delete_persona(delete(name)).await.unwrap().into_inner().revision,
    }
}

#[tokio::test]
async fn s5_at_an_alias_both_modes_tell_the_difference_of_what_it_shows() {
    use Type::{Created, Deleted, Left, Updated};
    // Whether the alias names version 1 of 2 before, what happens, what LATEST tells of all of it, and what EVERY_VERSION.
    let cases: [(bool, &str, &[Type], &[Type]); 17] = [
        (true, "p", &[], &[]),
        (true, "s", &[Updated], &[Updated]),
        (true, "so", &[], &[Updated, Updated]),
        (true, "u", &[Left], &[Left]),
        (true, "us", &[Updated], &[Left, Created]),
        (true, "uo", &[], &[Left, Created]),
        (true, "d", &[Deleted], &[Deleted]),
        (true, "ud", &[Deleted], &[Left]),
        (true, "dp", &[Deleted], &[Deleted]),
        (true, "dps", &[Deleted, Created], &[Deleted, Created]),
        (true, "dpo", &[Deleted, Created], &[Deleted, Created]),
        (false, "p", &[], &[]),
        (false, "s", &[Created], &[Created]),
        (false, "su", &[], &[Created, Left]),
        (false, "sd", &[], &[Created, Deleted]),
        (false, "d", &[], &[]),
        (false, "dps", &[Created], &[Created]),
    ];
    for ring_commits in [1000, 1] {
        let server = Server::start_with(|options| options.registry.ring_commits = ring_commits).await;
        let name = |number: usize| format!("case-{number:02}");
        for (number, (is_there, ..)) in cases.iter().enumerate() {
            for turn in [101, 102] {
                step(&server, &name(number), 'p', turn).await;
            }
            if *is_there {
                step(&server, &name(number), 'o', 0).await;
            }
        }
        let start = Follower::synced(&server, at_alias(WatchMode::Latest)).await.recorder.places[0].clone();
        let mut head = start.1;
        // Turn by turn, so that the cases lie between one another in the log.
        for turn in 0..3 {
            for (number, (_, steps, ..)) in cases.iter().enumerate() {
                if let Some(one) = steps.chars().nth(turn) {
                    head = step(&server, &name(number), one, turn).await;
                }
            }
        }
        let (map, ..) = listed(&server).await;
        for mode in [WatchMode::Latest, WatchMode::EveryVersion] {
            let mut follower = Follower::at(&server, at_alias(mode), &start).await;
            follower.reach(head).await;
            let recorder = &follower.recorder;
            assert_eq!(recorder.map, map, "{mode:?}");
            assert!(mode != WatchMode::Latest || recorder.groups.len() == 1, "one stretch, one group");
            for (number, (_, steps, latest, every)) in cases.iter().enumerate() {
                let told = recorder.groups.iter().flat_map(|group| &group.changes);
                let told: Vec<_> =
                    told.filter(|told| told.key.1 == name(number)).map(|told| told.kind).collect();
                let right = if mode == WatchMode::Latest { latest } else { every };
                assert_eq!(told, *right, "{mode:?}, case {number}: {steps}");
            }
        }
    }
}

#[tokio::test]
async fn l4_a_watch_from_the_end_of_a_listing_at_an_alias_goes_on_where_that_ended() {
    for ring_commits in [1000, 1] {
        let server = Server::start_with(|options| options.registry.ring_commits = ring_commits).await;
        for name in ["moves", "leaves", "stays", "never"] {
            step(&server, name, 'p', 1).await;
            step(&server, name, 'p', 2).await;
        }
        for name in ["moves", "leaves", "stays"] {
            step(&server, name, 'o', 0).await;
        }
        let (map, token, revision) = listed(&server).await;
        assert_eq!(map.len(), 3);
        step(&server, "moves", 's', 0).await;
        step(&server, "leaves", 'u', 0).await;
        step(&server, "stays", 'p', 3).await;
        let head = step(&server, "never", 'p', 3).await;
        for mode in [WatchMode::Latest, WatchMode::EveryVersion] {
            let place = (token.clone(), revision, map.clone());
            let mut follower = Follower::at(&server, at_alias(mode), &place).await;
            follower.reach(head).await;
            let told = follower.recorder.groups.iter().flat_map(|group| &group.changes);
            let mut told: Vec<_> = told.map(|told| (told.key.1.as_str(), told.kind, told.version)).collect();
            told.sort_unstable_by_key(|told| told.0);
            assert_eq!(told, [("leaves", Type::Left, 1), ("moves", Type::Updated, 2)], "{mode:?}");
            assert_eq!(follower.recorder.map, listed(&server).await.0);
        }
    }
}
