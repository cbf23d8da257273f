//! What the layers come to, and what is told of each mistake.

use super::*;

fn setting(key: &str) -> &'static Setting {
    SETTINGS.iter().find(|setting| setting.key == key).unwrap()
}

/// Layers with a file of this text.
fn layers(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> (tempfile::TempDir, Layers) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("persona.toml");
    std::fs::write(&path, file).unwrap();
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let flags = flags.iter().map(|(key, value)| (setting(key), vec![(*value).to_owned()])).collect();
    (folder, Layers { file: Some(path), variables, flags, serving: false })
}

/// The problems of a file, without the folder that it lies in.
fn problems(file: &str) -> Vec<String> {
    let (folder, layers) = layers(file, &[], &[]);
    let before = format!("{}/", folder.path().display());
    let told = |problem: Problem| {
        let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{problem}{help}").replace(&before, "")
    };
    Config::load(&layers).unwrap_err().into_iter().map(told).collect()
}

fn entry<'a>(config: &'a Config, key: &str) -> &'a Entry {
    config.entries.iter().find(|entry| entry.setting.key == key).unwrap()
}

#[test]
fn the_table_and_the_modules_have_the_same_defaults() {
    let (_folder, layers) = layers("", &[], &[]);
    let mut config = Config::load(&layers).unwrap();
    (config.entries, config.file) = (Vec::new(), None);
    assert_eq!(format!("{config:#?}"), format!("{:#?}", Config::of_modules()));
}

#[test]
fn names_are_made_alike_and_used_once() {
    for (at, one) in SETTINGS.iter().enumerate() {
        let upper = one.key.to_uppercase().replace('-', "_");
        assert_eq!(one.variable, format!("PERSONA_{upper}"));
        assert!(one.key == one.flag || one.key == format!("{}s", one.flag), "{one:?}");
        assert!(!SETTINGS.iter().skip(at + 1).any(|other| other.key == one.key), "{one:?}");
        assert!(!one.help.ends_with('.'), "{one:?}");
        assert_eq!(matches!(one.default, Fallback::Text(_)), one.example.is_empty(), "{one:?}");
        assert!(!OTHERS.contains(&one.variable));
    }
}

#[test]
fn every_word_of_a_choice_is_read() {
    for one in SETTINGS {
        if let Kind::Choice(words) = one.kind {
            for word in words {
                let given = Given::at(Origin::Default, one, [(*word).to_owned()]);
                assert!((one.set)(&mut Config::of_modules(), &given).is_ok(), "{one:?} {word}");
            }
        }
    }
}

#[test]
fn a_higher_layer_goes_before_a_lower_one_and_is_named() {
    let file = "[serve]\nlisten = \"127.0.0.1:1\"\ngrace = 1\nprune = true\ncache = 0x10\n";
    let variables = [("PERSONA_LISTEN", "127.0.0.1:2"), ("PERSONA_GRACE", "2"), ("PERSONA_FOLLOW", "")];
    let (_folder, layers) = layers(file, &variables, &[("listen", "127.0.0.1:3")]);
    let config = Config::load(&layers).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.options.grace.as_secs(), 2);
    assert!(config.options.seeding.prune);
    assert_eq!(config.options.registry.store.cache_bytes, 16 << 20);
    let origin = |key: &str| entry(&config, key).origin.to_string();
    assert_eq!(origin("listen"), "--listen");
    assert_eq!(origin("grace"), "PERSONA_GRACE");
    assert!(origin("prune").ends_with("/persona.toml:4:9"), "{}", origin("prune"));
    assert_eq!((origin("follow").as_str(), origin("durability").as_str()), ("default", "default"));
}

#[test]
fn a_list_takes_the_place_of_the_list_below() {
    let file = "[serve]\npersonas = [\"a\", \"ops=b\"]\n";
    let (_folder, below) = layers(file, &[], &[]);
    let config = Config::load(&below).unwrap();
    assert_eq!(config.personas.map(|sources| sources.len()), Some(2));
    let (_folder, above) = layers(file, &[("PERSONA_PERSONAS", "c:ops=d:e")], &[]);
    let config = Config::load(&above).unwrap();
    assert_eq!(entry(&config, "personas").values, ["c", "ops=d", "e"]);
    let (_folder, none) = layers("[serve]\npersonas = []\n", &[], &[]);
    assert_eq!(Config::load(&none).unwrap().personas.map(|sources| sources.len()), Some(0));
}

#[test]
fn paths_of_the_file_begin_at_the_file_and_a_tilde_at_home() {
    let home = std::env::home_dir().unwrap();
    let file = "[serve]\ndata-dir = \"data\"\npersonas = [\"ops=b\", \"/c\", \"~/d\", \"ops=~/e\"]\n";
    let (folder, layers) = layers(file, &[], &[]);
    let config = Config::load(&layers).unwrap();
    let here = folder.path().display();
    assert_eq!(entry(&config, "data-dir").values, [format!("{here}/data")]);
    let home = home.display();
    assert_eq!(
        entry(&config, "personas").values,
        [format!("ops={here}/b"), "/c".to_owned(), format!("{home}/d"), format!("ops={home}/e")]
    );
    assert_eq!(folders::plain(Path::new("./conf/.")), Path::new("conf"));
    assert_eq!(folders::plain(Path::new(".")), Path::new(""));
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_place() {
    for (file, told) in [
        (
            "[serve]\nlisten = \"localhost\"\n",
            "persona.toml:2:10: listen: \"localhost\" is no IP address with a port, such as 127.0.0.1:50051; \
             port 0 is any free one",
        ),
        (
            "[serve]\n  lisen = \"x\"\n",
            "persona.toml:2:3: there is no setting lisen in [serve] (did you mean `listen`?)",
        ),
        (
            "[serve]\nzzz = 1\n",
            "persona.toml:2:1: there is no setting zzz in [serve] (`persona config example` lists all settings)",
        ),
        ("[serve]\nserver = \"x\"\n", "persona.toml:2:1: server belongs below [client], not [serve]"),
        ("listen = \"x\"\n", "persona.toml:1:1: listen stands outside of a table; it belongs below [serve]"),
        ("[srve]\n", "persona.toml:1:2: there is no table [srve] (did you mean `serve`?)"),
        (
            "[other]\n",
            "persona.toml:1:2: there is no table [other] (the tables are [serve], [client], [validate] and [auth])",
        ),
        ("serve = 1\n", "persona.toml:1:1: serve is a table; write [serve] on a line of its own"),
        (
            "[serve]\ngrace = \"30\"\n",
            "persona.toml:2:9: grace: this is a text; write a number of seconds, without quotes",
        ),
        (
            "[serve]\ncache = 1.5\n",
            "persona.toml:2:9: cache: this is a number with a fraction; write a whole number, without quotes",
        ),
        ("[serve]\ncache = -1\n", "persona.toml:2:9: cache: \"-1\" is no whole number from 0 on"),
        (
            "[serve]\ncache = 99999999999999999999999\n",
            "persona.toml:2:9: cache: \"99999999999999999999999\" is no whole number from 0 on",
        ),
        (
            "[serve]\nsegment-bytes = 4095\n",
            "persona.toml:2:17: segment-bytes: \"4095\" is no whole number from 4096 on",
        ),
        (
            "[serve]\npersonas = \"a\"\n",
            "persona.toml:2:12: personas: this is a text; write an array of texts, such as [\"a\", \"b\"]",
        ),
        (
            "[serve]\npersonas = [\"a\", 7]\n",
            "persona.toml:2:18: personas: this is a whole number; write an array of texts, such as [\"a\", \"b\"]",
        ),
        (
            "[serve]\nprune = \"yes\"\n",
            "persona.toml:2:9: prune: this is a text; write true or false, without quotes",
        ),
        (
            "[serve]\ndurability = \"strikt\"\n",
            "persona.toml:2:14: durability: \"strikt\" is none of: strict, relaxed; did you mean `strict`?",
        ),
        (
            "[client]\nconnect-timeout = 0\n",
            "persona.toml:2:19: connect-timeout: \"0\" leaves no time at all; write a number above 0",
        ),
    ] {
        assert_eq!(problems(file), [told], "{file}");
    }
    assert!(problems("[client]\nserver = \"ftp://x\"\n")[0].contains("\"ftp\" is not a scheme"));
    assert!(problems("[client]\nnamespace = \"My Team\"\n")[0].starts_with("persona.toml:2:13: namespace: "));
}

#[test]
fn a_file_with_bad_syntax_is_told_beside_what_else_is_wrong() {
    let told = problems("[serve]\nlisten = \ngrace = \"x\"\ngrace = 3\n");
    let places: Vec<_> = told.iter().map(|one| one.split(": ").next().unwrap()).collect();
    // A missing value, a wrong type, a key that is there twice: each once, from top to bottom.
    assert_eq!(places, ["persona.toml:2:10", "persona.toml:3:9", "persona.toml:4:1"], "{told:#?}");
}

#[test]
fn a_file_may_begin_with_a_bom_and_must_be_utf8() {
    let (_folder, layers) = layers("\u{feff}[serve]\r\ngrace = 7\r\n", &[], &[]);
    assert_eq!(Config::load(&layers).unwrap().options.grace.as_secs(), 7);
    std::fs::write(layers.file.as_ref().unwrap(), b"[serve]\nlisten = \"\xff\"\n").unwrap();
    let told = Config::load(&layers).unwrap_err();
    assert!(told[0].to_string().ends_with("persona.toml:2:11: this is no UTF-8"), "{told:?}");
}

#[test]
fn all_layers_are_told_together() {
    let variables = [
        ("PERSONA_LISTN", "x"),
        ("PERSONA_GRACE", "soon"),
        ("PERSONA_CORPUS", "let be"),
        ("PERSONA_SERVICE_HOST", "let be"),
    ];
    let flags = [("cache", "much"), ("web-origins", "example.com")];
    let (_folder, layers) = layers("[serve]\ngrace = -1\n", &variables, &flags);
    let told: Vec<_> = Config::load(&layers).unwrap_err();
    let told: Vec<_> = told.iter().map(|one| (one.origin.layer(), one.to_string())).collect();
    assert_eq!(told.len(), 5, "{told:#?}");
    assert!(told[0].1.contains("persona.toml:2:9: grace: \"-1\" is no number of seconds"), "{told:#?}");
    assert_eq!(told[1].1, "PERSONA_LISTN: there is no such setting");
    assert!(told[2].1.starts_with("PERSONA_GRACE: \"soon\" is no number of seconds"), "{told:#?}");
    assert_eq!(told[3], ("flag", "--cache: \"much\" is no whole number from 0 on".to_owned()));
    assert!(told[4].1.starts_with("--web-origin: \"example.com\" is no origin"), "{told:#?}");
}

#[test]
fn the_example_says_the_defaults() {
    let (_folder, as_it_is) = layers(&example(), &[], &[]);
    let untouched = Config::load(&as_it_is).unwrap();
    assert!(untouched.entries.iter().all(|entry| entry.origin == Origin::Default));
    // Prose begins with `# `, settings with `#` alone.
    let used = |keep: fn(&Setting) -> bool| {
        let line = |line: &str| {
            let key = line.strip_prefix('#').and_then(|line| line.split_once(" = ")).map(|(key, _)| key);
            let ours = SETTINGS.iter().find(|setting| key == Some(setting.key));
            if ours.is_some_and(keep) { line.split_at(1).1.to_owned() } else { line.to_owned() }
        };
        example().lines().map(line).collect::<Vec<_>>().join("\n")
    };
    let (_folder, defaults) = layers(&used(|setting| setting.example.is_empty()), &[], &[]);
    let config = Config::load(&defaults).unwrap();
    for (a, b) in config.entries.iter().zip(&untouched.entries) {
        assert_eq!(a.values, b.values, "{:?}", a.setting);
        let given = a.setting.example.is_empty();
        assert_eq!(a.origin.layer(), if given { "file" } else { "default" }, "{:?}", a.setting);
    }
    let (_folder, all) = layers(&used(|_| true), &[], &[]);
    let config = Config::load(&all).unwrap();
    assert!(config.entries.iter().all(|entry| entry.origin.layer() == "file"));
}

#[test]
fn what_is_said_of_tls_is_put_together() {
    use crate::server::tls::ClientAuth;

    let load = |file: &str, flags: &[(&str, &str)]| {
        let (folder, mut layers) = layers(file, &[], flags);
        layers.serving = true;
        (folder.path().to_owned(), Config::load(&layers).unwrap())
    };
    let pair = "[serve]\ntls-cert = \"a.pem\"\ntls-key = \"/b.pem\"\n";
    let (folder, config) = load(pair, &[("connection-age", "0"), ("connection-age-grace", "7")]);
    let tls = config.options.tls.unwrap();
    assert_eq!((tls.cert, tls.key), (folder.join("a.pem"), PathBuf::from("/b.pem")));
    assert_eq!((tls.client_ca, tls.client_auth, tls.reload.as_secs()), (None, ClientAuth::None, 10));
    assert_eq!(config.options.connection_age, None);
    assert_eq!(config.options.connection_age_grace.map(|grace| grace.as_secs()), Some(7));
    for (word, auth) in [
        (None, ClientAuth::Required),
        (Some("optional"), ClientAuth::Optional),
        (Some("none"), ClientAuth::None),
    ] {
        let flags: Vec<_> = [("tls-client-ca", "c.pem"), ("listen", "0.0.0.0:1")]
            .into_iter()
            .chain(word.map(|word| ("tls-client-auth", word)))
            .collect();
        let (_, config) = load(pair, &flags);
        let tls = config.options.tls.unwrap();
        assert_eq!((tls.client_ca, tls.client_auth), (Some("c.pem".into()), auth));
    }
    assert!(load("", &[]).1.options.tls.is_none());
}
