//! JSON-RPC: what a message asks for, and what is said in return.

use gen_lsp_types::ErrorCodes;
use gen_lsp_types::json_rpc::{Error, Id};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;

/// What came.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Wants an answer.
    Request(Id, Call),
    /// Wants none.
    Notification(Call),
    /// Answers something of ours.
    Answer,
    /// Is nothing of the protocol's; who sent it is told so.
    Wrong(Id, Error),
}

/// A method and what it is given, which is looked at by whoever knows the method.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    params: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default, deserialize_with = "given")]
    id: Option<Id>,
    method: Option<String>,
    params: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "is_there")]
    result: bool,
    #[serde(default, deserialize_with = "is_there")]
    error: bool,
}

/// An id of `null` is an id.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Id>, D::Error> {
    Id::deserialize(from).map(Some)
}

fn is_there<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(from).map(|_| true)
}

/// Reads a message as far as it must be known whose it is.
pub(super) fn read(body: &[u8]) -> Incoming {
    let envelope: Envelope = match serde_json::from_slice(body) {
        Ok(envelope) => envelope,
        Err(problem) => {
            let code = match problem.classify() {
                Category::Data => ErrorCodes::InvalidRequest,
                Category::Io | Category::Syntax | Category::Eof => ErrorCodes::ParseError,
            };
            return Incoming::Wrong(Id::Null, error(code, format!("this is no message: {problem}")));
        }
    };
    match envelope {
        Envelope { id: Some(id), method: Some(method), params, .. } => {
            Incoming::Request(id, Call { method, params })
        }
        Envelope { id: None, method: Some(method), params, .. } => {
            Incoming::Notification(Call { method, params })
        }
        Envelope { result, error, .. } if result || error => Incoming::Answer,
        Envelope { id, .. } => {
            let message = "this is neither a request nor an answer: it has no method and no result";
            Incoming::Wrong(id.unwrap_or(Id::Null), error(ErrorCodes::InvalidRequest, message.to_owned()))
        }
    }
}

impl Call {
    /// What the method is given.
    pub(super) fn params<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let text = self.params.as_ref().map_or("null", |params| params.get());
        serde_json::from_str(text).map_err(|problem| {
            error(ErrorCodes::InvalidParams, format!("{} is given something else: {problem}", self.method))
        })
    }
}

/// A refusal.
pub(super) fn error(code: ErrorCodes, message: String) -> Error {
    Error { code, message, data: None }
}

/// What is said.
#[derive(Debug, Serialize)]
pub(super) struct Outgoing {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
}

impl Outgoing {
    const EMPTY: Self =
        Self { jsonrpc: "2.0", id: None, method: None, params: None, result: None, error: None };

    /// The answer to a request.
    pub(super) fn answer(id: Id, result: Result<Value, Error>) -> Self {
        match result {
            Ok(result) => Self { id: Some(id), result: Some(result), ..Self::EMPTY },
            Err(error) => Self { id: Some(id), error: Some(error), ..Self::EMPTY },
        }
    }

    /// Something that wants no answer.
    pub(super) fn notification(method: &'static str, params: Value) -> Self {
        Self { method: Some(method), params: Some(params), ..Self::EMPTY }
    }

    /// Something that wants an answer; whatever it is, nothing depends on it.
    pub(super) fn request(id: &str, method: &'static str, params: Value) -> Self {
        Self { id: Some(Id::String(id.to_owned())), ..Self::notification(method, params) }
    }
}

/// A value as JSON. Ours are structs of strings and numbers, which always can be.
pub(super) fn value(of: impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(of).map_err(|problem| error(ErrorCodes::InternalError, problem.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> String {
        match read(body.as_bytes()) {
            Incoming::Request(id, call) => format!("request {id:?} {}", call.method),
            Incoming::Notification(call) => format!("notification {}", call.method),
            Incoming::Answer => "answer".to_owned(),
            Incoming::Wrong(id, error) => format!("{id:?} {:?}", error.code),
        }
    }

    #[test]
    fn messages_are_told_apart() {
        for (body, expected) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","params":[]}"#, "request Number(1) a"),
            (r#"{"id":"x","method":"a"}"#, "request String(\"x\") a"),
            (r#"{"id":null,"method":"a"}"#, "request Null a"),
            (r#"{"method":"a","params":null}"#, "notification a"),
            (r#"{"id":1,"result":null}"#, "answer"),
            (r#"{"id":1,"error":{"code":1,"message":""}}"#, "answer"),
            (r#"{"id":1}"#, "Number(1) InvalidRequest"),
            (r#"{"id":1.5,"method":"a"}"#, "Null InvalidRequest"),
            (r#"{"id":1,"method":2}"#, "Null InvalidRequest"),
            ("[]", "Null InvalidRequest"),
            ("{}", "Null InvalidRequest"),
            ("{", "Null ParseError"),
            ("", "Null ParseError"),
            ("\u{1}", "Null ParseError"),
        ] {
            assert_eq!(told(body), expected, "{body}");
        }
        assert_eq!(told(&"[".repeat(100_000)), "Null ParseError", "too deep");
    }
}
