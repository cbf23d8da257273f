//! The hook and the action do with this binary what docs/ci.md says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::commands_validate::{GOOD, POOR, folder};

fn yaml(file: &str) -> Value {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// A `PATH` that has this binary first.
fn path() -> String {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_persona"));
    format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap())
}

/// Runs the steps of the action as a runner does.
fn act(folder: &Path, inputs: &[(&str, &str)]) -> Output {
    let action = yaml("action.yml");
    let value = |expression: &str| {
        let name = expression.strip_prefix("${{ inputs.").unwrap().strip_suffix(" }}").unwrap();
        let given = inputs.iter().find(|(input, _)| *input == name).map(|(_, value)| (*value).to_owned());
        given.unwrap_or_else(|| action["inputs"][name]["default"].as_str().unwrap().to_owned())
    };
    let mut last = None;
    for step in action["runs"]["steps"].as_array().unwrap() {
        assert_eq!(step["shell"], "bash");
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().unwrap()]);
        bash.current_dir(folder)
            .env("PATH", path())
            .env("GITHUB_ACTION_PATH", "/nowhere")
            .env_remove("PERSONA_CONFIG");
        for (name, expression) in step["env"].as_object().into_iter().flatten() {
            bash.env(name, value(expression.as_str().unwrap()));
        }
        let ended = bash.output().unwrap();
        let failed = !ended.status.success();
        last = Some(ended);
        if failed {
            break;
        }
    }
    last.unwrap()
}

#[test]
fn the_action_shows_findings_beside_their_lines() {
    let folder = folder(&[("personas/poor.md", POOR.as_bytes()), ("my agents/good.md", GOOD.as_bytes())]);
    let fine = act(folder.path(), &[]);
    assert_eq!(fine.status.code(), Some(0), "{fine:?}");
    let told = String::from_utf8(fine.stdout).unwrap();
    assert!(told.starts_with("::warning file=personas/poor.md,line=2,"), "{told}");
    let inputs = [
        ("paths", "personas\nmy agents\n"),
        ("fail-on", "warning"),
        ("args", "--ignore\nSYN008"),
        ("sarif-file", "out.sarif"),
    ];
    let failed = act(folder.path(), &inputs);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(String::from_utf8_lossy(&failed.stderr).contains("2 files checked: 2 warnings"), "{failed:?}");
    let sarif = std::fs::read_to_string(folder.path().join("out.sarif")).unwrap();
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 2);
    assert_eq!(act(folder.path(), &[("paths", "$(touch gotcha)")]).status.code(), Some(2));
    assert!(!folder.path().join("gotcha").exists(), "an input is no command");
}

#[test]
fn the_hooks_are_commands_of_this_binary() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let folder = folder(&[("personas/poor.md", POOR.as_bytes())]);
    for (hook, changed) in hooks.as_array().unwrap().iter().zip([false, true]) {
        for key in ["id", "name", "description", "entry", "language", "files"] {
            assert!(hook[key].is_string(), "{hook} lacks {key}");
        }
        assert_eq!(hook["pass_filenames"], false, "files are judged among each other");
        let mut words = hook["entry"].as_str().unwrap().split(' ');
        let arguments = hook["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(arguments).current_dir(folder.path()).env("PATH", path());
        assert!(command.output().unwrap().status.success(), "{hook}");
        let content = std::fs::read_to_string(folder.path().join("personas/poor.md")).unwrap();
        assert_eq!(content != POOR, changed, "{hook}");
    }
}
