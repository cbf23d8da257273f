//! The load on anchors: h2load over HTTP/2 or HTTP/1.1, pinned to a core of its own.

use std::path::Path;
use std::process::Command;

use crate::common::Failure;

/// What is asked of a server, and how much comes back.
#[derive(Clone)]
pub struct Load {
    pub url: String,
    /// A framed gRPC request; none: a plain GET.
    pub body: Option<Vec<u8>>,
    /// Bytes of an answer's body; at least.
    pub answer: usize,
    pub http1: bool,
    pub connections: u32,
    pub streams: u32,
    pub requests: u32,
}

impl Load {
    /// A plain GET, on 8 connections of 16 streams.
    pub fn get(url: String, answer: usize, requests: u32) -> Self {
        Self { url, body: None, answer, http1: false, connections: 8, streams: 16, requests }
    }
}

/// Warms up, then measures: answers a second. All must come with 200 and with their bytes.
pub fn measure(load: &Load, dir: &Path) -> Result<f64, Failure> {
    run(load, load.requests.div_ceil(4).max(load.connections), dir)?;
    run(load, load.requests, dir)
}

fn run(load: &Load, requests: u32, dir: &Path) -> Result<f64, Failure> {
    let mut command = Command::new("taskset");
    command.args(["-c", "1", "h2load", "-t", "1", "-n", &requests.to_string()]);
    command.args(["-c", &load.connections.to_string(), "-m", &load.streams.to_string()]);
    if load.http1 {
        command.arg("--h1");
    }
    if let Some(request) = &load.body {
        let body = dir.join("anchor-request");
        std::fs::write(&body, request)?;
        command.args(["-H", "content-type: application/grpc", "-H", "te: trailers", "-d"]).arg(&body);
    }
    let output = String::from_utf8(command.arg(&load.url).output()?.stdout)?;
    let number = |before: &str, after: &str| -> Option<f64> {
        let rest = output.lines().find_map(|line| line.split_once(before))?.1;
        rest.split_once(after)?.0.rsplit(['(', ' ']).next()?.parse().ok()
    };
    let (good, data) = (number("status codes: ", " 2xx"), number("traffic: ", ") data"));
    let wanted = f64::from(requests) * load.answer as f64;
    if good != Some(f64::from(requests)) || data.is_none_or(|data| data < wanted) {
        return Err(format!("{}: wanted {requests} answers of {wanted} bytes:\n{output}", load.url).into());
    }
    Ok(number("finished in ", " req/s").ok_or("no rate")?)
}
