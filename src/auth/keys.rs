//! Keys of an issuer: fetched, kept, fetched again from time to time and when a token names one that is not known. What was
//! fetched stays in use for as long as the issuer cannot be reached.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::fetch::Fetcher;
use super::policy::{Algorithm, Issuer};
use crate::domain::Digest;

/// Keys of a set at most.
const KEYS: usize = 64;

/// The algorithm of this name.
pub(super) fn named(name: &str) -> Option<Algorithm> {
    Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
}

/// A public key.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    pub decoding: DecodingKey,
    /// What tells it from others.
    pub digest: [u8; 32],
}

/// The keys of an issuer at a time.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a JSON Web Key Set. Keys of other kinds are left out: they are for other readers.
    fn parse(text: &[u8]) -> Result<Self, String> {
        let set: serde_json::Value =
            serde_json::from_slice(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let keys = set.get("keys").and_then(|keys| keys.as_array()).ok_or("it has no array `keys`")?;
        let keys: Vec<_> = keys.iter().take(KEYS).filter_map(key).collect();
        if keys.is_empty() {
            return Err("it has no key for RS256, ES256 or EdDSA".to_owned());
        }
        Ok(Self(keys))
    }

    /// The key that a token names; of a token that names none the only one of its kind.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut fitting = self.0.iter().filter(|key| key.algorithm == algorithm);
        match id {
            Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }

    pub(super) fn contains(&self, digest: &[u8; 32]) -> bool {
        self.0.iter().any(|key| key.digest == *digest)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|key| other.contains(&key.digest))
    }
}

fn key(value: &serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::Rs256,
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Algorithm::Es256,
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDsa,
        // Shared secrets are no keys of ours: who verifies with one could sign with it.
        _ => return None,
    };
    let says = value.get("alg").and_then(|alg| alg.as_str());
    let is_ours = says.is_none_or(|alg| alg == algorithm.as_str())
        && matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let decoding = DecodingKey::from_jwk(&jwk).ok().filter(|_| is_ours)?;
    let digest = Digest::of(value.to_string().as_bytes()).0;
    Some(Key { id: jwk.common.key_id, algorithm, decoding, digest })
}

/// The keys of one issuer, over time.
#[derive(Debug)]
pub(super) struct Keys {
    pub issuer: Arc<Issuer>,
    set: RwLock<Option<Arc<KeySet>>>,
    /// When they were last asked for.
    asked: Mutex<Option<Instant>>,
}

impl Keys {
    pub(super) fn new(issuer: Issuer) -> Self {
        Self { issuer: Arc::new(issuer), set: RwLock::new(None), asked: Mutex::new(None) }
    }

    pub(super) fn current(&self) -> Option<Arc<KeySet>> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches the keys, unless somebody did within `pause`; tells whether they have changed.
    pub(super) async fn refresh(&self, fetcher: &Fetcher, pause: Duration) -> bool {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|at| at.elapsed() < pause) {
            return false;
        }
        let fetched = fetcher.fetch(&self.issuer.keys).await.and_then(|text| KeySet::parse(&text));
        *asked = Some(Instant::now());
        let (issuer, has) = (&self.issuer.name, self.current().is_some());
        match fetched {
            Ok(set) => {
                let is_new = self.current().is_none_or(|old| !old.is_same(&set));
                if is_new {
                    tracing::info!(issuer, keys = set.0.len(), "keys of an issuer");
                    *self.set.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(set));
                }
                is_new
            }
            Err(problem) if has => {
                tracing::warn!(issuer, problem, "keys cannot be had; those that were had stay in use");
                false
            }
            Err(problem) => {
                tracing::error!(
                    issuer,
                    problem,
                    "keys cannot be had; tokens of this issuer are answered with KEYS_UNAVAILABLE"
                );
                false
            }
        }
    }
}
