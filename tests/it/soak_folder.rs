//! A folder that is followed and pruned, under people, programs and clients that change the same personas, and a server that
//! stops and starts: what the registry holds in the end is what the model says. The seed is printed; `PERSONA_SOAK_SEED`
//! does the same again.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_registry::registry::OnConflict;
use persona_registry::seed::Source;
use persona_registry::wire::pb;
use persona_registry::wire::pb::admin_service_client::AdminServiceClient;
use persona_registry::wire::pb::origin;
use persona_registry::wire::pb::persona_service_client::PersonaServiceClient;
use persona_registry::wire::pb::refused_source::Reason;
use tonic::Code;
use tonic::transport::Channel;

use crate::folder_deeds::{Deed, Knot, Maker, Request, Ties, Way, inside, pause};
use crate::folder_model::{
    Answer, Base, Call, Disk, Kind, Live, Refused, Rule, Step, Story, Why, World, apply, digest, short,
};
use crate::harness::{PATIENCE, Server, bytes_of, delete, document, get};
use crate::journal_commits::Dice;
use crate::proxy::Port;

/// A file that is written to make the follower look, and to see that it did.
const MARK: &str = "zz-mark";
/// A link to nowhere: while it is there, not all of the folder can be looked at.
const NOWHERE: &str = "zz-nowhere.md";

/// How large it is.
#[derive(Debug, Clone, Copy)]
struct Size {
    files: usize,
    operations: usize,
    batch: usize,
    restarts: usize,
}

/// What the server does while a batch happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    Runs,
    /// It stops and starts in the middle.
    Restarts,
    /// It is stopped before and started after.
    IsDown,
}

/// A knot, and what happens to it.
struct Plot {
    knot: Knot,
    steps: Vec<Step>,
    calls: Vec<Request>,
}

struct Batch {
    deeds: Vec<Deed>,
    plots: Vec<Plot>,
}

/// A knot with every state that is right for it, and what is refused in each.
struct Expected {
    story: Story,
    names: BTreeSet<String>,
    paths: BTreeSet<String>,
    ends: Vec<(World, Refused)>,
}

#[derive(Default)]
struct Tally {
    batches: usize,
    deeds: usize,
    calls: usize,
    lost: usize,
    /// Knots of which more than one end was right.
    open: usize,
    conflicts: BTreeSet<String>,
    refused: usize,
    away: usize,
}

struct Soak {
    server: Option<Server>,
    port: Port,
    folder: tempfile::TempDir,
    aside: tempfile::TempDir,
    maker: Maker,
    rule: Rule,
    disk: Disk,
    away: BTreeMap<String, Disk>,
    world: World,
    refused: Refused,
    /// The folder that came back last.
    returned: Option<String>,
    marks: usize,
    tally: Tally,
    personas: PersonaServiceClient<Channel>,
    admin: AdminServiceClient<Channel>,
}

impl Soak {
    async fn begin(seed: u64, size: Size, file_wins: bool) -> Self {
        let (folder, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut maker = Maker::new(Dice(seed), size.files);
        for dir in &maker.dirs {
            std::fs::create_dir_all(folder.path().join(dir)).unwrap();
        }
        let mut disk = Disk::new();
        for _ in 0..size.files {
            let (name, path) = (maker.name(), maker.path(&BTreeSet::new()));
            let text = maker.persona(&name);
            std::fs::write(folder.path().join(&path), &text.bytes).unwrap();
            disk.insert(path, text);
        }
        let dir = folder.path().to_owned();
        let server = Server::start_with(|options| {
            options.sources = vec![Source { namespace: "default".parse().unwrap(), dir }];
            options.seeding.follow = true;
            options.seeding.prune = true;
            options.seeding.on_conflict = if file_wins { OnConflict::FileWins } else { OnConflict::Report };
            // What is not heard is never seen.
            options.seeding.rescan = Duration::from_secs(3600);
        });
        let (server, port) = (server.await, Port::keep());
        let server = server.stop().await.start_on(&port).await.unwrap();
        let channel = Channel::from_shared(format!("http://{}", port.address)).unwrap().connect_lazy();
        let mut soak = Self {
            server: Some(server),
            port,
            folder,
            aside,
            maker,
            rule: Rule { file_wins, prunes: true },
            disk,
            away: BTreeMap::new(),
            world: World::default(),
            refused: Refused::new(),
            returned: None,
            marks: 0,
            tally: Tally::default(),
            personas: PersonaServiceClient::new(channel.clone()).max_decoding_message_size(8 << 20),
            admin: AdminServiceClient::new(channel),
        };
        soak.refused = soak.world.settle(&soak.disk, soak.rule);
        soak.mark().await;
        soak.check_all().await;
        soak
    }

    fn plan(&mut self, size: usize, calling: bool) -> Batch {
        let ties = Ties::new(&self.disk, &self.away, &self.world);
        let mut closed: BTreeSet<String> = self.away.keys().cloned().collect();
        let (mut scripts, mut plots) = (Vec::<VecDeque<Deed>>::new(), Vec::<Plot>::new());
        if size > 1 && self.maker.dice.below(2) == 0 {
            self.plan_folder(&ties, &mut closed, &mut scripts, &mut plots);
        }
        let paths: Vec<String> = self.disk.keys().cloned().collect();
        let guests: Vec<String> =
            self.world.live.keys().filter(|name| !ties.has_file(name)).cloned().collect();
        let planned = |scripts: &[VecDeque<Deed>], plots: &[Plot]| {
            scripts.iter().map(VecDeque::len).sum::<usize>()
                + plots.iter().map(|plot| plot.calls.len()).sum::<usize>()
        };
        while planned(&scripts, &plots) < size {
            let mut some = Vec::new();
            if size == 1
                && let Some(returned) = &self.returned
                && let Some(path) = inside(&self.disk, returned).into_keys().next()
            {
                some.push(path);
            } else {
                for _ in 0..[1, 1, 1, 2, 0][self.maker.dice.below(5)] {
                    some.push(paths[self.maker.dice.below(paths.len())].clone());
                }
            }
            // A persona that no file has, where there is one.
            let guest = (some.is_empty() && !guests.is_empty())
                .then(|| guests[self.maker.dice.below(guests.len())].clone());
            let names = guest.into_iter().collect();
            let knot = ties.knot(&self.disk, some, names);
            if plots.iter().any(|plot| meet(&plot.knot, &knot))
                || knot.paths.len() > 4
                || knot.names.len() > 6
            {
                continue;
            }
            let mut plot = Plot { knot, steps: Vec::new(), calls: Vec::new() };
            let mut script = VecDeque::new();
            for _ in 0..[1, 1, 1, 2, 2, 3][self.maker.dice.below(6)].min(size) {
                script.push_back(self.maker.deed(&mut plot.knot, &self.world, &closed));
            }
            if calling && size > 1 && self.maker.dice.below(2) == 0 {
                plot.calls = self.maker.calls(&mut plot.knot, &self.world);
            }
            scripts.push(script);
            plots.push(plot);
        }
        self.tally.calls += plots.iter().map(|plot| plot.calls.len()).sum::<usize>();
        Batch { deeds: mixed(scripts, Dice(self.maker.dice.roll())), plots }
    }

    /// A folder leaves, returns, or both, with all that is in it.
    fn plan_folder(
        &mut self,
        ties: &Ties,
        closed: &mut BTreeSet<String>,
        scripts: &mut Vec<VecDeque<Deed>>,
        plots: &mut Vec<Plot>,
    ) {
        let back = self.away.keys().next().cloned().filter(|_| self.maker.dice.below(2) == 0);
        let (dir, files, mut script) = match back {
            Some(dir) => {
                let files = self.away[&dir].clone();
                (dir.clone(), files, VecDeque::from([Deed::Back(dir)]))
            }
            None => {
                let dir = self.maker.dirs[self.maker.dice.below(self.maker.dirs.len())].clone();
                let files = inside(&self.disk, &dir);
                let both = self.maker.dice.below(3) > 0;
                let script =
                    [Deed::Away(dir.clone())].into_iter().chain(both.then(|| Deed::Back(dir.clone())));
                (dir, files, script.collect())
            }
        };
        let is_near =
            |other: &String| other.starts_with(&format!("{dir}/")) || dir.starts_with(&format!("{other}/"));
        if files.is_empty() || files.len() > 60 || self.away.keys().any(is_near) {
            return;
        }
        for path in files.keys() {
            let mut knot = ties.knot(&self.disk, vec![path.clone()], Vec::new());
            // Two files of the folder may have to do with one another.
            while let Some(at) = plots.iter().position(|plot| meet(&plot.knot, &knot)) {
                let other = plots.swap_remove(at).knot;
                knot.names.extend(other.names);
                knot.paths.extend(other.paths);
                knot.disk.extend(other.disk);
            }
            plots.push(Plot { knot, steps: Vec::new(), calls: Vec::new() });
        }
        if plots.iter().any(|plot| plot.knot.paths.len() > 4 || plot.knot.names.len() > 6) {
            plots.clear();
            return;
        }
        closed.insert(dir.clone());
        if matches!(script.back(), Some(Deed::Back(_))) {
            self.returned = Some(dir);
            // What is written right after must be seen as well.
            let edited = files.iter().find(|(_, text)| matches!(text.kind, Kind::Persona(_)));
            if let Some((path, text)) = edited.filter(|_| self.maker.dice.below(2) == 0) {
                let text = self.maker.persona(text.name().unwrap());
                script.push_back(Deed::Write(path.clone(), text, Way::InPlace));
            }
        }
        self.tally.away += 1;
        scripts.push(script);
    }

    async fn batch(&mut self, size: usize, meanwhile: Meanwhile) {
        self.tally.batches += 1;
        let Batch { deeds, mut plots } = self.plan(size, meanwhile != Meanwhile::IsDown);
        self.tally.deeds += deeds.len();
        let before = self.disk.clone();
        for deed in &deeds {
            // Each plot is told its part of what happens on the disk.
            for step in deed.steps(&self.disk, &mut self.away, meanwhile == Meanwhile::Restarts) {
                apply(&mut self.disk, &step);
                for plot in &mut plots {
                    let part = step.iter().filter(|(path, _)| plot.knot.paths.contains(path));
                    let part: Step = part.cloned().collect();
                    plot.steps.extend((!part.is_empty()).then_some(part));
                }
            }
        }
        let (root, aside) = (self.folder.path().to_owned(), self.aside.path().to_owned());
        let [mut dice, mut moment, one, other] = [(); 4].map(|()| Dice(self.maker.dice.roll()));
        let happen = move || {
            for deed in deeds {
                pause(&mut dice);
                deed.happen(&root, &aside, &mut dice);
            }
        };
        let server = self.server.take().unwrap();
        let mut answers = BTreeMap::new();
        if meanwhile == Meanwhile::IsDown {
            let stopped = server.stop().await;
            happen();
            self.server = Some(stopped.start_on(&self.port).await.unwrap());
        } else {
            let restarts = meanwhile == Meanwhile::Restarts;
            let port = &self.port;
            let server = async move {
                if !restarts {
                    return server;
                }
                tokio::task::spawn_blocking(move || pause(&mut moment)).await.unwrap();
                server.stop().await.start_on(port).await.unwrap()
            };
            let calls = |half: usize, dice| {
                let halves = plots.iter().enumerate().skip(half).step_by(2);
                let scripts =
                    halves.map(|(at, plot)| plot.calls.iter().map(|call| (at, call.clone())).collect());
                send(self.personas.clone(), mixed(scripts.collect(), dice), restarts)
            };
            let (server, happened, one, other) =
                tokio::join!(server, tokio::task::spawn_blocking(happen), calls(0, one), calls(1, other));
            happened.unwrap();
            self.server = Some(server);
            for (at, answer) in one.into_iter().chain(other) {
                self.tally.lost += usize::from(answer == Answer::Lost);
                answers.entry(at).or_insert_with(Vec::new).push(answer);
            }
        }
        let expected = plots.into_iter().enumerate().map(|(at, plot)| {
            let Plot { knot, steps, calls } = plot;
            let answers = answers.remove(&at).unwrap_or_default();
            let calls = calls.into_iter().zip(answers);
            let calls = calls.map(|((name, put), answer)| Call { name, put, answer }).collect();
            let here = before.iter().filter(|(path, _)| knot.paths.contains(*path));
            let disk = here.map(|(path, text)| (path.clone(), Arc::clone(text))).collect();
            let restarted = meanwhile == Meanwhile::Restarts;
            let story =
                Story { world: self.world.of(&knot.names), disk, steps, calls, rule: self.rule, restarted };
            Expected::of(knot, story, meanwhile == Meanwhile::IsDown)
        });
        let expected = expected.collect();
        self.settled(expected).await;
    }

    /// A link that leads nowhere keeps everything from being pruned, until it is gone.
    async fn block(&mut self) {
        std::os::unix::fs::symlink("nowhere", self.folder.path().join(NOWHERE)).unwrap();
        self.rule.prunes = false;
        self.refused.insert(NOWHERE.to_owned(), (Why::Unreadable, None));
        self.settled(Vec::new()).await;
    }

    async fn unblock(&mut self) {
        std::fs::remove_file(self.folder.path().join(NOWHERE)).unwrap();
        self.rule.prunes = true;
        self.refused.remove(NOWHERE);
        let story = Story {
            world: self.world.clone(),
            disk: self.disk.clone(),
            steps: Vec::new(),
            calls: Vec::new(),
            rule: self.rule,
            restarted: false,
        };
        let mut world = self.world.clone();
        let refused = world.settle(&self.disk, self.rule);
        let names =
            self.world.bases.keys().filter(|name| world.bases.get(*name) != self.world.bases.get(*name));
        let names: BTreeSet<String> = names.cloned().collect();
        assert_eq!(refused, self.refused, "nothing is refused that was not before");
        let ends = vec![(world.of(&names), Refused::new())];
        self.settled(vec![Expected { story, names, paths: BTreeSet::new(), ends }]).await;
    }

    /// Waits until everything is as it must be, and takes what is so for known.
    async fn settled(&mut self, expected: Vec<Expected>) {
        self.tally.open += expected.iter().filter(|expected| expected.ends.len() > 1).count();
        // By itself: whatever is still to be seen was heard.
        let end = Instant::now() + PATIENCE;
        while let Err(wrong) = self.found(&expected, None).await {
            assert!(Instant::now() < end, "{wrong}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // And nothing of what the folder brought is left to be noted: between two marks lies a whole reading.
        let end = Instant::now() + PATIENCE;
        let found = loop {
            self.mark().await;
            self.mark().await;
            let bases = self.bases().await;
            match self.found(&expected, Some(&bases)).await {
                Ok(found) => break found,
                Err(wrong) => assert!(Instant::now() < end, "{wrong}"),
            }
        };
        for (expected, (world, refused)) in expected.iter().zip(found) {
            self.world.replace(&expected.names, &world);
            self.refused.retain(|path, _| !expected.paths.contains(path));
            self.refused.extend(refused);
        }
        let conflicts = self.refused.iter().filter(|(_, (why, _))| *why == Why::Conflict);
        let conflicts: Vec<_> = conflicts.map(|(path, (_, name))| format!("{path} {name:?}")).collect();
        let status = self.status().await;
        let unfit = self.refused.values().filter(|(why, _)| *why != Why::Conflict).count();
        let unfit = unfit - usize::from(!self.rule.prunes);
        assert_eq!(status.files, (self.disk.len() - unfit - conflicts.len() + 1) as i64, "files taken");
        assert_eq!(status.refused, self.refused.len() as i64);
        assert!(status.problem.is_empty() || !self.rule.prunes, "{}", status.problem);
        self.tally.conflicts.extend(conflicts);
        self.tally.refused = self.tally.refused.max(self.refused.len());
    }

    /// Which end each knot has come to; or what is wrong. Without bases these are not looked at.
    async fn found(
        &mut self,
        expected: &[Expected],
        bases: Option<&BTreeMap<String, Base>>,
    ) -> Result<Vec<(World, Refused)>, String> {
        let mut refused = self.list_refused().await;
        let mut found = Vec::new();
        for one in expected {
            let mut real = World::default();
            for name in &one.names {
                real.live.extend(self.live(name).await.map(|live| (name.clone(), live)));
                let base = bases.and_then(|bases| bases.get(name));
                real.bases.extend(base.map(|base| (name.clone(), base.clone())));
            }
            let mut part = refused.clone();
            part.retain(|path, _| one.paths.contains(path));
            refused.retain(|path, _| !one.paths.contains(path));
            let fits = |(world, refused): &&(World, Refused)| {
                *refused == part && world.live == real.live && (bases.is_none() || world.bases == real.bases)
            };
            match one.ends.iter().find(fits) {
                Some(end) => found.push(end.clone()),
                None => return Err(one.told(&real, &part)),
            }
        }
        let touched = |path: &String| expected.iter().any(|one| one.paths.contains(path));
        let mut others = self.refused.clone();
        others.retain(|path, _| !touched(path));
        match refused == others {
            true => Ok(found),
            false => Err(format!("refused beside that: {}", difference(&others, &refused))),
        }
    }

    /// Everything there is, and not only what was touched.
    async fn check_all(&mut self) {
        let (mut live, mut page_token) = (BTreeMap::new(), String::new());
        loop {
            let request = pb::ListPersonasRequest {
                page_size: 500,
                page_token,
                view: pb::PersonaView::Full.into(),
                ..Default::default()
            };
            let page = self.personas.list_personas(request).await.unwrap().into_inner();
            live.extend(page.personas.iter().map(|one| (one.name.clone(), live_of(one))));
            if page.next_page_token.is_empty() {
                break;
            }
            page_token = page.next_page_token;
        }
        live.remove(MARK);
        assert!(live == self.world.live, "personas: {}", difference(&self.world.live, &live));
        let mut bases = self.bases().await;
        bases.remove(MARK);
        assert!(bases == self.world.bases, "bases: {}", difference(&self.world.bases, &bases));
        let refused = self.list_refused().await;
        assert!(refused == self.refused, "refused: {}", difference(&self.refused, &refused));
    }

    /// Writes something and waits until it has come.
    async fn mark(&mut self) {
        self.marks += 1;
        let text = document(MARK, &format!("Mark {}.", self.marks));
        std::fs::write(self.folder.path().join(format!("{MARK}.md")), &text).unwrap();
        let (end, mark) = (Instant::now() + PATIENCE, Live { digest: digest(&text), by_folder: true });
        while self.live(MARK).await.as_ref() != Some(&mark) {
            assert!(Instant::now() < end, "mark {} did not come", self.marks);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn live(&mut self, name: &str) -> Option<Live> {
        match self.personas.get_persona(get(name)).await {
            Ok(got) => Some(live_of(&got.into_inner().persona.unwrap())),
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => panic!("{status:?}"),
        }
    }

    async fn bases(&self) -> BTreeMap<String, Base> {
        let registry = &self.server.as_ref().unwrap().registry;
        let dir = self.folder.path().to_owned();
        let id = Source { namespace: "default".parse().unwrap(), dir }.id();
        let bases = registry.bases(&id).await.unwrap().into_iter();
        let bases = bases.filter_map(|base| Some((base.name.to_string(), base.brought?)));
        let plain = bases.map(|(name, brought)| {
            let digest = short(brought.digest);
            (name, Base { digest, path: brought.path, created: brought.created })
        });
        plain.collect()
    }

    async fn list_refused(&mut self) -> Refused {
        let (mut refused, mut page_token) = (Refused::new(), String::new());
        loop {
            let request = pb::ListRefusedSourcesRequest { page_size: 500, page_token, ..Default::default() };
            let page = self.admin.list_refused_sources(request).await.unwrap().into_inner();
            for file in page.refused_sources {
                let why = match file.reason() {
                    Reason::Invalid => Why::Invalid,
                    Reason::DuplicateName => Why::Duplicate,
                    Reason::Conflict => Why::Conflict,
                    Reason::Unreadable => Why::Unreadable,
                    other => panic!("{other:?}: {}", file.message),
                };
                assert_eq!(file.diagnostics.is_empty(), why != Why::Invalid, "{file:?}");
                refused.insert(file.path, (why, Some(file.name).filter(|name| !name.is_empty())));
            }
            if page.next_page_token.is_empty() {
                return refused;
            }
            page_token = page.next_page_token;
        }
    }

    async fn status(&mut self) -> pb::get_status_response::Folder {
        let status = self.admin.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
        status.folders.into_iter().next().unwrap()
    }
}

impl Expected {
    fn of(knot: Knot, story: Story, was_down: bool) -> Self {
        let mut disk = story.disk.clone();
        story.steps.iter().for_each(|step| apply(&mut disk, step));
        let ends = match was_down {
            true => BTreeSet::from([story.world.clone()]),
            false => story.ends(),
        };
        let ends = ends.into_iter().map(|mut world| {
            let refused = world.settle(&disk, story.rule);
            (world, refused)
        });
        let ends = ends.collect::<BTreeSet<_>>().into_iter().collect();
        Self { story, names: knot.names, paths: knot.paths, ends }
    }

    fn told(&self, real: &World, refused: &Refused) -> String {
        let Self { story, ends, .. } = self;
        let Story { world, disk, steps, calls, rule, restarted } = story;
        let steps: Vec<_> = steps.iter().map(|step| format!("  {step:?}")).collect();
        let calls: Vec<_> = calls.iter().map(|call| format!("  {call:?}")).collect();
        let ends: Vec<_> = ends.iter().map(|end| format!("  {end:?}")).collect();
        format!(
            "{rule:?}, restarted: {restarted}\nat first:\n  {world:?}\n  {disk:?}\nsteps:\n{}\ncalls:\n{}\nnow:\n  {:?}\nright would be:\n{}",
            steps.join("\n"),
            calls.join("\n"),
            (real, refused),
            ends.join("\n"),
        )
    }
}

/// Calls, one behind the other, with what each was answered.
async fn send(
    mut client: PersonaServiceClient<Channel>,
    calls: Vec<(usize, Request)>,
    restarts: bool,
) -> Vec<(usize, Answer)> {
    let mut answers = Vec::new();
    for (at, (name, put)) in calls {
        let answer = match put {
            Some(text) => {
                let content = text.bytes.clone().into();
                let request = pb::PutPersonaRequest { content, ..Default::default() };
                client.put_persona(request).await.map(drop)
            }
            None => client.delete_persona(delete(&name)).await.map(drop),
        };
        let answer = match answer {
            Ok(()) => Answer::Done,
            Err(status) if status.code() == Code::NotFound => Answer::Missing,
            Err(_) if restarts => Answer::Lost,
            Err(status) => panic!("{name}: {status:?}"),
        };
        answers.push((at, answer));
    }
    answers
}

/// All lists as one, in some order that keeps that of each.
fn mixed<T>(mut scripts: Vec<VecDeque<T>>, mut dice: Dice) -> Vec<T> {
    let mut all = Vec::new();
    while !scripts.is_empty() {
        let at = dice.below(scripts.len());
        match scripts[at].pop_front() {
            Some(one) => all.push(one),
            None => drop(scripts.swap_remove(at)),
        }
    }
    all
}

fn meet(one: &Knot, other: &Knot) -> bool {
    !one.names.is_disjoint(&other.names) || !one.paths.is_disjoint(&other.paths)
}

fn live_of(persona: &pb::Persona) -> Live {
    let by_folder = match persona.origin.as_ref().unwrap().kind.as_ref().unwrap() {
        origin::Kind::File(_) => true,
        origin::Kind::Api(_) => false,
    };
    Live { digest: digest(&bytes_of(persona)), by_folder }
}

fn difference<T: PartialEq + std::fmt::Debug>(
    right: &BTreeMap<String, T>,
    real: &BTreeMap<String, T>,
) -> String {
    let keys: BTreeSet<&String> = right.keys().chain(real.keys()).collect();
    let differing = keys.into_iter().filter(|key| right.get(*key) != real.get(*key));
    let lines = differing.map(|key| format!("{key}: {:?} instead of {:?}", real.get(key), right.get(key)));
    lines.take(20).collect::<Vec<_>>().join("\n")
}

/// The most memory that this process has had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1024
}

async fn soak(seed: u64, size: Size, file_wins: bool) {
    println!("PERSONA_SOAK_SEED={seed}: {size:?}");
    let begun = Instant::now();
    let mut soak = Soak::begin(seed, size, file_wins).await;
    let (seeded, first) = (begun.elapsed(), soak.server.as_ref().unwrap().registry.head());
    let mut restarts = 0;
    while soak.tally.deeds + soak.tally.calls < size.operations {
        let done = soak.tally.deeds + soak.tally.calls;
        // The restarts are spread over the whole, of both kinds in turn.
        let meanwhile = match done * (size.restarts + 1) / size.operations > restarts {
            false => Meanwhile::Runs,
            true => [Meanwhile::Restarts, Meanwhile::IsDown][restarts % 2],
        };
        restarts += usize::from(meanwhile != Meanwhile::Runs);
        let is_blocked = soak.maker.dice.below(5) == 0;
        if is_blocked {
            soak.block().await;
        }
        let alone = meanwhile == Meanwhile::Runs && soak.maker.dice.below(3) == 0;
        let batch = size.batch.min(size.operations - done);
        soak.batch(if alone { 1 } else { batch.max(2) }, meanwhile).await;
        if is_blocked {
            soak.unblock().await;
        }
        if meanwhile != Meanwhile::Runs {
            soak.check_all().await;
        }
    }
    assert_eq!(restarts, size.restarts);
    let server = soak.server.take().unwrap();
    let commits = server.registry.head().0 - first.0;
    // And a start finds nothing to do.
    soak.server = Some(server.stop().await.start_on(&soak.port).await.unwrap());
    soak.check_all().await;
    let Soak { tally, disk, world, .. } = soak;
    let Tally { batches, deeds, calls, lost, open, conflicts, refused, away } = tally;
    println!(
        "{} files, {} personas; seeded in {seeded:.1?}, all in {:.1?}, at most {} MiB\n\
         {deeds} deeds and {calls} calls ({lost} lost) in {batches} batches, {away} folders moved; {open} times more than \
         one end was right\n{commits} commits, {} conflicts, at most {refused} files refused at once",
        disk.len(),
        world.live.len(),
        begun.elapsed(),
        peak_mib(),
        conflicts.len(),
    );
}

fn seed() -> u64 {
    let some = || RandomState::new().build_hasher().finish();
    std::env::var("PERSONA_SOAK_SEED").map_or_else(|_| some(), |text| text.parse().unwrap())
}

const SMALL: Size = Size { files: 300, operations: 150, batch: 30, restarts: 2 };
const FULL: Size = Size { files: 10_000, operations: 2_000, batch: 40, restarts: 5 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_the_registry_holds_what_the_rule_says() {
    soak(seed(), SMALL, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_files_win_too() {
    soak(seed(), SMALL, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: ten thousand files, two thousand operations"]
async fn the_same_at_length() {
    soak(seed(), FULL, false).await;
}
