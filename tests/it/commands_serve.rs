//! `persona serve` as people run it: what it says at the start, what stops it from starting, and how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{Server, document};
use crate::program::{Ended, Program, beside, command, run};
use crate::proxy::Port;

/// A folder with a good persona, a bad one and a README.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let team = folder.path().join("team");
    fs::create_dir(&team).unwrap();
    fs::write(team.join("good.md"), document("good", "1")).unwrap();
    fs::write(team.join("bad.md"), "---\nname: bad\n---\n# Bad\n").unwrap();
    fs::write(team.join("README.md"), "# Team\n").unwrap();
    folder
}

struct Serving {
    program: Program,
    address: String,
    screen: Vec<String>,
}

fn serving(folder: &Path) -> Command {
    let arguments = ["serve", "--personas", "team", "--data-dir", "data", "--listen", "127.0.0.1:0"];
    command(folder, &[&arguments[..], &["--min-free", "1"]].concat())
}

/// As a person starts it: with a screen, and a log for people, which says nothing here.
fn screened(folder: &Path) -> Command {
    let mut command = serving(folder);
    command.args(["--log-format", "pretty"]).env("RUST_LOG", "off");
    command
}

/// The same command where it has one core, with which the server runs otherwise.
fn on_one_core(command: &Command) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", "0"]).arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (variable, value) in command.get_envs() {
        match value {
            Some(value) => pinned.env(variable, value),
            None => pinned.env_remove(variable),
        };
    }
    pinned.current_dir(command.get_current_dir().unwrap());
    pinned
}

/// Serves the folder's `team` on a free port; ready when this answers.
async fn serve(folder: &Path) -> Serving {
    started(screened(folder)).await
}

async fn started(command: Command) -> Serving {
    let mut program = Program::start(command);
    let first = program.out.next().await;
    let address = first.strip_prefix("listening on ").unwrap_or_else(|| panic!("{first}")).to_owned();
    let screen = program.err.until("grpcurl").await;
    Serving { program, address, screen }
}

impl Serving {
    async fn end(self, signal: &str) -> Ended {
        self.program.signal(signal);
        let ended = self.program.end().await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{}", ended.err);
        ended
    }

    fn says(&self, part: &str) {
        assert!(self.screen.iter().any(|line| line.contains(part)), "{part:?} in {:#?}", self.screen);
    }
}

#[tokio::test]
async fn serve_announces_itself_and_comes_back_to_the_same() {
    let folder = folder();
    let serving = serve(folder.path()).await;
    assert!(serving.screen[0].starts_with("persona registry "), "{:?}", serving.screen);
    assert!(serving.screen[0].ends_with(" · revision 1"), "{:?}", serving.screen);
    serving.says("  data      data");
    serving.says(&format!("  serving   1 persona in 1 namespace on {}", serving.address));
    serving.says("  folder    team → default: 1 new, 0 updated, 0 unchanged, 1 refused, 1 passed over");
    serving.says("error[SCH101]: team/bad.md:1:1: `description` is missing");
    let got = run(beside(&serving.address, &["get", "good"])).await;
    assert_eq!(got.out.as_bytes(), document("good", "1"));
    let store = serving.screen[0].clone();
    serving.end("-TERM").await;

    let serving = serve(folder.path()).await;
    assert_eq!(serving.screen[0], store, "the same store at the same revision");
    serving.says("  folder    team → default: 0 new, 0 updated, 1 unchanged, 1 refused, 1 passed over");
    serving.end("-INT").await;

    fs::write(folder.path().join("team/good.md"), document("good", "2")).unwrap();
    let serving = serve(folder.path()).await;
    assert!(serving.screen[0].ends_with(" · revision 2"), "{:?}", serving.screen);
    serving.says("0 new, 1 updated, 0 unchanged");
    serving.end("-TERM").await;
}

#[tokio::test]
async fn what_the_screen_says_to_try_works() {
    let folder = folder();
    let serving = serve(folder.path()).await;
    let program = format!("  {} ", env!("CARGO_BIN_EXE_persona"));
    let tried: Vec<_> = serving.screen.iter().filter_map(|line| line.strip_prefix(&program)).collect();
    assert!(!tried.is_empty(), "{:?}", serving.screen);
    for line in tried {
        let ended = run(command(folder.path(), &line.split(' ').collect::<Vec<_>>())).await;
        assert_eq!(ended.code, Some(0), "{line}: {}", ended.err);
    }
    serving.end("-TERM").await;
}

#[tokio::test]
async fn whoever_reads_the_first_line_may_stop_the_server() {
    let folder = folder();
    for signal in ["-TERM", "-INT"] {
        let mut program = Program::start(serving(folder.path()));
        program.out.until("listening on ").await;
        program.signal(signal);
        let ended = program.end().await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(ended.err.contains("\"message\":\"stopped\""), "it drained: {}", ended.err);
    }
}

#[tokio::test]
async fn the_log_of_a_service_is_json_and_nothing_else() {
    let folder = folder();
    let mut program = Program::start(serving(folder.path()));
    program.out.until("listening on ").await;
    program.signal("-TERM");
    let ended = program.end().await;
    let refused: Vec<_> = ended
        .err
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("{line}")))
        .filter(|line| line["message"] == "a file was refused")
        .collect();
    assert_eq!(refused.len(), 1, "{}", ended.err);
    assert_eq!(refused[0]["path"], "team/bad.md");
}

#[tokio::test]
async fn a_server_that_stops_lets_its_watchers_go() {
    let folder = folder();
    let serving = serve(folder.path()).await;
    let mut watch = Program::start(beside(&serving.address, &["watch"]));
    watch.err.until("changes follow").await;
    serving.end("-TERM").await;
    let told = watch.err.until("about to shut down").await;
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn a_server_on_one_core_serves_writes_tells_watchers_and_stops() {
    if Command::new("taskset").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no taskset here (Debian: util-linux), so no server has one core");
        return;
    }
    let folder = folder();
    let serving = started(on_one_core(&screened(folder.path()))).await;
    let mut watch = Program::start(beside(&serving.address, &["watch"]));
    watch.err.until("changes follow").await;
    fs::write(folder.path().join("new.md"), document("new", "1")).unwrap();
    let new = folder.path().join("new.md");
    let put = ["put", new.to_str().unwrap()];
    assert_eq!(run(beside(&serving.address, &put)).await.code, Some(0));
    watch.out.until("new").await;
    let got = run(beside(&serving.address, &["get", "new"])).await;
    assert_eq!((got.code, got.out.into_bytes()), (Some(0), document("new", "1")), "{}", got.err);
    let listed = run(beside(&serving.address, &["list"])).await;
    assert!(listed.out.contains("good") && listed.out.contains("new"), "{}", listed.out);
    serving.end("-TERM").await;
    watch.err.until("about to shut down").await;
}

#[tokio::test]
async fn what_keeps_a_server_from_starting_is_told() {
    let folder = folder();
    let port = Port::keep();
    let _occupied = port.listen();
    let taken = port.address.to_string();
    let other = Server::start().await;
    let in_use = other.data_dir();
    let in_use = in_use.to_str().unwrap();
    for (arguments, told) in [
        (&["--listen", &taken][..], format!("error: cannot listen on {taken} (--listen): ")),
        (
            // An address for documentation, which no machine has.
            &["--listen", "192.0.2.1:50051", "--insecure"],
            "error: cannot listen on 192.0.2.1:50051 (--listen): ".to_owned(),
        ),
        (&["--data-dir", in_use], format!("error: {in_use} is in use by another registry; stop that one, ")),
        (
            &["--data-dir", "team"],
            "error: team is not empty and not a registry's data directory; ".to_owned(),
        ),
        (&["--personas", "nowhere"], "error: --personas: there is no folder nowhere\n".to_owned()),
        (&["--personas", "Team=team"], "error: --personas: \"Team\" is not a name: ".to_owned()),
    ] {
        let mut arguments = arguments.to_vec();
        arguments.insert(0, "serve");
        for (flag, value) in [("--listen", "127.0.0.1:0"), ("--data-dir", "data")] {
            if !arguments.contains(&flag) {
                arguments.extend([flag, value]);
            }
        }
        let ended = run(command(folder.path(), &arguments)).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments:?}: {}", ended.err);
        let words: String =
            ended.err.lines().filter(|line| !line.starts_with('{')).map(|line| format!("{line}\n")).collect();
        assert!(words.starts_with(&told), "{arguments:?}: {words}");
        let helped = words.contains("\n  help: ") || !told.contains("listen on");
        assert!(helped, "{arguments:?}: {words}");
        assert!(!folder.path().join("data").exists(), "{arguments:?}: nothing was begun");
    }
}

#[tokio::test]
async fn a_followed_folder_is_told_on_the_screen_and_taken_in_as_it_is_saved() {
    let folder = folder();
    let mut serving = screened(folder.path());
    serving.arg("--follow");
    let mut program = Program::start(serving);
    let first = program.out.next().await;
    let address = first.strip_prefix("listening on ").unwrap().to_owned();
    program.err.until("followed: what is saved there is taken in at once").await;
    program.err.until("grpcurl").await;
    let mut watch = Program::start(beside(&address, &["watch", "--from-now"]));
    watch.err.until("watching from").await;

    fs::write(folder.path().join("team/good.md"), document("good", "2")).unwrap();
    assert!(watch.out.next().await.contains("updated  good  version 2"));
    let got = run(beside(&address, &["get", "good"])).await;
    assert_eq!(got.out.as_bytes(), document("good", "2"));

    let told = run(beside(&address, &["refused"])).await;
    assert_eq!(told.code, Some(0));
    assert!(
        told.out.starts_with("team/bad.md:1:1: error[SCH101]: `description` is missing; "),
        "{}",
        told.out
    );
    assert!(told.err.starts_with("1 file is refused; "), "{}", told.err);
    fs::write(folder.path().join("team/bad.md"), document("bad", "mended")).unwrap();
    assert!(watch.out.next().await.contains("created  bad"));
    let status = run(beside(&address, &["status"])).await;
    assert!(status.out.contains("folder      team → default: 2 taken, followed"), "{}", status.out);
    let told = run(beside(&address, &["refused"])).await;
    assert_eq!((told.out.as_str(), told.err.as_str()), ("", "no file is refused\n"));
    program.signal("-TERM");
    assert_eq!(program.end().await.code, Some(0));
}
