//! The binary offline: what `validate` prints and how it ends, and what help promises.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::proxy::Port;

const GOOD: &str = "---\nname: good\ndescription: Does one thing well.\n---\n# Good\n\nDo it well.\n";

fn persona(arguments: &[&str], folder: &Path, stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_persona"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("PERSONA_SERVER")
        .env_remove("PERSONA_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read stdin may be gone already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

#[test]
fn a_clean_folder_ends_with_0_and_prints_no_data() {
    let folder = folder(&[("agents/good.md", GOOD), ("README.md", "# About\n"), ("notes.txt", "x")]);
    let output = persona(&["validate"], folder.path(), "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    assert_eq!(stderr(&output), "1 file checked, 1 beside them skipped (README and the like): no findings\n");
}

#[test]
fn findings_are_data_with_code_and_place_and_end_with_1() {
    let folder = folder(&[("bad.md", "---\nname: bad\n---\n# Bad\n\nText.\n"), ("good.md", GOOD)]);
    let output = persona(&["validate", "."], folder.path(), "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("error[SCH101]"), "{}", stdout(&output));
    assert!(!stdout(&output).contains('\u{1b}'), "no colours into a pipe");
    assert!(stderr(&output).starts_with("2 files checked: 1 error"), "{}", stderr(&output));

    let concise = persona(&["validate", "bad.md", "--format", "concise"], folder.path(), "");
    assert_eq!(concise.status.code(), Some(1));
    assert!(stdout(&concise).starts_with("bad.md:1:1: error[SCH101] "), "{}", stdout(&concise));
}

#[test]
fn json_is_one_object_a_file() {
    let folder = folder(&[("bad.md", "no front matter\n"), ("good.md", GOOD)]);
    let output = persona(&["validate", "--format", "json", "bad.md", "good.md"], folder.path(), "");
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["path"], "bad.md");
    assert_eq!(lines[0]["diagnostics"][0]["code"], "SYN005");
    assert_eq!(lines[0]["diagnostics"][0]["blocks_storing"], true);
    assert_eq!(lines[1]["diagnostics"], serde_json::json!([]));
}

#[test]
fn stdin_is_judged_under_the_name_it_is_given() {
    let folder = folder(&[]);
    let output = persona(&["validate", "-", "--format", "json"], folder.path(), GOOD);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).starts_with(r#"{"path":"<stdin>","#), "{}", stdout(&output));

    let agent = "---\ndescription: Helps.\n---\n# Helper\n\nHelp.\n";
    let arguments = ["validate", "-", "--stdin-filename", ".github/agents/helper.agent.md"];
    let named = persona(&arguments, folder.path(), agent);
    assert_eq!(named.status.code(), Some(0), "its path makes it a Copilot agent: {}", stdout(&named));
    let nameless = persona(&["validate", "-"], folder.path(), agent);
    assert_eq!(nameless.status.code(), Some(1), "without a path it is a persona and lacks a name");
}

#[test]
fn the_threshold_decides_between_0_and_1() {
    // A missing section warns in the structured profile and blocks in the strict one.
    let folder = folder(&[("good.md", GOOD)]);
    let code = |arguments: &[&str]| persona(arguments, folder.path(), "").status.code();
    assert_eq!(code(&["validate", "--profile", "structured"]), Some(0));
    assert_eq!(code(&["validate", "--profile", "structured", "--fail-on", "warning"]), Some(1));
    assert_eq!(code(&["validate", "--profile", "strict"]), Some(1));
    assert_eq!(code(&["validate", "--profile", "plain", "--fail-on", "info"]), Some(0));
}

#[test]
fn what_cannot_be_read_ends_with_2() {
    let folder = folder(&[("good.md", GOOD)]);
    let missing = persona(&["validate", "nowhere.md"], folder.path(), "");
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).starts_with("error: cannot read nowhere.md: "), "{}", stderr(&missing));
    for command in ["validate", "put"] {
        let near = persona(&[command, "./god.md"], folder.path(), "");
        assert_eq!(near.status.code(), Some(2));
        assert!(stderr(&near).ends_with("\n  help: did you mean `./good.md`?\n"), "{}", stderr(&near));
    }
    let whole = persona(&["put", "."], folder.path(), "");
    assert!(
        stderr(&whole).contains("  help: to judge all of it: `persona validate .`; "),
        "{}",
        stderr(&whole)
    );
    let usage = persona(&["validate", "good.md", "--stdin-filename", "x.md"], folder.path(), "");
    assert_eq!(usage.status.code(), Some(2));
    assert_eq!(persona(&["validate", "--no-such-flag"], folder.path(), "").status.code(), Some(2));
}

#[test]
fn the_personas_of_this_project_pass_strictly() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let arguments = ["validate", "personas", "--profile", "strict", "--fail-on", "info"];
    let output = persona(&arguments, project, "");
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn without_a_server_every_remote_command_says_how_to_start_one() {
    let folder = folder(&[("good.md", GOOD)]);
    let port = Port::keep();
    let address = port.address.to_string();
    let server = ["--server", address.as_str()];
    for command in
        [&["get", "good"][..], &["list"], &["put", "good.md"], &["delete", "good"], &["watch"], &["status"]]
    {
        let output = persona(&[command, &server].concat(), folder.path(), "");
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert_eq!(stdout(&output), "");
        let words = stderr(&output);
        assert!(words.starts_with(&format!("error: no registry answers at http://{address}: ")), "{words}");
        assert!(words.contains("help: start one with `persona serve`"), "{words}");
    }
}

#[test]
fn files_of_a_folder_are_judged_among_each_other() {
    let other = GOOD.replace("Do it well.", "Do it otherwise.");
    let linking =
        GOOD.replace("good", "linking").replace("Do it well.", "See [this](gone.md) and [that](a.md).");
    let folder = folder(&[("p/a.md", GOOD), ("p/b.md", &other), ("p/c.md", &linking)]);
    let output = persona(&["validate", "p", "--format", "concise"], folder.path(), "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stdout(&output),
        "p/b.md:2:7: error[REG501] \"good\" is the name of \"p/a.md\" already\n\
         p/c.md:7:12: warning[REF301] \"gone.md\" leads to no file\n"
    );
    // Of files that are named one by one nothing is said about others.
    let output = persona(&["validate", "p/b.md", "--format", "concise"], folder.path(), "");
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""));
}

#[test]
fn rules_are_explained_by_code_and_by_name() {
    let folder = folder(&[]);
    let page = persona(&["explain", "syn008"], folder.path(), "");
    assert!(stdout(&page).starts_with("# SYN008 unquoted-colon\n"), "{}", stdout(&page));
    assert_eq!(page.stdout, persona(&["explain", "unquoted-colon"], folder.path(), "").stdout);
    let all = persona(&["explain"], folder.path(), "");
    assert_eq!(stdout(&all).lines().count(), 51);
    let unknown = persona(&["explain", "SYN088"], folder.path(), "");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("`SYN088` is no rule; did you mean"), "{}", stderr(&unknown));
}

#[test]
fn help_tells_the_exit_codes_and_shows_examples() {
    let folder = folder(&[]);
    let help = persona(&["--help"], folder.path(), "");
    assert_eq!(help.status.code(), Some(0));
    assert!(stdout(&help).contains("Exit codes:"));
    for command in [
        "validate",
        "explain",
        "get",
        "list",
        "put",
        "delete",
        "watch",
        "status",
        "bench",
        "config",
        "completions",
    ] {
        let help = persona(&[command, "--help"], folder.path(), "");
        assert_eq!(help.status.code(), Some(0));
        assert!(stdout(&help).contains("Examples:"), "{command}");
    }
}

#[test]
fn completions_are_there_for_every_shell_and_bash_takes_its_own() {
    let folder = folder(&[]);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = persona(&["completions", shell], folder.path(), "");
        assert_eq!(script.status.code(), Some(0));
        for word in ["validate", "on-conflict", "file-wins", "strict"] {
            assert!(stdout(&script).contains(word), "{word} for {shell}");
        }
        if shell == "bash" {
            std::fs::write(folder.path().join("persona.bash"), &script.stdout).unwrap();
            let checked =
                Command::new("bash").arg("-n").arg(folder.path().join("persona.bash")).output().unwrap();
            assert!(checked.status.success() && checked.stderr.is_empty(), "{}", stderr(&checked));
            // And as bash uses it: what may follow `--durability`.
            let ask = "source persona.bash; COMP_WORDS=(persona serve --durability ''); COMP_CWORD=3; \
                       _persona persona '' --durability; echo ${COMPREPLY[*]}";
            let asked = Command::new("bash").args(["-c", ask]).current_dir(folder.path()).output().unwrap();
            assert_eq!(stdout(&asked), "strict relaxed\n", "{}", stderr(&asked));
        }
    }
    let help = persona(&["completions", "--help"], folder.path(), "");
    assert!(stdout(&help).contains("Install:"), "{}", stdout(&help));
}

#[test]
fn a_name_that_is_none_is_answered_with_one() {
    let folder = folder(&[("persona.toml", "[client]\nnamespace = \"My Team\"\n"), ("good.md", GOOD)]);
    for command in [&["get"][..], &["delete"], &["watch"], &["put", "good.md", "--name"]] {
        let output = persona(&[command, &["Backend Developer"]].concat(), folder.path(), "");
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(stderr(&output).contains("; did you mean `backend-developer`?"), "{}", stderr(&output));
    }
    for (output, place) in [
        (persona(&["list"], folder.path(), ""), "persona.toml:2:13: namespace"),
        (persona(&["list", "--config", "/dev/null", "-n", "My Team"], folder.path(), ""), "--namespace"),
    ] {
        let words = stderr(&output);
        assert!(words.starts_with(&format!("error: {place}: \"My Team\" is not a name: ")), "{words}");
        assert!(words.ends_with("; did you mean `my-team`?\n"), "{words}");
    }
}
