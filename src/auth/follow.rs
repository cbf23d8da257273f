//! What decides about callers, followed while the server runs: policy, API tokens, and the keys of issuers.

use std::sync::Arc;

use super::state::State;
use super::{ApiTokens, Authenticator, Reload};
use crate::domain::Digest;

impl Authenticator {
    pub(super) fn change(&self, change: impl FnOnce(&State) -> State) {
        self.state.send_modify(|state| *state = Arc::new(change(state)));
    }

    /// Follows policy, tokens and keys, for as long as it runs. `tell` hears of each change.
    pub async fn run(&self, tell: impl Fn(Changed)) {
        // Beside one another: an issuer that does not answer must not keep a token from being revoked.
        tokio::join!(self.follow_files(tell), self.follow_keys());
    }

    async fn follow_files(&self, tell: impl Fn(Changed)) {
        let mut look = tokio::time::interval(self.options.look);
        let mut wrong = Wrong::default();
        loop {
            look.tick().await;
            self.look(&mut wrong, &tell).await;
        }
    }

    async fn follow_keys(&self) {
        let mut refresh = tokio::time::interval(self.options.refresh);
        loop {
            let pause = tokio::select! {
                _ = refresh.tick() => self.options.refresh / 2,
                () = self.issuers_changed.notified() => self.options.refresh_pause,
            };
            let state = Arc::clone(&self.state.borrow());
            let refreshed = state.issuers().map(|keys| async move {
                if keys.refresh(&self.fetcher, pause).await {
                    self.change(State::again);
                }
            });
            futures_util::future::join_all(refreshed).await;
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
            let digests = (self.state.borrow().policy.digest(), policy.digest());
            self.change(|state| state.with_policy(policy));
            tell(Changed::Policy(digests));
            self.issuers_changed.notify_one();
        }
        if let Some(tokens) = wrong.tokens.right("API tokens", tokens)
            && tokens != self.state.borrow().tokens
        {
            tracing::info!(tokens = tokens.list().len(), "the API tokens have changed");
            let digests = (self.state.borrow().tokens.digest(), tokens.digest());
            self.change(|state| state.with_tokens(tokens));
            tell(Changed::Tokens(digests));
        }
    }
}

/// What has changed while the server runs; digests of what held and of what holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Who is granted what.
    Policy((Digest, Digest)),
    /// The API tokens.
    Tokens((Digest, Digest)),
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
