//! Who is let in: credentials become a caller, before any business logic and before the body is read.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Request, header};

use super::share::{Limits, Place, Shares};
use super::{Failure, Peer};
use crate::auth::{Authenticator, Cause, Credentials, Refusal, Session};
use crate::domain::{Access, Caller, Principal};

/// The health service: whoever balances load has no credentials.
const HEALTH: &str = "/grpc.health.v1.Health/";
/// Both versions of reflection.
const REFLECTION: &str = "/grpc.reflection.";
/// Calls that stay open: counted apart.
const STREAMS: [&str; 2] =
    ["/persona.registry.v1.PersonaService/WatchPersonas", "/persona.registry.v1.AdminService/BackupStore"];
/// Bytes of a path that is told of.
const PATH_BYTES: usize = 256;

/// A call that was not let in.
#[derive(Debug, Clone)]
pub struct Turned {
    /// Which method it asked for.
    pub path: String,
    /// The call's id.
    pub call_id: Arc<str>,
    /// Who, where that was told.
    pub principal: Option<Principal>,
    /// From where.
    pub peer: Option<SocketAddr>,
    /// Why not.
    pub failure: Failure,
}

/// What is told of a call.
pub(super) struct Call<'a> {
    pub path: &'a str,
    pub call_id: &'a Arc<str>,
    pub peer: Option<SocketAddr>,
}

impl<'a> Call<'a> {
    pub(super) fn of<B>(request: &'a Request<B>, call_id: &'a Arc<str>) -> Self {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.address);
        Self { path: request.uri().path(), call_id, peer }
    }
}

/// Hears of calls that were not let in.
pub type Tell = Arc<dyn Fn(&Turned) + Send + Sync>;

/// What decides about calls. Clones share it.
#[derive(Clone)]
pub struct Gate {
    auth: Option<Arc<Authenticator>>,
    shares: Arc<Shares>,
    tell: Tell,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Gate").field("auth", &self.auth.is_some()).finish_non_exhaustive()
    }
}

/// A call that was let in.
pub(super) struct Entered {
    pub caller: Caller,
    /// None where nobody is told apart.
    pub session: Option<Session>,
    pub place: Place,
}

/// What can be said at once.
pub(super) enum Entry {
    Now(Result<Entered, Failure>),
    /// This token must be looked at first.
    Later(String),
}

impl Gate {
    /// Without an authenticator everybody is let in, as `anonymous`, and may do everything.
    #[must_use]
    pub fn new(auth: Option<Arc<Authenticator>>, limits: Limits, tell: Tell) -> Self {
        Self { auth, shares: Arc::new(Shares::new(limits)), tell }
    }

    pub(super) fn enter(&self, call: &Call<'_>, headers: &HeaderMap, extensions: &Extensions) -> Entry {
        let path = call.path;
        let Some(auth) = &self.auth else {
            return Entry::Now(self.nobody(call, Access::Everything));
        };
        let is_open =
            path.starts_with(HEALTH) || (path.starts_with(REFLECTION) && auth.has_open_reflection());
        if is_open {
            let nothing = Access::Granted(Arc::default());
            return Entry::Now(self.nobody(call, nothing));
        }
        let credentials = Credentials { bearer: bearer(headers), certificate: certificate(extensions) };
        match auth.recall(credentials) {
            Some(known) => Entry::Now(self.admit(call, known)),
            None => match credentials.bearer {
                Some(Ok(bearer)) => Entry::Later(bearer.to_owned()),
                _ => Entry::Now(self.admit(call, Err(Refusal::Missing))),
            },
        }
    }

    /// Looks at a token that was not seen before.
    pub(super) async fn verify(&self, call: &Call<'_>, bearer: &str) -> Result<Entered, Failure> {
        let _looked_at = self.shares.look().inspect_err(|failure| self.turn(call, None, failure))?;
        let verified = match &self.auth {
            Some(auth) => auth.verify(bearer).await,
            None => Err(Refusal::Missing),
        };
        self.admit(call, verified)
    }

    fn nobody(&self, call: &Call<'_>, access: Access) -> Result<Entered, Failure> {
        let place = self.shares.take(None, is_stream(call.path));
        let place = place.inspect_err(|failure| self.turn(call, None, failure))?;
        let caller = Caller { principal: Principal::anonymous(), call_id: call.call_id.clone(), access };
        Ok(Entered { caller, session: None, place })
    }

    fn admit(&self, call: &Call<'_>, session: Result<Session, Refusal>) -> Result<Entered, Failure> {
        let session =
            session.map_err(Failure::Refused).inspect_err(|failure| self.turn(call, None, failure))?;
        let principal = &session.identity.principal;
        let place = self.shares.take(Some(principal), is_stream(call.path));
        let place = place.inspect_err(|failure| self.turn(call, Some(principal), failure))?;
        let (principal, access) = (principal.clone(), session.access.clone());
        let caller = Caller { principal, call_id: call.call_id.clone(), access };
        Ok(Entered { caller, session: Some(session), place })
    }

    fn turn(&self, call: &Call<'_>, principal: Option<&Principal>, failure: &Failure) {
        let Call { path, call_id, peer } = call;
        let path = path.get(..path.len().min(PATH_BYTES)).unwrap_or_default().to_owned();
        let (call_id, principal, failure) = (Arc::clone(call_id), principal.cloned(), failure.clone());
        (self.tell)(&Turned { path, call_id, principal, peer: *peer, failure });
    }

    /// What ends a stream of this session, some time.
    pub(super) fn until_objection(
        &self,
        session: Session,
    ) -> Option<impl Future<Output = Failure> + Send + use<>> {
        let auth = Arc::clone(self.auth.as_ref()?);
        Some(async move { Failure::Refused(auth.until_objection(&session).await) })
    }
}

fn is_stream(path: &str) -> bool {
    STREAMS.contains(&path)
}

/// The token of `authorization: Bearer TOKEN`. Two of them are none: which one counts would be anybody's guess.
fn bearer(headers: &HeaderMap) -> Option<Result<&str, Cause>> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let first = given.next()?;
    if given.next().is_some() {
        return Some(Err(Cause::Malformed));
    }
    let token = first.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
    });
    Some(token.ok_or(Cause::Malformed))
}

/// What the client certificate of the connection names. Only verified ones are there.
fn certificate(extensions: &Extensions) -> Option<&[String]> {
    let certificate = extensions.get::<Peer>()?.certificate.as_ref()?;
    Some(&certificate.names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_token_is_read_and_nothing_else() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            bearer(&headers).map(|token| token.map(ToOwned::to_owned))
        };
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["Bearer a.b.c"]), Some(Ok("a.b.c".to_owned())));
        assert_eq!(read(&["bearer  x "]), Some(Ok("x".to_owned())));
        for wrong in [&["Basic abc"][..], &["Bearer"], &["Bearer "], &["x"], &["Bearer a", "Bearer a"]] {
            assert_eq!(read(wrong), Some(Err(Cause::Malformed)), "{wrong:?}");
        }
    }
}
