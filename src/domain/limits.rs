//! Every limit of the contract, with its unit, in one place. The proto comments and GetStatus repeat them.

use std::time::Duration;

/// A document, in bytes.
pub const DOCUMENT_BYTES: usize = 256 * 1024;
/// The front matter with its fences, in bytes.
pub const FRONT_MATTER_BYTES: usize = 16 * 1024;
/// Nesting of front matter values.
pub const FRONT_MATTER_DEPTH: usize = 16;
/// Keys in the front matter, on all levels together.
pub const FRONT_MATTER_KEYS: usize = 256;
/// Headings that can be addressed.
pub const OUTLINE_ENTRIES: usize = 256;
/// Heading levels that can be addressed.
pub const OUTLINE_LEVELS: usize = 3;
/// One slug of a section path, in bytes.
pub const SECTION_SLUG_BYTES: usize = 64;
/// A section title, in bytes.
pub const SECTION_TITLE_BYTES: usize = 256;
/// A name or namespace, in bytes.
pub const NAME_BYTES: usize = 64;
/// A description, in bytes.
pub const DESCRIPTION_BYTES: usize = 8 * 1024;
/// A change message, in bytes.
pub const MESSAGE_BYTES: usize = 1024;
/// Labels of a persona.
pub const LABELS: usize = 64;
/// A label's key, in bytes.
pub const LABEL_KEY_BYTES: usize = 63;
/// A label's value, in bytes.
pub const LABEL_VALUE_BYTES: usize = 256;
/// Aliases of a persona.
pub const ALIASES: usize = 32;
/// An alias, in bytes.
pub const ALIAS_BYTES: usize = NAME_BYTES;
/// A filter, in bytes.
pub const FILTER_BYTES: usize = 4 * 1024;
/// Restrictions in a filter, such as `tag = "x"`.
pub const FILTER_RESTRICTIONS: usize = 128;
/// Parentheses and negations of a filter inside each other.
pub const FILTER_DEPTH: usize = 32;
/// Sections in one GetPersona.
pub const SECTIONS: usize = 64;
/// Versions of each persona that compaction keeps at least.
pub const HISTORY_VERSIONS: u64 = 50;
/// How far back the floor stays, unless it is raised.
pub const HISTORY_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// A request id, in bytes.
pub const REQUEST_ID_BYTES: usize = 128;
/// Names in one BatchGetPersonas.
pub const BATCH_GET_NAMES: usize = 100;
/// Changes in one commit.
pub const BATCH_OPERATIONS: usize = 40;
/// Documents in one commit, in bytes.
pub const BATCH_BYTES: usize = 640 * 1024;
/// page_size when none is given.
pub const PAGE_DEFAULT: usize = 50;
/// page_size at most.
pub const PAGE_MAX: usize = 500;
/// A page is cut here, in bytes of encoded personas.
pub const PAGE_BYTES: usize = 2 * 1024 * 1024;
/// A response message, in bytes.
pub const RESPONSE_BYTES: usize = 3 * 1024 * 1024;
/// A request message, in bytes.
pub const REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// An encoded `google.rpc.Status`, in bytes: it travels in trailers.
pub const STATUS_BYTES: usize = 4 * 1024;
/// Names in one WatchPersonas.
pub const WATCH_NAMES: usize = 1000;
/// A principal: the longest that authentication makes, and then some.
pub const PRINCIPAL_BYTES: usize = 512;
/// Watch streams at once, unless configured otherwise.
pub const WATCH_STREAMS: usize = 20_000;
/// Entries of the log that one LATEST group spans.
pub const WATCH_STRETCH: usize = 4096;
/// progress_interval when none is given.
pub const PROGRESS_DEFAULT: Duration = Duration::from_secs(15);
/// progress_interval at least.
pub const PROGRESS_MIN: Duration = Duration::from_secs(1);
/// progress_interval at most.
pub const PROGRESS_MAX: Duration = Duration::from_secs(60);
/// How long a request id is remembered, at least.
pub const IDEMPOTENCY: Duration = Duration::from_secs(24 * 60 * 60);
/// Diagnostics carried by a PERSONA_INVALID status.
pub const STATUS_DIAGNOSTICS: usize = 20;
/// Refused files that are kept for each folder.
pub const REFUSED_SOURCES: usize = 1000;
/// Diagnostics kept of a refused file.
pub const REFUSED_DIAGNOSTICS: usize = 20;
/// Missing names listed by a BatchGetPersonas error.
pub const STATUS_MISSING_NAMES: usize = 20;

/// Bytes of the reason for which a finding is waived.
pub const WAIVER_BYTES: usize = 1024;
/// Findings that are waived for one document.
pub const WAIVERS: usize = 16;
