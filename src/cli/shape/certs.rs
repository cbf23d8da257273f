//! Certificates to try with, as JSON.

use serde::Serialize;

/// What was made.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct DevCerts {
    pub(in crate::cli) folder: String,
    pub(in crate::cli) ca: String,
    pub(in crate::cli) cert: String,
    pub(in crate::cli) key: String,
    pub(in crate::cli) names: Vec<String>,
    pub(in crate::cli) clients: Vec<DevClient>,
    pub(in crate::cli) expire_time: String,
}

/// One client's.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct DevClient {
    pub(in crate::cli) name: String,
    pub(in crate::cli) cert: String,
    pub(in crate::cli) key: String,
}
