//! `persona validate --fix` and `--diff`: what is written, what is only shown, and what is left alone.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::commands_validate::{GOOD, POOR, folder, validate};
use crate::program::command;

const MENDED: &str =
    "---\nname: Poor One\ndescription: \"Use when: always\"\n---\n# Poor\n\nYou help.\n\nTODO\n";

fn read(folder: &Path, path: &str) -> String {
    std::fs::read_to_string(folder.join(path)).unwrap()
}

/// With a text on stdin.
fn fed(folder: &Path, arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = command(folder, &[&["validate"], arguments].concat());
    let mut child =
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap()
}

#[tokio::test]
async fn safe_fixes_are_written_and_the_rest_is_told() {
    let folder = folder(&[("good.md", GOOD.as_bytes()), ("poor.md", POOR.as_bytes())]);
    let plain = validate(folder.path(), &["--format", "concise"], 0).await;
    assert!(
        // The name is mended in front matter that is YAML only.
        plain.err.ends_with("  help: `--fix` mends 1 of these; `--diff` shows how\n"),
        "{}",
        plain.err
    );
    let before = std::fs::metadata(folder.path().join("good.md")).unwrap();
    std::fs::set_permissions(folder.path().join("poor.md"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let fixed = validate(folder.path(), &["--fix", "--format", "concise", "--fail-on", "warning"], 1).await;
    assert_eq!(read(folder.path(), "poor.md"), MENDED);
    assert_eq!(fixed.out.lines().count(), 2, "what is left: {}", fixed.out);
    assert!(fixed.err.starts_with("2 files checked, 1 changed by 1 fix: 2 warnings\n"), "{}", fixed.err);
    let after = |path: &str| std::fs::metadata(folder.path().join(path)).unwrap();
    assert_eq!(after("good.md").ino(), before.ino(), "what needs nothing is not written");
    assert_eq!(after("poor.md").mode() & 0o777, 0o640);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside them");

    let again = validate(folder.path(), &["--fix", "--format", "json"], 0).await;
    let lines: Vec<Value> = again.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["fixed"] == serde_json::json!({})), "{}", again.out);
    let whole = validate(folder.path(), &["--fix", "--unsafe-fixes", "--format", "json"], 0).await;
    assert!(whole.out.contains(r#""fixed":{"SCH103":1}"#), "{}", whole.out);
    assert_eq!(read(folder.path(), "poor.md"), MENDED.replace("Poor One", "poor-one"));
}

#[tokio::test]
async fn only_fixes_of_rules_that_are_told_are_made() {
    let folder = folder(&[("poor.md", POOR.as_bytes())]);
    for arguments in [["--ignore", "SYN008"], ["--select", "SEC"], ["--severity", "SYN=off"]] {
        validate(
            folder.path(),
            &[&["--fix", "--unsafe-fixes", "--ignore", "SCH"][..2], &arguments].concat(),
            0,
        )
        .await;
        assert!(read(folder.path(), "poor.md").contains("description: Use when: always"), "{arguments:?}");
    }
    validate(folder.path(), &["--fix", "--severity", "SYN=info"], 0).await;
    assert!(read(folder.path(), "poor.md").contains("description: \"Use when: always\""));
}

/// A diff that is shown is the one that `patch` takes, and what `--fix` does.
#[tokio::test]
async fn a_diff_shows_what_fix_would_do() {
    let crlf = POOR.replace('\n', "\r\n").replace("TODO\r\n", "TODO").replace("Poor One", "Poor Two");
    let files: &[(&str, &[u8])] =
        &[("a/poor.md", POOR.as_bytes()), ("b/crlf.md", crlf.as_bytes()), ("good.md", GOOD.as_bytes())];
    let (folder, patched) = (folder(files), folder(files));
    let shown = validate(folder.path(), &[".", "--diff", "--unsafe-fixes"], 1).await;
    assert_eq!(shown.err, "3 files checked: 2 would change by 4 fixes\n");
    assert!(shown.out.starts_with("--- a/a/poor.md\n+++ b/a/poor.md\n@@ -1,6 +1,6 @@\n"), "{}", shown.out);
    assert_eq!(read(folder.path(), "a/poor.md"), POOR, "nothing is written");
    validate(folder.path(), &[".", "--fix", "--diff"], 1).await;
    assert_eq!(read(folder.path(), "a/poor.md"), POOR, "nor with both");

    let mut patch = Command::new("git");
    patch.args(["apply", "-"]).current_dir(patched.path()).stdin(Stdio::piped());
    let mut patch = patch.spawn().unwrap();
    patch.stdin.take().unwrap().write_all(shown.out.as_bytes()).unwrap();
    assert!(patch.wait().unwrap().success(), "{}", shown.out);
    validate(folder.path(), &[".", "--fix", "--unsafe-fixes"], 0).await;
    for (path, _) in files {
        assert_eq!(read(folder.path(), path), read(patched.path(), path), "{path}");
    }
    let nothing = validate(folder.path(), &[".", "--diff", "--unsafe-fixes"], 0).await;
    assert_eq!((nothing.out.as_str(), nothing.err.as_str()), ("", "3 files checked: nothing to mend\n"));
}

#[tokio::test]
async fn the_document_of_stdin_comes_out_mended_and_its_findings_beside_it() {
    let folder = folder(&[]);
    let ended = fed(
        folder.path(),
        &["-", "--fix", "--format", "concise", "--stdin-filename", "poor.md"],
        POOR.as_bytes(),
    );
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stdout), MENDED);
    let words = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(words.starts_with("poor.md:2:7: warning[SCH103] "), "{words}");
    // What needs nothing, and what cannot be mended, comes out as it went in.
    for document in [GOOD.as_bytes(), b"---\nname: \xff: x\n---\n", b""] {
        assert_eq!(fed(folder.path(), &["-", "--fix"], document).stdout, document);
    }
    let shown = fed(folder.path(), &["-", "--diff", "--stdin-filename", "poor.md"], POOR.as_bytes());
    assert_eq!(shown.status.code(), Some(1));
    assert!(shown.stdout.starts_with(b"--- a/poor.md\n+++ b/poor.md\n"));
    let both = fed(folder.path(), &["-", ".", "--fix"], b"");
    assert_eq!(both.status.code(), Some(2));
    assert!(both.stdout.is_empty(), "it is not known whose document that would be");
}

#[tokio::test]
async fn what_is_not_read_whole_is_not_written() {
    let latin = [POOR.as_bytes(), b"caf\xe9\n"].concat();
    let large = [POOR.as_bytes(), "```\n".as_bytes(), &b"x\n".repeat(3 << 20)].concat();
    let folder = folder(&[("latin.md", &latin), ("large.md", &large)]);
    validate(folder.path(), &["--fix", "--unsafe-fixes", "--format", "concise"], 1).await;
    for (path, content) in [("latin.md", latin), ("large.md", large)] {
        assert!(std::fs::read(folder.path().join(path)).unwrap() == content, "{path}");
    }
}

/// Two fixes that want opposite things must not go on for ever.
#[tokio::test]
async fn fixes_do_not_undo_each_other() {
    let skill = "---\nname: pdf_forms\ndescription: Fills in forms of PDF files. Use for such.\n---\n# Forms\n\nFill.\n";
    let folder = folder(&[("skills/pdf_forms/SKILL.md", skill.as_bytes())]);
    let told = validate(folder.path(), &[".", "--fix", "--unsafe-fixes", "--format", "concise"], 0).await;
    assert!(read(folder.path(), "skills/pdf_forms/SKILL.md").contains("name: pdf-forms\n"));
    assert!(told.err.starts_with("1 file checked, 1 changed by 1 fix: 1 warning"), "{}", told.err);
    assert!(told.out.contains("[REG502]"), "the directory is for a person to rename: {}", told.out);
}
