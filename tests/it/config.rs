//! Configuration as people meet it: three layers, every mistake told at once, and the documentation made from the table.

use std::fs;
use std::path::{Path, PathBuf};

use persona_registry::config::{Fallback, SETTINGS};
use serde_json::Value;

use crate::harness::{Server, document, put};
use crate::program::{Program, command, run, yaml_documents};

fn configured(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("persona.toml"), text).unwrap();
    folder
}

/// Its own words, without the log.
fn words(err: &str) -> String {
    err.lines().filter(|line| !line.starts_with('{')).map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn the_file_configures_a_server_and_its_client() {
    let folder = configured(
        "[serve]\nlisten = \"127.0.0.1:0\"\ndata-dir = \"data\"\npersonas = [\"team\", \"ops=team\"]\nmin-free = 1\nlog-format = \"pretty\"\n",
    );
    let team = folder.path().join("team");
    fs::create_dir(&team).unwrap();
    fs::write(team.join("good.md"), document("good", "1")).unwrap();
    // From elsewhere: what the file names is beside the file.
    let path = folder.path().join("persona.toml");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut serving =
        Program::start(command(elsewhere.path(), &["serve", "--config", path.to_str().unwrap()]));
    let first = serving.out.next().await;
    let address = first.strip_prefix("listening on ").unwrap().to_owned();
    let screen = serving.err.until("grpcurl").await;
    assert!(screen.iter().any(|line| line.contains("2 personas in 2 namespaces")), "{screen:#?}");
    assert!(folder.path().join("data").is_dir() && !elsewhere.path().join("data").exists());

    let client = configured(&format!("[client]\nserver = \"{address}\"\nnamespace = \"ops\"\n"));
    let listed = run(command(client.path(), &["list", "-o", "json"])).await;
    assert!(listed.out.starts_with(r#"{"namespace":"ops","name":"good""#), "{listed:?}");
    let mut other = command(client.path(), &["list", "-o", "json"]);
    other.env("PERSONA_NAMESPACE", "default");
    assert!(run(other).await.out.starts_with(r#"{"namespace":"default","#));
    let all = run(command(client.path(), &["list", "-n", "-", "-o", "json"])).await;
    assert_eq!(all.out.lines().count(), 2, "{all:?}");
    let got = run(command(client.path(), &["get", "good", "--namespace", "default"])).await;
    assert_eq!(got.out.as_bytes(), document("good", "1"));
    serving.signal("-TERM");
    assert_eq!(serving.end().await.code, Some(0));
}

#[tokio::test]
async fn every_mistake_of_every_layer_is_told_at_once_and_nothing_starts() {
    let folder = configured("[serve]\nlisten = \"here\"\nprun = true\ndata-dir = \"data\"\n[clients]\n");
    let mut bad = command(folder.path(), &["serve", "--cache", "much", "--personas", "nowhere"]);
    bad.env("PERSONA_GRACE", "soon").env("PERSONA_LISTN", "x");
    let ended = run(bad).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""));
    assert_eq!(
        ended.err,
        "error: persona.toml:2:10: listen: \"here\" is no IP address with a port, such as 127.0.0.1:50051; port 0 is \
         any free one\n\
         error: persona.toml:3:1: there is no setting prun in [serve]\n  help: did you mean `prune`?\n\
         error: persona.toml:5:2: there is no table [clients]\n  help: did you mean `client`?\n\
         error: PERSONA_LISTN: there is no such setting\n  help: did you mean `PERSONA_LISTEN`?\n\
         error: PERSONA_GRACE: \"soon\" is no number of seconds from 0 to 31536000, such as 3 or 0.5\n\
         error: --cache: \"much\" is no whole number from 0 on\n\
         error: --personas: there is no folder nowhere\n"
    );
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

#[tokio::test]
async fn a_folder_feeds_a_namespace_once() {
    let folder =
        configured("[serve]\npersonas = [\"team\", \"ops=team\", \"./team/\"]\ndata-dir = \"data\"\n");
    fs::create_dir(folder.path().join("team")).unwrap();
    let ended = run(command(folder.path(), &["serve"])).await;
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        words(&ended.err),
        "error: persona.toml:2:33: ./team/ feeds namespace default twice; name it once\n"
    );
    let ended = run(command(
        folder.path(),
        &[
            "serve",
            "--personas",
            "tem",
            "--personas",
            "team",
            "--personas",
            "team",
            "--data-dir",
            "persona.toml",
        ],
    ))
    .await;
    assert_eq!(
        words(&ended.err),
        "error: --data-dir: persona.toml is no folder\n\
         error: --personas: there is no folder tem\n  help: did you mean `team`?\n\
         error: --personas: team feeds namespace default twice; name it once\n"
    );
}

#[tokio::test]
async fn a_file_that_is_named_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(command(folder.path(), &["status", "--config", "x.toml"])).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.starts_with("error: --config: cannot read x.toml: "), "{}", ended.err);
    assert!(ended.err.ends_with("help: `persona config example > x.toml` writes one\n"), "{}", ended.err);
    let mut by_variable = command(folder.path(), &["status"]);
    by_variable.env("PERSONA_CONFIG", ".");
    let ended = run(by_variable).await;
    assert!(ended.err.starts_with("error: PERSONA_CONFIG: cannot read .: "), "{}", ended.err);
}

#[tokio::test]
async fn commands_that_use_no_settings_do_not_mind_them() {
    let folder = configured("nonsense");
    fs::write(folder.path().join("good.md"), document("good", "1")).unwrap();
    assert_eq!(run(command(folder.path(), &["explain", "SYN008"])).await.code, Some(0));
    for uses in [&["status"][..], &["validate", "good.md"]] {
        assert_eq!(run(command(folder.path(), uses)).await.code, Some(2), "{uses:?}");
    }
    let other = ["validate", "good.md", "--config", "/dev/null"];
    assert_eq!(run(command(folder.path(), &other)).await.code, Some(0));
    // A file that says nothing, instead of the one that is here.
    let server = Server::start().await;
    server.client().await.put_persona(put("a", "1")).await.unwrap();
    let address = server.address.to_string();
    let arguments = ["get", "a", "--config", "/dev/null", "--server", &address];
    assert_eq!(run(command(folder.path(), &arguments)).await.code, Some(0));
}

#[tokio::test]
async fn help_names_the_variable_and_the_default_of_every_setting() {
    let helps = [
        run(command(Path::new("/"), &["serve", "--help"])).await.out,
        run(command(Path::new("/"), &["get", "--help"])).await.out,
        run(command(Path::new("/"), &["validate", "--help"])).await.out,
    ];
    let helps = helps.join("\n").split_whitespace().collect::<Vec<_>>().join(" ");
    for setting in SETTINGS {
        let (Fallback::Text(default) | Fallback::Words(default)) = setting.default;
        let told = format!("[default: {default}] [env: {}]", setting.variable);
        assert!(helps.contains(&told), "{told} in {helps}");
    }
}

#[test]
fn the_documentation_lists_every_setting() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = (
        "<!-- settings: made from the table in src/config/settings.rs; BLESS=1 writes it anew -->\n",
        "<!-- end -->",
    );
    let (before, rest) = text.split_once(begin).expect("the place of the table");
    let (_, after) = rest.split_once(end).expect("the end of the table");
    let made = format!("{before}{begin}{}{end}{after}", table());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), made, "BLESS=1 writes the table anew");
}

fn table() -> String {
    let mut table =
        "| setting | flag | environment | default | meaning |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for setting in SETTINGS {
        let default = match setting.default {
            Fallback::Text(value) => format!("`{value}`"),
            Fallback::Words(words) => words.to_owned(),
        };
        table.push_str(&format!(
            "| `{}.{}` | `--{}` | `{}` | {default} | {} |\n",
            setting.section.name(),
            setting.key,
            setting.flag,
            setting.variable,
            setting.help
        ));
    }
    table
}

#[tokio::test]
async fn show_tells_every_setting_its_value_and_where_it_came_from() {
    let folder = configured("[serve]\ngrace = 7\npersonas = [\"team\", \"ops=team\"]\n");
    fs::create_dir(folder.path().join("team")).unwrap();
    let shown = async |arguments: &[&str]| {
        let mut show = command(folder.path(), &[&["config", "show"], arguments].concat());
        show.env("PERSONA_FOLLOW", "true");
        let ended = run(show).await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
        ended.out
    };
    let table = shown(&["--listen", "127.0.0.1:0"]).await;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), SETTINGS.len() + 1);
    for row in [
        &["SETTING", "VALUE", "FROM"],
        &["serve.listen", "127.0.0.1:0", "--listen"],
        &["serve.personas", "team, ops=team", "persona.toml:3:12"],
        &["serve.follow", "true", "PERSONA_FOLLOW"],
        &["serve.grace", "7", "persona.toml:2:9"],
        &["serve.web-origins", "(none)", "default"],
        &["client.server", "http://127.0.0.1:50051", "default"],
    ] {
        assert!(rows.iter().any(|cells| cells == row), "{row:?} in {table}");
    }
    let json = shown(&["-o", "json"]).await;
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names = lines.iter().map(|line| line["setting"].as_str().unwrap().to_owned());
    let expected = SETTINGS.iter().map(|one| format!("{}.{}", one.section.name(), one.key));
    assert!(names.eq(expected), "{json}");
    let of = |name: &str| lines.iter().find(|line| line["setting"] == name).unwrap();
    assert_eq!(
        *of("serve.grace"),
        serde_json::json!({"setting": "serve.grace", "value": 7, "layer": "file", "origin": "persona.toml:2:9",
            "flag": "--grace", "variable": "PERSONA_GRACE"})
    );
    assert_eq!(of("serve.follow")["value"], true);
    assert_eq!(of("serve.personas")["value"], serde_json::json!(["team", "ops=team"]));
    assert_eq!(of("serve.log-format")["value"], Value::Null);
    let yaml = shown(&["-o", "yaml"]).await;
    let documents: Vec<Value> = yaml_documents(&yaml);
    assert_eq!(documents, lines, "the same");
}

#[tokio::test]
async fn show_tells_all_that_is_wrong_and_the_example_nothing() {
    let folder = configured("[serve]\ngrace = \"x\"\npersonas = [\"nowhere\"]\n");
    let ended = run(command(folder.path(), &["config", "show"])).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""));
    assert!(
        ended.err.contains("persona.toml:2:9: ")
            && ended.err.contains("persona.toml:3:13: there is no folder")
    );
    let example = run(command(folder.path(), &["config", "example"])).await;
    assert_eq!((example.code, example.err.as_str()), (Some(0), ""));
    fs::write(folder.path().join("persona.toml"), &example.out).unwrap();
    let ended = run(command(folder.path(), &["config", "show", "-o", "json"])).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.lines().all(|line| line.contains(r#""layer":"default""#)), "{}", ended.out);
}
