//! Names of files in a data directory that more than one module knows.

/// API tokens.
pub const TOKENS: &str = "tokens.json";
/// Held while they are changed.
pub const TOKENS_LOCK: &str = "tokens.lock";
/// What they are about to be.
pub const TOKENS_NEW: &str = "tokens.new";
