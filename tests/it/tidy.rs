//! The house rules that a compiler does not hold: layers, who may name which crate, and how files begin and grow.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module with the modules it may use, in reading order. `docs/architecture.md` draws the same table.
const LAYERS: &[(&str, &[&str])] = &[
    ("disk", &[]),
    ("domain", &[]),
    ("metrics", &[]),
    ("audit", &["domain", "disk"]),
    ("filter", &["domain"]),
    ("diagnostic", &["domain"]),
    ("document", &["diagnostic", "domain"]),
    ("validate", &["document", "diagnostic", "domain"]),
    ("record", &["domain"]),
    ("journal", &["record", "domain", "disk"]),
    ("store", &["record", "filter", "domain", "disk"]),
    (
        "registry",
        &["journal", "store", "filter", "validate", "document", "diagnostic", "audit", "metrics", "domain"],
    ),
    ("seed", &["registry", "document", "diagnostic", "domain"]),
    ("lsp", &["seed", "validate", "document", "diagnostic", "domain"]),
    ("wire", &["diagnostic", "domain"]),
    ("auth", &["domain", "disk"]),
    ("edge", &["auth", "registry", "metrics", "domain"]),
    ("grpc", &["edge", "auth", "wire", "registry", "filter", "diagnostic", "domain"]),
    ("http", &["registry", "metrics"]),
    ("client", &["wire", "diagnostic", "domain", "disk"]),
    ("server", &["http", "grpc", "edge", "auth", "seed", "registry", "metrics", "domain"]),
    (
        "config",
        &[
            "server",
            "client",
            "seed",
            "edge",
            "auth",
            "registry",
            "journal",
            "validate",
            "document",
            "diagnostic",
            "domain",
        ],
    ),
    (
        "cli",
        &[
            "config",
            "server",
            "client",
            "wire",
            "lsp",
            "seed",
            "auth",
            "registry",
            "journal",
            "validate",
            "document",
            "diagnostic",
            "domain",
            "disk",
        ],
    ),
];

/// Crates that only these files or folders may name.
const CRATES: &[(&str, &[&str])] = &[
    ("serde_yaml", &["src/document/yaml.rs"]),
    ("pulldown_cmark", &["src/document/markdown.rs", "src/document/markup.rs"]),
    ("unicode_security", &["src/validate/security/confusable.rs"]),
    ("regex", &["src/validate/security/directives.rs"]),
    ("aho_corasick", &["src/validate/words.rs"]),
    ("sled", &["src/store/sled.rs"]),
    ("zstd", &["src/store/"]),
    ("annotate_snippets", &["src/diagnostic/"]),
    ("prost", &["src/record/", "src/store/", "src/wire/", "src/grpc/", "src/client/personas/disk.rs"]),
    ("tonic", &["src/wire/", "src/grpc/", "src/client/", "src/server.rs", "src/server/", "src/cli/"]),
    ("axum", &["src/http/", "src/server/pages.rs"]),
    ("prometheus_client", &["src/http/", "src/metrics/"]),
    ("hyper", &["src/edge/", "src/server/"]),
    ("tower", &["src/edge/", "src/grpc/", "src/client/tls.rs"]),
    ("hyper_rustls", &["src/auth/fetch.rs"]),
    ("jsonwebtoken", &["src/auth/"]),
    ("argon2", &["src/auth/api_token.rs", "src/auth/token_file.rs"]),
    ("ring", &["src/auth/", "src/server/tls/files.rs", "src/client/tls.rs"]),
    ("governor", &["src/edge/"]),
    ("tower_http", &["src/edge/cors.rs", "src/grpc/web.rs"]),
    ("tonic_web", &["src/grpc/web.rs"]),
    ("ignore", &["src/seed/"]),
    ("notify", &["src/seed/changes.rs"]),
    ("rustix", &["src/store/dir.rs", "src/seed/read.rs", "src/server/accept.rs", "src/cli/output.rs"]),
    ("directories", &["src/config/"]),
    ("similar", &["src/cli/diff/text.rs", "src/lsp/actions.rs"]),
    ("gen_lsp_types", &["src/lsp/"]),
    ("percent_encoding", &["src/lsp/place.rs"]),
    ("clap_complete", &["src/cli/completions.rs"]),
    ("toml", &["src/config/file.rs", "src/config/policy.rs"]),
    ("strsim", &["src/diagnostic/near.rs"]),
    ("winnow", &["src/filter/"]),
    ("tokio_rustls", &["src/server/tls.rs", "src/server/tls/", "src/client/tls.rs", "src/client/tls/"]),
    ("rustls_native_certs", &["src/client/tls.rs"]),
    ("x509_parser", &["src/edge/peer.rs"]),
    ("rcgen", &["src/cli/dev_certs.rs"]),
    ("hdrhistogram", &["src/cli/bench/tally.rs"]),
    ("clap", &["src/cli/", "src/main.rs"]),
    ("anyhow", &["src/main.rs"]),
];

/// The modules that may block, hold state or know time; all others are pure.
const NO_RUNTIME: &[&str] =
    &["domain", "filter", "diagnostic", "document", "validate", "record", "store", "wire", "config"];

/// Lines above which a file wants a second noun.
const MAX_LINES: usize = 350;

fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"), text)
    };
    files.into_iter().map(read).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code of a file: without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn module(path: &str) -> &str {
    let rest = path.strip_prefix("src/").unwrap();
    rest.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Modules that a piece of code reaches by `crate::`, in single paths and in groups.
fn reached(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        };
        for name in names {
            let word =
                name.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            found.push(word.to_owned());
        }
    }
    found
}

#[test]
fn layers_are_used_downwards_only() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module(&path)) else {
            assert!(["src/lib.rs", "src/main.rs"].contains(&path.as_str()), "{path} is in no layer");
            continue;
        };
        for used in reached(&code(&text)) {
            let known = LAYERS.iter().any(|(name, _)| *name == used);
            if known && used != module(&path) && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{path} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lib_lists_the_modules_in_layer_order() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let listed: Vec<_> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let layers: Vec<_> = LAYERS.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, layers);
}

#[test]
fn crates_are_named_where_they_belong() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let code = code(&text);
        for (name, allowed) in CRATES {
            let names = |pattern: &str| code.contains(pattern);
            let named = names(&format!("use {name}::"))
                || names(&format!(" {name}::"))
                || names(&format!("({name}::"))
                || names(&format!("<{name}::"));
            if named && !allowed.iter().any(|place| path.starts_with(place)) {
                wrong.push(format!("{path} names {name}"));
            }
        }
        if NO_RUNTIME.contains(&module(&path)) && code.contains("tokio::") {
            wrong.push(format!("{path} names tokio"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn statuses_are_made_in_one_place() {
    let makers =
        ["Status::new", "Status::with_", "Status::internal", "Status::invalid_argument", "Status::not_found"];
    let makers_of = |path: &str, text: &str| {
        let made = makers.iter().any(|maker| code(text).contains(maker));
        made && !path.starts_with("src/grpc/status")
    };
    let wrong: Vec<_> =
        sources().into_iter().filter(|(path, text)| makers_of(path, text)).map(|it| it.0).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_status_match_has_no_catch_all() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("src/grpc/status.rs")).unwrap();
    let of = text.split("pub fn of(error: &Error)").nth(1).unwrap().split("\n}\n").next().unwrap();
    assert!(!of.contains("_ =>"), "a new error must be given a code, not fall into one");
}

#[test]
fn every_file_opens_with_its_promise() {
    let wrong: Vec<_> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn no_file_outgrows_its_noun() {
    let long = |(path, text): (String, String)| {
        let lines = text.lines().count();
        (lines > MAX_LINES).then(|| format!("{path}: {lines}"))
    };
    let wrong: Vec<_> = sources().into_iter().filter_map(long).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
