//! Somebody who issues JSON Web Tokens: keys made by ring, a key set that is served as real issuers do, and tokens of every
//! kind, good and bad.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use persona_registry::auth::{Algorithm, Issuer, KeySource};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

pub const ISSUER: &str = "https://login.example.com";
pub const AUDIENCE: &str = "persona-registry";

/// A key for tests and nothing else.
const RSA: &[u8] = include_bytes!("../fixtures/keys/rsa.pk8");

pub enum Key {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A key and its id.
pub struct Signer {
    pub id: String,
    key: Key,
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    pub fn rsa(id: &str) -> Self {
        Self { id: id.to_owned(), key: Key::Rsa(RsaKeyPair::from_pkcs8(RSA).unwrap()) }
    }

    pub fn ec(id: &str) -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self { id: id.to_owned(), key: Key::Ec(key) }
    }

    pub fn ed(id: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { id: id.to_owned(), key: Key::Ed(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()) }
    }

    /// The public half, as a key set has it.
    pub fn public(&self) -> Value {
        match &self.key {
            Key::Rsa(key) => {
                let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({"kty": "RSA", "kid": self.id, "alg": "RS256", "use": "sig", "n": b64(n), "e": b64(e)})
            }
            Key::Ec(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": self.id, "x": b64(x), "y": b64(y)})
            }
            Key::Ed(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": b64(key.public_key())})
            }
        }
    }

    /// The bytes of the public key that somebody might take for a shared secret.
    pub fn public_bytes(&self) -> Vec<u8> {
        self.public().to_string().into_bytes()
    }

    fn algorithm(&self) -> &'static str {
        match &self.key {
            Key::Rsa(_) => "RS256",
            Key::Ec(_) => "ES256",
            Key::Ed(_) => "EdDSA",
        }
    }

    fn signature(&self, message: &str) -> String {
        let (random, message) = (SystemRandom::new(), message.as_bytes());
        match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                b64(signature)
            }
            Key::Ec(key) => b64(key.sign(&random, message).unwrap()),
            Key::Ed(key) => b64(key.sign(message)),
        }
    }

    pub fn token(&self, claims: &Value) -> String {
        self.with_header(&json!({"alg": self.algorithm(), "typ": "JWT", "kid": self.id}), claims)
    }

    /// Signs under whatever header.
    pub fn with_header(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
        format!("{message}.{}", self.signature(&message))
    }
}

/// A token that nobody signed.
pub fn unsigned(claims: &Value) -> String {
    format!("{}.{}.", b64(json!({"alg": "none"}).to_string()), b64(claims.to_string()))
}

/// A token signed with a secret that is no secret.
pub fn by_hmac(key_id: &str, secret: &[u8], claims: &Value) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": key_id});
    let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    format!("{message}.{}", b64(ring::hmac::sign(&key, message.as_bytes())))
}

/// Claims that are good for an hour.
pub fn claims(subject: &str) -> Value {
    claims_for(subject, 3600)
}

/// Claims that end in so many seconds.
pub fn claims_for(subject: &str, seconds: i64) -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": now() + seconds, "iat": now()})
}

/// The same with other values; null takes one away.
pub fn with(mut claims: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(key)),
            value => claims[key] = value.clone(),
        }
    }
    claims
}

pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

pub fn set(signers: &[&Signer]) -> String {
    json!({"keys": signers.iter().map(|signer| signer.public()).collect::<Vec<_>>()}).to_string()
}

/// Who is believed: this issuer, with its keys there.
pub fn believed(keys: KeySource) -> Issuer {
    Issuer {
        name: "corp".to_owned(),
        issuer: ISSUER.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        keys,
        algorithms: Algorithm::ALL.to_vec(),
        principal_claim: "sub".to_owned(),
        roles_claim: Some("roles".to_owned()),
        leeway: Duration::ZERO,
    }
}

/// A key set behind HTTP that can be changed and broken.
pub struct KeyServer {
    pub url: String,
    pub answer: Arc<Mutex<Option<String>>>,
    pub asked: Arc<std::sync::atomic::AtomicUsize>,
}

impl KeyServer {
    pub async fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys.json", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(Some(answer)));
        let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (told, count) = (Arc::clone(&answer), Arc::clone(&asked));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (told, count) = (Arc::clone(&told), Arc::clone(&count));
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let Ok(1..) = stream.read(&mut request).await else { return };
                    count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let body = told.lock().unwrap().clone();
                    let head = if body.is_some() { "200 OK" } else { "503 Service Unavailable" };
                    let body = body.unwrap_or_default();
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                    );
                    drop(stream.write_all(answer.as_bytes()).await);
                });
            }
        });
        Self { url, answer, asked }
    }

    pub fn source(&self) -> KeySource {
        KeySource::Url(self.url.clone())
    }
}
