//! Who calls, and what they may do: JSON Web Tokens, API tokens and client certificates become principals, and the policy
//! says what each is granted. Nothing else is believed, and nothing else is allowed.

mod api_token;
mod fetch;
mod identity;
mod keys;
mod policy;
mod signature;
mod state;
mod web_token;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::sync::{Semaphore, watch};

pub use self::api_token::{ApiToken, ApiTokens, NewToken, TokenError, create, revoke};
use self::fetch::Fetcher;
pub use self::identity::{Cause, Identity, Proof, Refusal, Session};
pub use self::policy::{Algorithm, Asked, Explanation, Issuer, KeySource, Policy, PolicyGrant, Source};
use self::state::State;
use crate::domain::{Clock, Digest, Principal};

/// Verified callers kept at most.
const VERIFIED: usize = 16 * 1024;
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
    /// What the client certificate of its connection names, the first most telling.
    pub certificate: Option<&'a [String]>,
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
            (None, Some(names)) => return Some(self.by_certificate(names)),
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
            // Calls that came together with one new token: the first has found out.
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
        let session = state.session(Arc::new(identity));
        Ok(self.keep(Digest::of(bearer.as_bytes()).0, &state, session))
    }

    fn by_certificate(&self, names: &[String]) -> Result<Session, Refusal> {
        let state = self.state.borrow();
        let Some(name) = names.first().filter(|_| state.policy.certificates) else {
            return Err(Refusal::Missing);
        };
        let identity = Identity {
            principal: Principal::new(&format!("cert:{name}")),
            own: Vec::new(),
            expires: None,
            proof: Proof::Certificate,
        };
        Ok(state.session(Arc::new(identity)))
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
            Ok(()) if state.policy.access(&session.identity) != session.access => {
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

    fn change(&self, change: impl FnOnce(&State) -> State) {
        self.state.send_modify(|state| *state = Arc::new(change(state)));
    }

    /// Follows policy, tokens and keys, for as long as it runs. `tell` hears of each change.
    pub async fn run(&self, tell: impl Fn(Changed)) {
        let (mut look, mut refresh) =
            (tokio::time::interval(self.options.look), tokio::time::interval(self.options.refresh));
        let mut wrong = Wrong::default();
        loop {
            tokio::select! {
                _ = look.tick() => self.look(&mut wrong, &tell).await,
                _ = refresh.tick() => self.refresh_keys(self.options.refresh / 2).await,
            }
        }
    }

    async fn refresh_keys(&self, pause: Duration) {
        let state = Arc::clone(&self.state.borrow());
        for keys in state.issuers() {
            if keys.refresh(&self.fetcher, pause).await {
                self.change(State::again);
            }
        }
    }

    /// Reads policy and tokens; what cannot be read changes nothing, and is said once.
    async fn look(&self, wrong: &mut Wrong, tell: &impl Fn(Changed)) {
        let (reload, path) = (self.options.reload.clone(), self.options.tokens.clone());
        let read = tokio::task::spawn_blocking(move || {
            let policy = reload.map(|Reload(reload)| reload()).transpose();
            (policy, ApiTokens::load(&path).map_err(|error| error.to_string()))
        });
        let Ok((policy, tokens)) = read.await else { return };
        if let Some(Some(policy)) = wrong.policy.right("policy", policy)
            && policy != self.state.borrow().policy
        {
            tracing::info!(grants = policy.grants.len(), "the policy has changed");
            self.change(|state| state.with_policy(policy));
            tell(Changed::Policy);
            self.refresh_keys(self.options.refresh_pause).await;
        }
        if let Some(tokens) = wrong.tokens.right("API tokens", tokens)
            && tokens != self.state.borrow().tokens
        {
            tracing::info!(tokens = tokens.list().len(), "the API tokens have changed");
            self.change(|state| state.with_tokens(tokens));
            tell(Changed::Tokens);
        }
    }
}

/// How long a session is not looked at.
const STEP: Duration = Duration::from_secs(30);
/// How long waiting for an end takes at least.
const LEAST_STEP: Duration = Duration::from_millis(5);

/// What has changed while the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Who is granted what.
    Policy,
    /// The API tokens.
    Tokens,
}

/// What was last found wrong, so that it is said once.
#[derive(Debug, Default)]
struct Wrong {
    policy: Problem,
    tokens: Problem,
}

#[derive(Debug, Default)]
struct Problem(Option<String>);

impl Problem {
    fn right<T>(&mut self, what: &str, read: Result<T, String>) -> Option<T> {
        match read {
            Ok(value) => {
                self.0 = None;
                Some(value)
            }
            Err(problem) => {
                if self.0.as_ref() != Some(&problem) {
                    tracing::error!(what, problem, "cannot be read again; what was read before holds");
                    self.0 = Some(problem);
                }
                None
            }
        }
    }
}
