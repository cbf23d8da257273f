//! Who calls, and what they may do: JSON Web Tokens, API tokens and client certificates become principals, and the policy
//! says what each is granted. Nothing else is believed, and nothing else is allowed.

mod api_token;
mod fetch;
mod follow;
mod identity;
mod keys;
mod policy;
mod signature;
mod state;
mod token_file;
mod web_token;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::sync::{Notify, Semaphore, watch};

pub use self::api_token::{ApiToken, ApiTokens};
use self::fetch::Fetcher;
pub use self::follow::Changed;
pub use self::identity::{Cause, Identity, Proof, Refusal, Session};
pub use self::policy::{Algorithm, Asked, Explanation, Issuer, KeySource, Policy, PolicyGrant, Source};
use self::state::State;
pub use self::token_file::{NewToken, TokenError, create, revoke};
use crate::domain::{Clock, Digest, Principal, Timestamp};

/// Verified callers kept at most.
const VERIFIED: usize = 16 * 1024;
/// Bytes of a certificate's name at most.
const CERTIFICATE_BYTES: usize = 256;
/// Slow hashes computed at once.
const HASHES: usize = 2;

/// Reads the policy again: the new one, or what is wrong with it.
#[derive(Clone)]
pub struct Reload(pub Arc<dyn Fn() -> Result<Policy, String> + Send + Sync>);

impl fmt::Debug for Reload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Reload")
    }
}

/// How callers are told.
#[derive(Debug, Clone)]
pub struct Options {
    /// What decides at the start.
    pub policy: Policy,
    /// How it is read again; none: it stays.
    pub reload: Option<Reload>,
    /// The file of API tokens.
    pub tokens: PathBuf,
    /// How often policy and tokens are looked at. Default 1 s.
    pub look: Duration,
    /// How often keys of issuers are fetched. Default 5 min.
    pub refresh: Duration,
    /// How long keys are not fetched again, whatever tokens name. Default 10 s.
    pub refresh_pause: Duration,
}

impl Options {
    /// The production defaults, with this policy and this file of tokens.
    #[must_use]
    pub fn new(policy: Policy, tokens: PathBuf) -> Self {
        Self {
            policy,
            reload: None,
            tokens,
            look: Duration::from_secs(1),
            refresh: Duration::from_secs(5 * 60),
            refresh_pause: Duration::from_secs(10),
        }
    }
}

/// What a call says of who calls.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// All that follows `Bearer ` in its authorization; an error where there is another one.
    pub bearer: Option<Result<&'a str, Cause>>,
    /// The client certificate of its connection.
    pub certificate: Option<Shown<'a>>,
}

/// A client certificate that was verified when its connection was made.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// What it names, the first most telling.
    pub names: &'a [String],
    /// When it ends.
    pub expires: Timestamp,
}

/// An identity that was verified, when the state had a generation.
#[derive(Debug, Clone)]
struct Verified {
    session: Session,
    generation: u64,
}

/// Tells callers.
#[derive(Debug)]
pub struct Authenticator {
    options: Options,
    clock: Arc<dyn Clock>,
    state: watch::Sender<Arc<State>>,
    verified: Cache<[u8; 32], Arc<Verified>>,
    hashes: Semaphore,
    fetcher: Fetcher,
    /// The policy may believe others than it did, whose keys are not known yet.
    issuers_changed: Notify,
}

impl Authenticator {
    /// Reads the tokens; keys of issuers are fetched by [`run`](Self::run) and where they are missed.
    ///
    /// # Errors
    /// Tokens cannot be read.
    pub fn new(options: Options, clock: Arc<dyn Clock>) -> Result<Self, TokenError> {
        signature::install();
        let tokens = ApiTokens::load(&options.tokens)?;
        let state = State::new(options.policy.clone(), tokens);
        Ok(Self {
            options,
            clock,
            state: watch::Sender::new(Arc::new(state)),
            verified: Cache::new(VERIFIED),
            hashes: Semaphore::new(HASHES),
            fetcher: Fetcher::new(),
            issuers_changed: Notify::new(),
        })
    }

    /// Whether reflection answers without credentials.
    #[must_use]
    pub fn has_open_reflection(&self) -> bool {
        self.state.borrow().policy.open_reflection
    }

    /// Who calls, where that can be told at once: a caller who was verified before, or one who shows nothing. None: it
    /// must be [verified](Self::verify).
    #[must_use]
    pub fn recall(&self, credentials: Credentials<'_>) -> Option<Result<Session, Refusal>> {
        let bearer = match (credentials.bearer, credentials.certificate) {
            (Some(Err(cause)), _) => return Some(Err(Refusal::Invalid(cause))),
            (Some(Ok(bearer)), _) => bearer,
            (None, Some(shown)) => return Some(self.by_certificate(&shown)),
            (None, None) => return Some(Err(Refusal::Missing)),
        };
        let key = Digest::of(bearer.as_bytes()).0;
        let verified = self.verified.get(&key)?;
        let state = Arc::clone(&self.state.borrow());
        match state.still(&verified.session.identity, self.clock.now()) {
            Ok(()) => {}
            Err(cause @ (Cause::Expired | Cause::Revoked | Cause::UnknownToken)) => {
                return Some(Err(Refusal::Invalid(cause)));
            }
            // The terms are others: it is looked at anew.
            Err(_) => return None,
        }
        if verified.generation == state.generation {
            return Some(Ok(verified.session.clone()));
        }
        // What was proven stays proven; what it is worth may have changed.
        let session = state.session(Arc::clone(&verified.session.identity));
        Some(Ok(self.keep(key, &state, session)))
    }

    fn keep(&self, key: [u8; 32], state: &State, session: Session) -> Session {
        let verified = Verified { session: session.clone(), generation: state.generation };
        self.verified.insert(key, Arc::new(verified));
        session
    }

    /// Who calls, by a token.
    ///
    /// # Errors
    /// It is not believed.
    pub async fn verify(&self, bearer: &str) -> Result<Session, Refusal> {
        let state = Arc::clone(&self.state.borrow());
        let identity = if api_token::is_one(bearer) {
            state.tokens.find(bearer, self.clock.now()).map_err(Refusal::Invalid)?;
            // Others wait their turn: a flood of tokens must not take every core.
            let _permit = self.hashes.acquire().await.map_err(|_| Refusal::KeysUnavailable)?;
            // Of many calls that came at once with one token the first has hashed it.
            let credentials = Credentials { bearer: Some(Ok(bearer)), certificate: None };
            if let Some(known) = self.recall(credentials) {
                return known;
            }
            let state = Arc::clone(&self.state.borrow());
            let found = state.tokens.find(bearer, self.clock.now()).map_err(Refusal::Invalid)?;
            let verified = tokio::task::spawn_blocking(move || found.verify()).await;
            verified.map_err(|_| Refusal::Invalid(Cause::Malformed))?.map_err(Refusal::Invalid)?
        } else {
            self.by_web_token(&state, bearer).await?
        };
        // Both take a while, in which policy and tokens may have changed.
        let state = Arc::clone(&self.state.borrow());
        state.still(&identity, self.clock.now()).map_err(Refusal::Invalid)?;
        let session = state.session(Arc::new(identity));
        Ok(self.keep(Digest::of(bearer.as_bytes()).0, &state, session))
    }

    fn by_certificate(&self, shown: &Shown<'_>) -> Result<Session, Refusal> {
        let state = self.state.borrow();
        let Some(name) = shown.names.first().filter(|_| state.policy.certificates) else {
            return Err(Refusal::Missing);
        };
        if name.len() > CERTIFICATE_BYTES || name.chars().any(char::is_control) {
            return Err(Refusal::Invalid(Cause::Claims));
        }
        let identity = Identity {
            principal: Principal::new(&format!("cert:{name}")),
            own: Vec::new(),
            expires: Some(shown.expires),
            proof: Proof::Certificate,
        };
        state.still(&identity, self.clock.now()).map_err(Refusal::Invalid)?;
        Ok(state.session(Arc::new(identity)))
    }

    /// What a credential that is not believed says that it is, for records: an API token by the id of one that there is, a JSON
    /// Web Token by the name of an issuer that is believed. Nothing of it is proven, and nothing else of it is told.
    #[must_use]
    pub fn describe(&self, credentials: Credentials<'_>) -> Option<String> {
        let state = Arc::clone(&self.state.borrow());
        match (credentials.bearer, credentials.certificate) {
            (Some(Ok(bearer)), _) if api_token::is_one(bearer) => state.tokens.describe(bearer),
            (Some(Ok(bearer)), _) => {
                let token = web_token::parse(bearer).ok()?;
                let name = &state.keys(&token.issuer)?.issuer.name;
                Some(format!("unproven: a token of issuer {name}"))
            }
            (Some(Err(_)), _) | (None, None) => None,
            (None, Some(shown)) => Some(format!("certificate {}", shown.names.first()?.escape_debug())),
        }
    }

    async fn by_web_token(&self, state: &State, text: &str) -> Result<Identity, Refusal> {
        let token = web_token::parse(text).map_err(Refusal::Invalid)?;
        let keys = state.keys(&token.issuer).ok_or(Refusal::Invalid(Cause::UnknownIssuer))?;
        let verify = |set: &keys::KeySet| web_token::verify(&token, &keys.issuer, set, self.clock.now());
        let known = keys.current();
        match known.as_ref().map(|set| verify(set)) {
            Some(Err(Cause::UnknownKey)) | None => {}
            Some(verified) => return verified.map_err(Refusal::Invalid),
        }
        // Keys change: whoever signs with a new one need not wait for the next look.
        if keys.refresh(&self.fetcher, self.options.refresh_pause).await {
            self.change(|state| state.again());
        }
        let set = keys.current().ok_or(Refusal::KeysUnavailable)?;
        verify(&set).map_err(Refusal::Invalid)
    }

    /// Why a session that was begun must end by now; none: it goes on.
    #[must_use]
    pub fn objection(&self, session: &Session) -> Option<Refusal> {
        let state = Arc::clone(&self.state.borrow());
        match state.still(&session.identity, self.clock.now()) {
            Err(cause) => Some(Refusal::Invalid(cause)),
            Ok(()) if state.session(Arc::clone(&session.identity)).access != session.access => {
                Some(Refusal::AccessChanged)
            }
            Ok(()) => None,
        }
    }

    /// Resolves once a session must end: its credential expires or is revoked, or what it may do changes.
    pub async fn until_objection(&self, session: &Session) -> Refusal {
        let mut changes = self.state.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(refusal) = self.objection(session) {
                return refusal;
            }
            // The clock may be set, so that waiting is done in steps.
            let left = session.identity.expires.map_or(STEP, |at| at.since(self.clock.now()).min(STEP));
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return Refusal::Missing },
                () = tokio::time::sleep(left.max(LEAST_STEP)) => {}
            }
        }
    }
}

/// How long a session is not looked at.
const STEP: Duration = Duration::from_secs(30);
/// How long waiting for an end takes at least.
const LEAST_STEP: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SystemClock;

    #[tokio::test]
    async fn of_many_calls_that_come_at_once_with_one_token_one_hashes_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.json");
        let new = NewToken { name: "ci".to_owned(), grants: Vec::new(), expires: None };
        let token = create(&path, &new, SystemClock.now()).unwrap();
        let options = Options::new(Policy::default(), path);
        let auth = Arc::new(Authenticator::new(options, Arc::new(SystemClock)).unwrap());
        let held = auth.hashes.acquire_many(u32::try_from(HASHES).unwrap()).await.unwrap();
        let waiting = {
            let (auth, token) = (Arc::clone(&auth), token.clone());
            tokio::spawn(async move { auth.verify(&token).await })
        };
        tokio::task::yield_now().await;
        // The first of them is done meanwhile. The end tells it from what hashing would find.
        let (state, id) = (Arc::clone(&auth.state.borrow()), token.split('_').nth(1).unwrap());
        let expires = Some(Timestamp(i64::MAX));
        let principal = Principal::new("token:ci");
        let identity =
            Identity { principal, own: Vec::new(), expires, proof: Proof::ApiToken { id: id.into() } };
        auth.keep(Digest::of(token.as_bytes()).0, &state, state.session(Arc::new(identity)));
        drop(held);
        assert_eq!(waiting.await.unwrap().unwrap().identity.expires, expires);
    }
}
