//! Who is let in: credentials become a caller, before any business logic and before the body is read.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Request, header};

use super::share::{Limits, Place, Shares};
use super::{Failure, Peer};
use crate::auth::{Authenticator, Cause, Credentials, Refusal, Session, Shown};
use crate::domain::{Access, Caller, Principal, Timestamp};

/// The health service: whoever balances load has no credentials.
const HEALTH: &str = "/grpc.health.v1.Health/";
/// Both versions of reflection.
const REFLECTION: &str = "/grpc.reflection.";
/// Calls that stay open: counted apart. A test holds them against the services.
const STREAMS: [&str; 5] = [
    "/persona.registry.v1.PersonaService/WatchPersonas",
    "/persona.registry.v1.AdminService/BackupStore",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
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
    /// Which credential was not believed, by what is known of it here; empty: none was shown, or it is a stranger's.
    pub credential: String,
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
        match (auth.recall(credentials), credentials.bearer) {
            (Some(known), _) => Entry::Now(self.admit(call, known, credentials)),
            (None, Some(Ok(bearer))) => Entry::Later(bearer.to_owned()),
            (None, _) => Entry::Now(self.admit(call, Err(Refusal::Missing), credentials)),
        }
    }

    /// Looks at a token that was not seen before.
    pub(super) async fn verify(&self, call: &Call<'_>, bearer: &str) -> Result<Entered, Failure> {
        let place = self.shares.look();
        let _looked_at = place.inspect_err(|failure| self.turn(call, None, failure, String::new()))?;
        let verified = match &self.auth {
            Some(auth) => auth.verify(bearer).await,
            None => Err(Refusal::Missing),
        };
        self.admit(call, verified, Credentials { bearer: Some(Ok(bearer)), certificate: None })
    }

    fn nobody(&self, call: &Call<'_>, access: Access) -> Result<Entered, Failure> {
        let (principal, is_stream) = (Principal::anonymous(), is_stream(call.path));
        // Where callers are told apart, all who need not say who they are have one caller's share of streams.
        let share = Some(&principal).filter(|_| is_stream && self.auth.is_some());
        let place = self.shares.take(share, is_stream);
        let place = place.inspect_err(|failure| self.turn(call, None, failure, String::new()))?;
        let caller = Caller { principal, call_id: call.call_id.clone(), access };
        Ok(Entered { caller, session: None, place })
    }

    fn admit(
        &self,
        call: &Call<'_>,
        session: Result<Session, Refusal>,
        credentials: Credentials<'_>,
    ) -> Result<Entered, Failure> {
        let session = session.map_err(Failure::Refused).inspect_err(|failure| {
            let shown = self.auth.as_ref().and_then(|auth| auth.describe(credentials));
            self.turn(call, None, failure, shown.unwrap_or_default());
        })?;
        let principal = &session.identity.principal;
        let place = self.shares.take(Some(principal), is_stream(call.path));
        let place = place.inspect_err(|failure| self.turn(call, Some(principal), failure, String::new()))?;
        let (principal, access) = (principal.clone(), session.access.clone());
        let caller = Caller { principal, call_id: call.call_id.clone(), access };
        Ok(Entered { caller, session: Some(session), place })
    }

    fn turn(&self, call: &Call<'_>, principal: Option<&Principal>, failure: &Failure, credential: String) {
        let Call { path, call_id, peer } = call;
        let path = path.get(..path.len().min(PATH_BYTES)).unwrap_or_default().to_owned();
        let (call_id, principal, failure) = (Arc::clone(call_id), principal.cloned(), failure.clone());
        (self.tell)(&Turned { path, call_id, principal, peer: *peer, failure, credential });
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

/// The client certificate of the connection. Only verified ones are there.
fn certificate(extensions: &Extensions) -> Option<Shown<'_>> {
    let certificate = extensions.get::<Peer>()?.certificate.as_ref()?;
    let expires = Timestamp(certificate.not_after.saturating_add(1).saturating_mul(1_000_000));
    Some(Shown { names: &certificate.names, expires })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_that_stays_open_is_counted_as_a_stream() {
        use prost_types::FileDescriptorSet;
        let sets = [
            crate::wire::DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let mut found = std::collections::BTreeSet::new();
        for set in sets {
            let set: FileDescriptorSet = prost::Message::decode(set).unwrap();
            for file in &set.file {
                for service in &file.service {
                    let (package, service_name) = (file.package(), service.name());
                    let open = service.method.iter().filter(|method| method.server_streaming());
                    found.extend(open.map(|one| format!("/{package}.{service_name}/{}", one.name())));
                }
            }
        }
        assert_eq!(found, STREAMS.iter().map(ToString::to_string).collect());
    }

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
