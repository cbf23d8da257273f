//! `persona validate`: which findings are told and how bad they are, in which forms, and what is counted.

use std::path::Path;

use persona_registry::domain::Digest;
use serde_json::{Value, json};

use crate::harness::{Server, document};
use crate::program::{Ended, beside, command, run};
use crate::waivers::secret;

pub const GOOD: &str = "---\nname: good\ndescription: Does one thing well.\n---\n# Good\n\nDo it well.\n";

/// A description to be quoted (SYN008, a safe fix), a name to be changed (SCH103, an unsafe one), and CNT208, which people
/// mend.
pub const POOR: &str =
    "---\nname: Poor One\ndescription: Use when: always\n---\n# Poor\n\nYou help.\n\nTODO\n";

pub fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

pub async fn validate(folder: &Path, arguments: &[&str], code: i32) -> Ended {
    let ended = run(command(folder, &[&["validate"], arguments].concat())).await;
    assert_eq!(ended.code, Some(code), "{arguments:?}: {}{}", ended.out, ended.err);
    ended
}

/// The rules that fired, with how bad they are, in order.
fn fired(ended: &Ended) -> Vec<(String, String)> {
    let of = |line: &str| {
        let (severity, rest) = line.split(": ").nth(1)?.split_once('[')?;
        Some((rest.get(..6)?.to_owned(), severity.to_owned()))
    };
    ended.out.lines().filter_map(of).collect()
}

fn codes(ended: &Ended) -> Vec<String> {
    fired(ended).into_iter().map(|(code, _)| code).collect()
}

#[tokio::test]
async fn rules_are_chosen_by_code_by_family_and_by_name() {
    let folder = folder(&[("poor.md", POOR.as_bytes())]);
    let chosen = async |arguments: &[&str]| {
        codes(&validate(folder.path(), &[&["--format", "concise"], arguments].concat(), 0).await)
    };
    assert_eq!(chosen(&[]).await, ["SCH103", "SYN008", "CNT208"]);
    assert_eq!(chosen(&["--select", "SYN,CNT208"]).await, ["SYN008", "CNT208"]);
    assert_eq!(chosen(&["--select", "SYN", "--select", "placeholder-text"]).await, ["SYN008", "CNT208"]);
    assert_eq!(chosen(&["--ignore", "syn008"]).await, ["SCH103", "CNT208"]);
    assert_eq!(chosen(&["--select", "S", "--ignore", "SYN0"]).await, ["SCH103"]);
    assert_eq!(chosen(&["--severity", "CNT=off,SYN=off"]).await, ["SCH103"]);
}

#[tokio::test]
async fn unknown_rules_and_severities_are_wrong_usage() {
    let folder = folder(&[("poor.md", POOR.as_bytes())]);
    for (arguments, told) in [
        (
            ["--select", "SYN088"],
            "error: --select: \"SYN088\" names no rule; did you mean `SYN008` or `SYN001` or `SYN002`?\n",
        ),
        (["--ignore", "SEK"], "error: --ignore: \"SEK\" names no rule; did you mean `SEC`?\n"),
        (
            ["--severity", "CNT208=warn"],
            "error: --severity: \"warn\" is none of: error, warning, info, off; did you mean `warning`?\n",
        ),
        (
            ["--severity", "CNT208"],
            "error: --severity: \"CNT208\" lacks the severity; write RULE=SEVERITY, such as CNT208=info\n",
        ),
    ] {
        let ended = validate(folder.path(), &arguments, 2).await;
        assert_eq!((ended.out.as_str(), ended.err.as_str()), ("", told));
    }
}

#[tokio::test]
async fn the_file_says_which_rules_and_how_bad_and_flags_go_before_it() {
    let settings = "[validate]\nignore = [\"SCH\"]\n[validate.severity]\nCNT208 = \"error\"\nCNT = \"off\"\n\
                    unquoted-colon = \"info\"\n";
    let folder = folder(&[("poor.md", POOR.as_bytes()), ("persona.toml", settings.as_bytes())]);
    let ended = validate(folder.path(), &["--format", "concise"], 1).await;
    let expected = [("SYN008", "info"), ("CNT208", "error")];
    assert_eq!(fired(&ended), expected.map(|(code, severity)| (code.to_owned(), severity.to_owned())));
    assert!(ended.err.starts_with("1 file checked: 1 error, 1 info\n"), "{}", ended.err);
    // A list takes the place of the whole list below it.
    let ended =
        validate(folder.path(), &["--format", "concise", "--ignore", "CNT", "--severity", "SYN=warning"], 0)
            .await;
    assert_eq!(codes(&ended), ["SCH103", "SYN008"]);
    let mut by_variable = command(folder.path(), &["validate", "--format", "concise"]);
    by_variable
        .env("PERSONA_SELECT", "SYN, SCH")
        .env("PERSONA_IGNORE", "SYN008")
        .env("PERSONA_SEVERITY", "SCH=info");
    assert_eq!(fired(&run(by_variable).await), [("SCH103".to_owned(), "info".to_owned())]);
}

#[tokio::test]
async fn what_is_wrong_with_the_file_is_told_with_its_place() {
    let settings = "[validate]\nselect = [\"SYN\", \"SYN088\"]\nprofile = \"strict\"\n[validate.severity]\nCNT208 = \"warn\"\nREF = 1\n";
    let folder = folder(&[("good.md", GOOD.as_bytes()), ("persona.toml", settings.as_bytes())]);
    let ended = validate(folder.path(), &[], 2).await;
    assert_eq!(
        ended.err,
        "error: persona.toml:2:18: select: \"SYN088\" names no rule; did you mean `SYN008` or `SYN001` or `SYN002`?\n\
         error: persona.toml:3:1: there is no setting profile in [validate]\n  help: `persona config example` lists all \
         settings\n\
         error: persona.toml:6:7: severity: this is a whole number; write a table, such as {CNT208 = \"info\", SEC = \
         \"error\"}\n"
    );
}

/// What somebody finds bad enough to tell is theirs to say. What may be stored is not.
#[tokio::test]
async fn whether_a_document_is_taken_is_not_changed_by_a_clients_file() {
    let server = Server::start().await;
    let bad = "---\nname: bad\n---\n# Bad\n\nText.\n";
    let settings = "[validate]\nignore = [\"SCH102\"]\n[validate.severity]\nSCH101 = \"info\"\n";
    let folder = folder(&[("bad.md", bad.as_bytes()), ("persona.toml", settings.as_bytes())]);
    let told = validate(folder.path(), &["--format", "json"], 0).await;
    let line: Value = serde_json::from_str(&told.out).unwrap();
    let finding = &line["diagnostics"][0];
    assert_eq!((&finding["severity"], &finding["blocks_storing"]), (&json!("info"), &json!(true)));
    let drawn = validate(folder.path(), &[], 0).await.out;
    assert!(
        drawn.starts_with("info[SCH101]") && drawn.contains("  = note: a registry refuses it all the same\n"),
        "{drawn}"
    );
    let sarif = validate(folder.path(), &["--format", "sarif"], 0).await.out;
    let result = &serde_json::from_str::<Value>(&sarif).unwrap()["runs"][0]["results"][0];
    assert_eq!((&result["level"], &result["properties"]["blocksStoring"]), (&json!("note"), &json!(true)));

    let mut put = beside(server.address, &["put", "bad.md"]);
    put.current_dir(folder.path());
    let ended = run(put).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.err.contains("error[PERSONA_INVALID]") && ended.err.contains("error[SCH101]"),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn github_shows_findings_beside_their_lines() {
    let odd = "---\nname: odd\ndescription: Is odd.\n---\n# Odd\n\n```\nnever closed, 100 % of it\n";
    let folder = folder(&[("a,b/poor.md", POOR.as_bytes()), ("odd.md", odd.as_bytes())]);
    let ended = validate(folder.path(), &[".", "--format", "github", "--ignore", "SCH103"], 0).await;
    assert_eq!(
        ended.out,
        "::warning file=a%2Cb/poor.md,line=3,col=22,endLine=3,endColumn=24,title=SYN008::unquoted `: ` in the value of \
         `description`%0Ahelp: put the value in quotes; until then it is read as plain text\n\
         ::warning file=a%2Cb/poor.md,line=9,col=1,endLine=9,endColumn=5,title=CNT208::\"TODO\" stands for text that is still to \
         be written%0Ahelp: write it, or take the line out: a model reads it as an instruction\n\
         ::warning file=odd.md,line=7,col=1,endLine=7,endColumn=4,title=CNT202::the code fence \"```\" is never closed%0Ahelp: \
         close it with a line of the same marks; a fence around fences needs more marks than they have\n"
    );
}

#[tokio::test]
async fn json_tells_sizes_and_statistics_in_one_shape() {
    let folder =
        folder(&[("good.md", GOOD.as_bytes()), ("poor.md", POOR.as_bytes()), ("README.md", b"# x\n")]);
    let ended = validate(folder.path(), &["--format", "json", "--stats"], 0).await;
    let lines: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&lines[0]), ["diagnostics", "fixed", "path", "size_bytes", "token_estimate"]);
    assert_eq!((&lines[0]["size_bytes"], &lines[0]["fixed"]), (&json!(GOOD.len()), &json!({})));
    let tokens = |line: &Value| line["token_estimate"].as_u64().unwrap();
    assert!((15..=30).contains(&tokens(&lines[0])), "{}", lines[0]);
    assert_eq!(
        lines[2],
        json!({"stats": {
            "files": 2, "skipped": 1, "unread": 0, "size_bytes": GOOD.len() + POOR.len(),
            "token_estimate": tokens(&lines[0]) + tokens(&lines[1]),
            "errors": 0, "warnings": 3, "infos": 0, "fixed": 0,
            "rules": [
                {"code": "SYN008", "name": "unquoted-colon", "findings": 1, "files": 1},
                {"code": "SCH103", "name": "name-format", "findings": 1, "files": 1},
                {"code": "CNT208", "name": "placeholder-text", "findings": 1, "files": 1},
            ],
        }})
    );
}

#[tokio::test]
async fn people_get_statistics_as_tables_beside_the_data() {
    let files: Vec<_> =
        (0..22).map(|number| (format!("{number:02}.md"), document(&format!("p{number}"), "x"))).collect();
    let files: Vec<_> = files.iter().map(|(path, content)| (path.as_str(), content.as_slice())).collect();
    let many = folder(&[files.as_slice(), &[("poor.md", POOR.as_bytes())]].concat());
    let ended = validate(many.path(), &["--stats", "--format", "concise"], 0).await;
    assert_eq!(ended.out.lines().count(), 3, "{}", ended.out);
    let lines: Vec<_> = ended.err.lines().collect();
    let columns = |line: &str| line.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
    assert_eq!(columns(lines[0]), ["TOKENS", "BYTES", "FILE"]);
    assert_eq!(columns(lines[1])[1..], [POOR.len().to_string().as_str(), "./poor.md"], "the largest first");
    assert_eq!(lines[21], "… and 3 smaller files; `--format json --stats` tells of all");
    assert_eq!(columns(lines[23]), ["RULE", "FINDINGS", "FILES", "NAME"]);
    assert_eq!(columns(lines[24]), ["SYN008", "1", "1", "unquoted-colon"]);
    assert!(
        ended.err.contains("\n23 files, ") && ended.err.contains(" tokens\n23 files checked: 3 warnings\n"),
        "{}",
        ended.err
    );
}

/// However many cores there are, the output is that of one file after the other.
#[tokio::test]
async fn many_files_are_told_in_the_order_of_their_paths() {
    let names: Vec<_> = (0..150).map(|number| format!("{}/p{number:03}.md", number % 7)).collect();
    let files: Vec<_> = names
        .iter()
        .map(|name| {
            (
                name.as_str(),
                POOR.replace("Poor One", name)
                    .replace("You help.", name)
                    .repeat(1 + name.len() % 3)
                    .into_bytes(),
            )
        })
        .collect();
    let files: Vec<_> = files.iter().map(|(name, content)| (*name, content.as_slice())).collect();
    let folder = folder(&files);
    let whole = validate(folder.path(), &[".", "--format", "json"], 0).await;
    let paths: Vec<_> = whole
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["path"].as_str().unwrap().to_owned())
        .collect();
    let mut sorted: Vec<_> = names.iter().map(|name| format!("./{name}")).collect();
    sorted.sort();
    assert_eq!(paths, sorted);
    for name in names.iter().take(5) {
        let path = format!("./{name}");
        let one = validate(folder.path(), &[&path, "--format", "json"], 0).await.out;
        assert!(whole.out.lines().any(|line| line == one.trim_end()), "{one}");
    }
    // A pipe gets no bar.
    assert_eq!(whole.err.lines().count(), 2, "{}", whole.err);
}

/// The same text twice is told of the later file, whoever was judged first.
#[tokio::test]
async fn neighbours_are_the_same_on_many_cores() {
    let files: Vec<_> = (0..60)
        .map(|number| (format!("p{number:02}.md"), GOOD.replace("good", &format!("p{number}x"))))
        .collect();
    let files: Vec<_> = files.iter().map(|(path, content)| (path.as_str(), content.as_bytes())).collect();
    let folder = folder(&files);
    let ended = validate(folder.path(), &[".", "--format", "concise", "--select", "REG504"], 0).await;
    let expected: Vec<_> = (1..60)
        .map(|number| {
            format!("./p{number:02}.md:2:7: info[REG504] the body is that of \"p0x\" in \"./p00.md\", word for word")
        })
        .collect();
    assert_eq!(ended.out.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn what_the_settings_waive_fails_nothing_and_is_told_with_its_reason() {
    let text = format!(
        "---\nname: vault\ndescription: Keeps keys.\n---\n# Vault\n\nThe key is {} here.\n",
        secret()
    );
    let folder = folder(&[("vault.md", text.as_bytes())]);
    let refused = validate(folder.path(), &["vault.md", "--format", "json"], 1).await;
    let line: Value = serde_json::from_str(refused.out.trim()).unwrap();
    assert_eq!(line["diagnostics"][0]["code"], "SEC405", "{line}");
    let digest = Digest::of(text.as_bytes());
    let waiver = format!("SEC405 {digest} a key out of the manual");
    let settings = format!("[serve]\nwaivers = [{waiver:?}]\n");
    std::fs::write(folder.path().join("persona.toml"), settings).unwrap();
    let waived = validate(folder.path(), &["vault.md"], 0).await;
    assert!(waived.out.contains("= waived: a key out of the manual"), "{}", waived.out);
    assert!(waived.err.contains("1 file checked: no findings (1 waived)"), "{}", waived.err);
    let sarif = validate(folder.path(), &["vault.md", "--format", "sarif"], 0).await;
    let sarif: Value = serde_json::from_str(&sarif.out).unwrap();
    let suppressed = json!([{ "kind": "external", "justification": "a key out of the manual" }]);
    assert_eq!(sarif["runs"][0]["results"][0]["suppressions"], suppressed);
    let github = validate(folder.path(), &["vault.md", "--format", "github"], 0).await;
    assert!(github.out.starts_with("::notice file=vault.md,"), "{}", github.out);
    // A byte more is another document.
    std::fs::write(folder.path().join("vault.md"), text + "\n").unwrap();
    validate(folder.path(), &["vault.md"], 1).await;
}
