//! The one table of settings: how each is called in every layer, what it holds, and where its value goes.

mod callers;
mod client;
mod judging;
mod tls;

use std::time::Duration;

use super::kind::{self, Kind, LogFormat};
use super::setting::{Fallback, Section, Setting};
use crate::journal::Durability;
use crate::registry::OnConflict;

pub(super) const ON_CONFLICT: &[(&str, OnConflict)] =
    &[("report", OnConflict::Report), ("file-wins", OnConflict::FileWins)];
pub(super) const DURABILITY: &[(&str, Durability)] =
    &[("strict", Durability::Strict), ("relaxed", Durability::Relaxed)];
pub(super) const LOG_FORMAT: &[(&str, LogFormat)] =
    &[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];

const MIB: u64 = 1024 * 1024;
const SECONDS_OF_DAY: u64 = 24 * 60 * 60;

/// All settings, in the order of help, the file and the documentation.
pub static SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Serve,
        key: "listen",
        flag: "listen",
        variable: "PERSONA_LISTEN",
        kind: Kind::Address,
        default: Fallback::Text("127.0.0.1:50051"),
        help: "Address to listen on. Port 0: any that is free",
        example: "",
        set: |config, given| given.one(kind::address).map(|it| config.listen = it),
    },
    Setting {
        section: Section::Serve,
        key: "metrics-listen",
        flag: "metrics-listen",
        variable: "PERSONA_METRICS_LISTEN",
        kind: Kind::Address,
        default: Fallback::Words("metrics are not told"),
        help: "Address to tell metrics on: /metrics for Prometheus, /healthz for probes, over plain HTTP",
        example: "127.0.0.1:9464",
        set: |config, given| given.one(kind::address).map(|it| config.options.metrics = Some(it)),
    },
    Setting {
        section: Section::Serve,
        key: "data-dir",
        flag: "data-dir",
        variable: "PERSONA_DATA_DIR",
        kind: Kind::Folder,
        default: Fallback::Words("a folder of the platform's for data, under a key of this folder"),
        help: "Where the registry keeps its data",
        example: "~/registry",
        set: |config, given| given.one(kind::folder).map(|it| config.data_dir = Some(it)),
    },
    Setting {
        section: Section::Serve,
        key: "personas",
        flag: "personas",
        variable: "PERSONA_PERSONAS",
        kind: Kind::Sources,
        default: Fallback::Words("personas, where there is such a folder"),
        help: "Folders of Markdown files to take in, each as DIR or NAMESPACE=DIR",
        example: "personas",
        set: |config, given| given.each(kind::source).map(|it| config.personas = Some(it)),
    },
    Setting {
        section: Section::Serve,
        key: "on-conflict",
        flag: "on-conflict",
        variable: "PERSONA_ON_CONFLICT",
        kind: Kind::Choice(&["report", "file-wins"]),
        default: Fallback::Text("report"),
        help: "What happens when a file and the registry both changed a persona: report keeps both and says so, \
               file-wins stores the file",
        example: "",
        set: |config, given| {
            let seeding = &mut config.options.seeding;
            given.one(|text| kind::choice(text, ON_CONFLICT)).map(|it| seeding.on_conflict = it)
        },
    },
    Setting {
        section: Section::Serve,
        key: "prune",
        flag: "prune",
        variable: "PERSONA_PRUNE",
        kind: Kind::Switch,
        default: Fallback::Text("false"),
        help: "Delete personas whose file is gone: only those that their folder created and nobody changed since",
        example: "",
        set: |config, given| given.one(kind::switch).map(|it| config.options.seeding.prune = it),
    },
    Setting {
        section: Section::Serve,
        key: "follow",
        flag: "follow",
        variable: "PERSONA_FOLLOW",
        kind: Kind::Switch,
        default: Fallback::Text("false"),
        help: "Take in changes to the folders while the server runs",
        example: "",
        set: |config, given| given.one(kind::switch).map(|it| config.options.seeding.follow = it),
    },
    judging::WAIVERS,
    Setting {
        section: Section::Serve,
        key: "durability",
        flag: "durability",
        variable: "PERSONA_DURABILITY",
        kind: Kind::Choice(&["strict", "relaxed"]),
        default: Fallback::Text("strict"),
        help: "What OK on a write means: strict survives a power cut, relaxed may lose the last second to one",
        example: "",
        set: |config, given| {
            let journal = &mut config.options.registry.journal;
            given.one(|text| kind::choice(text, DURABILITY)).map(|it| journal.durability = it)
        },
    },
    Setting {
        section: Section::Serve,
        key: "grace",
        flag: "grace",
        variable: "PERSONA_GRACE",
        kind: Kind::Seconds,
        default: Fallback::Text("30"),
        help: "How long a shutdown may take before what is left is cut, in seconds",
        example: "",
        set: |config, given| given.one(kind::seconds).map(|it| config.options.grace = it),
    },
    Setting {
        section: Section::Serve,
        key: "watch-streams",
        flag: "watch-streams",
        variable: "PERSONA_WATCH_STREAMS",
        kind: Kind::Number("N"),
        default: Fallback::Text("20000"),
        help: "Watch streams at once, at most",
        example: "",
        set: |config, given| {
            let streams = &mut config.options.registry.watch_streams;
            given
                .one(|text| kind::number(text, 0))
                .map(|it| *streams = usize::try_from(it).unwrap_or(usize::MAX))
        },
    },
    Setting {
        section: Section::Serve,
        key: "min-free",
        flag: "min-free",
        variable: "PERSONA_MIN_FREE",
        kind: Kind::Number("MIB"),
        default: Fallback::Text("64"),
        help: "Refuse writes while the disk has less free space than this, in MiB",
        example: "",
        set: |config, given| {
            let bytes = &mut config.options.registry.min_free_bytes;
            given.one(|text| kind::number(text, 0)).map(|it| *bytes = it.saturating_mul(MIB))
        },
    },
    Setting {
        section: Section::Serve,
        key: "cache",
        flag: "cache",
        variable: "PERSONA_CACHE",
        kind: Kind::Number("MIB"),
        default: Fallback::Text("1024"),
        help: "Memory for the pages of the store, in MiB",
        example: "",
        set: |config, given| {
            let bytes = &mut config.options.registry.store.cache_bytes;
            given.one(|text| kind::number(text, 0)).map(|it| *bytes = it.saturating_mul(MIB))
        },
    },
    Setting {
        section: Section::Serve,
        key: "segment-bytes",
        flag: "segment-bytes",
        variable: "PERSONA_SEGMENT_BYTES",
        kind: Kind::Number("BYTES"),
        default: Fallback::Text("67108864"),
        help: "Length at which a file of the journal is followed by the next, in bytes",
        example: "",
        set: |config, given| {
            let bytes = &mut config.options.registry.journal.segment_bytes;
            given.one(|text| kind::number(text, 4096)).map(|it| *bytes = it)
        },
    },
    Setting {
        section: Section::Serve,
        key: "checkpoint",
        flag: "checkpoint",
        variable: "PERSONA_CHECKPOINT",
        kind: Kind::Seconds,
        default: Fallback::Text("30"),
        help: "How often the store is made durable while there are writes, in seconds: a start after a crash replays \
               the journal from there. Acknowledged writes are durable without it",
        example: "",
        set: |config, given| {
            given.one(kind::seconds).map(|it| config.options.registry.checkpoint_interval = it)
        },
    },
    Setting {
        section: Section::Serve,
        key: "history-age",
        flag: "history-age",
        variable: "PERSONA_HISTORY_AGE",
        kind: Kind::Number("DAYS"),
        default: Fallback::Text("30"),
        help: "How many days back revisions can be read as of. What was superseded before goes, but for the last 50 versions \
               of each persona and what an alias names",
        example: "",
        set: |config, given| {
            let age = &mut config.options.registry.history_age;
            given
                .one(|text| kind::number(text, 0))
                .map(|it| *age = Duration::from_secs(it.saturating_mul(SECONDS_OF_DAY)))
        },
    },
    Setting {
        section: Section::Serve,
        key: "history-max",
        flag: "history-max",
        variable: "PERSONA_HISTORY_MAX",
        kind: Kind::Number("MIB"),
        default: Fallback::Words("no limit"),
        help: "Let older history go too once the documents of all versions take more than this, in MiB",
        example: "4096",
        set: |config, given| {
            let most = &mut config.options.registry.history_max_bytes;
            given.one(|text| kind::number(text, 0)).map(|it| *most = Some(it.saturating_mul(MIB)))
        },
    },
    Setting {
        section: Section::Serve,
        key: "snapshot-after",
        flag: "snapshot-after",
        variable: "PERSONA_SNAPSHOT_AFTER",
        kind: Kind::Number("MIB"),
        default: Fallback::Text("256"),
        help: "Have a snapshot take the place of finished journal files once they have more than this, and twice what the last \
               snapshot has, in MiB",
        example: "",
        set: |config, given| {
            let bytes = &mut config.options.registry.snapshot_bytes;
            given.one(|text| kind::number(text, 0)).map(|it| *bytes = it.saturating_mul(MIB))
        },
    },
    Setting {
        section: Section::Serve,
        key: "audit-max",
        flag: "audit-max",
        variable: "PERSONA_AUDIT_MAX",
        kind: Kind::Number("MIB"),
        default: Fallback::Text("1024"),
        help: "Let the oldest files of the audit log go while it has more than this, in MiB. 0: keep all of it",
        example: "",
        set: |config, given| {
            let audit = &mut config.options.registry.audit;
            given.one(|text| kind::number(text, 0)).map(|it| audit.max_bytes = it.saturating_mul(MIB))
        },
    },
    Setting {
        section: Section::Serve,
        key: "read-only",
        flag: "read-only",
        variable: "PERSONA_READ_ONLY",
        kind: Kind::Switch,
        default: Fallback::Text("false"),
        help: "Take no writes, neither from callers nor from folders",
        example: "",
        set: |config, given| given.one(kind::switch).map(|it| config.options.registry.read_only = it),
    },
    Setting {
        section: Section::Serve,
        key: "log-format",
        flag: "log-format",
        variable: "PERSONA_LOG_FORMAT",
        kind: Kind::Choice(&["pretty", "json"]),
        default: Fallback::Words("pretty where stderr is a terminal, else json"),
        help: "How the log is written to stderr: pretty for people, json for machines",
        example: "json",
        set: |config, given| {
            given.one(|text| kind::choice(text, LOG_FORMAT)).map(|it| config.log_format = Some(it))
        },
    },
    Setting {
        section: Section::Serve,
        key: "web-origins",
        flag: "web-origin",
        variable: "PERSONA_WEB_ORIGINS",
        kind: Kind::Origins,
        default: Fallback::Words("none"),
        help: "Origins whose pages may call from a browser, such as https://example.com; * for any",
        example: "https://example.com",
        set: |config, given| given.each(kind::origin).map(|it| config.options.web_origins = it),
    },
    tls::CERT,
    tls::KEY,
    tls::CLIENT_CA,
    tls::AUTH,
    tls::RELOAD,
    tls::INSECURE,
    tls::AGE,
    tls::AGE_GRACE,
    callers::AUTH,
    callers::CALLS_PER_SECOND,
    callers::CALLS_PER_CALLER,
    callers::STREAMS_PER_CALLER,
    callers::CALLS,
    client::SERVER,
    client::NAMESPACE,
    client::CONNECT_TIMEOUT,
    tls::CA_CERT,
    tls::CLIENT_CERT,
    tls::CLIENT_KEY,
    tls::SERVER_NAME,
    callers::TOKEN_FILE,
    callers::INSECURE_TOKEN,
    judging::SELECT,
    judging::IGNORE,
    judging::SEVERITY,
];
