//! JSON Web Tokens: whose one is, whether it is genuine, and what it says.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation};
use serde_json::Value;

use super::identity::{Cause, Identity, Proof};
use super::keys::{KeySet, named};
use super::policy::{Algorithm, Issuer};
use crate::domain::{Grant, Principal, Timestamp};

/// Bytes of a token at most.
const TOKEN_BYTES: usize = 8 * 1024;
/// Bytes of what the principal's claim says at most.
const PRINCIPAL_BYTES: usize = 256;
/// Roles that are read of a token at most.
const ROLES: usize = 64;

/// A token that was taken apart, and is not believed yet.
#[derive(Debug)]
pub(super) struct Unverified<'a> {
    text: &'a str,
    header: Header,
    algorithm: Algorithm,
    /// Whose it says that it is.
    pub issuer: String,
}

impl Unverified<'_> {
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }
}

/// Takes a token apart.
pub(super) fn parse(text: &str) -> Result<Unverified<'_>, Cause> {
    let mut parts = text.split('.');
    let (Some(head), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Cause::Malformed);
    };
    if text.len() > TOKEN_BYTES {
        return Err(Cause::Malformed);
    }
    let (head, claims) = (json(head)?, json(claims)?);
    let algorithm = head.get("alg").and_then(Value::as_str).ok_or(Cause::Malformed)?;
    let algorithm = named(algorithm).ok_or(Cause::Algorithm)?;
    let header = jsonwebtoken::decode_header(text).map_err(|_| Cause::Malformed)?;
    // What must be understood is understood by nobody here.
    if header.crit.is_some() {
        return Err(Cause::Malformed);
    }
    let issuer = claims.get("iss").and_then(Value::as_str).ok_or(Cause::Claims)?.to_owned();
    Ok(Unverified { text, header, algorithm, issuer })
}

fn json(part: &str) -> Result<Value, Cause> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Cause::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Cause::Malformed)
}

/// Who holds a token, where it is genuine, meant for this registry, and its time is now.
pub(super) fn verify(
    token: &Unverified<'_>,
    issuer: &Arc<Issuer>,
    keys: &KeySet,
    now: Timestamp,
) -> Result<Identity, Cause> {
    if !issuer.algorithms.contains(&token.algorithm) {
        return Err(Cause::Algorithm);
    }
    let key = keys.find(token.key_id(), token.algorithm).ok_or(Cause::UnknownKey)?;
    let mut validation = Validation::new(token.header.alg);
    // Times are compared by the registry's own clock, below.
    validation.validate_exp = false;
    validation.set_required_spec_claims(&["iss", "aud", "exp"]);
    validation.set_issuer(std::slice::from_ref(&issuer.issuer));
    validation.set_audience(&issuer.audiences);
    let decoded = jsonwebtoken::decode::<Value>(token.text, &key.decoding, &validation);
    let claims = decoded.map_err(|error| cause(error.kind()))?.claims;
    // What was believed and what is read are one text.
    if claims.get("iss").and_then(Value::as_str) != Some(&issuer.issuer) {
        return Err(Cause::Claims);
    }
    let expires = moment(claims.get("exp")).ok_or(Cause::Claims)?.after(issuer.leeway);
    if expires <= now {
        return Err(Cause::Expired);
    }
    if let Some(claim) = claims.get("nbf")
        && moment(Some(claim)).ok_or(Cause::Claims)?.before(issuer.leeway) > now
    {
        return Err(Cause::NotYetValid);
    }
    let named = claims.get(&issuer.principal_claim).and_then(Value::as_str).ok_or(Cause::Claims)?;
    let is_a_name = (1..=PRINCIPAL_BYTES).contains(&named.len())
        && !named.chars().any(|one| one.is_whitespace() || one.is_control() || one == '*');
    if !is_a_name {
        return Err(Cause::Claims);
    }
    Ok(Identity {
        principal: Principal::new(&format!("{}:{named}", issuer.name)),
        own: issuer.roles_claim.as_ref().map(|claim| roles(&claims, claim)).unwrap_or_default(),
        expires: Some(expires),
        proof: Proof::WebToken { issuer: Arc::clone(issuer), key: key.digest },
    })
}

fn cause(error: &ErrorKind) -> Cause {
    match error {
        ErrorKind::InvalidSignature => Cause::Signature,
        ErrorKind::InvalidIssuer => Cause::UnknownIssuer,
        ErrorKind::InvalidAudience => Cause::Audience,
        ErrorKind::InvalidAlgorithm | ErrorKind::MissingAlgorithm => Cause::Algorithm,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => Cause::Claims,
        _ => Cause::Malformed,
    }
}

/// Seconds since 1970, fractions allowed.
fn moment(claim: Option<&Value>) -> Option<Timestamp> {
    let seconds = claim?.as_f64().filter(|seconds| (0.0..1e12).contains(seconds))?;
    Some(Timestamp((seconds * 1e6) as i64))
}

/// The roles that a claim lists: an array of texts, or one text with blanks between. What is no role of ours is another
/// application's.
fn roles(claims: &Value, claim: &str) -> Vec<Grant> {
    // A claim may have dots in its own name, as addresses do.
    let found = claims.get(claim).or_else(|| claim.split('.').try_fold(claims, |at, part| at.get(part)));
    let texts: Vec<&str> = match found {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => text.split_whitespace().collect(),
        _ => Vec::new(),
    };
    texts.into_iter().filter_map(|text| text.parse().ok()).take(ROLES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_wherever_issuers_put_them() {
        let claims = serde_json::json!({
            "roles": ["reader@payments", "somebody-elses", 7, "admin"],
            "realm": { "roles": "writer@a,b reader" },
            "https://example.com/roles": ["promoter@a"],
        });
        let texts = |claim: &str| roles(&claims, claim).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts("roles"), ["reader@payments", "admin@*"]);
        assert_eq!(texts("realm.roles"), ["writer@a,b", "reader@*"]);
        assert_eq!(texts("https://example.com/roles"), ["promoter@a"]);
        assert!(texts("realm").is_empty() && texts("nothing.there").is_empty());
    }

    #[test]
    fn moments_are_seconds_and_nothing_else() {
        let read = |value: Value| moment(Some(&value));
        assert_eq!(read(serde_json::json!(1.5)), Some(Timestamp(1_500_000)));
        for wrong in [serde_json::json!("1"), serde_json::json!(-1), serde_json::json!(1e300), Value::Null] {
            assert_eq!(read(wrong), None);
        }
    }
}
