//! Requests of one message in one piece, and answers of messages that are encoded: without a codec's buffers between.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use prost::Message;
use tonic::Status;
use tonic::body::Body;

use super::rope::Rope;
use super::watch::Framed;
use crate::domain::limits;
use crate::registry::Error;

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Bytes of an answer that are handed over at once: what was handed over is held until its reader takes it, however long that is, and
/// only who has more to hand over is seen to wait.
const PIECE: usize = 64 * 1024;

/// The message of a request that is all of it, uncompressed. Anything else, whatever is wrong with it, is handed back as if nobody had
/// read in it.
pub(super) async fn whole<Q, B>(headers: &HeaderMap, mut body: B) -> Result<Q, Unread<B>>
where
    Q: Message + Default,
    B: HttpBody<Data = Bytes> + Unpin,
{
    if headers.contains_key("grpc-encoding") {
        return Err(Unread::from(body));
    }
    let first = body.frame().await;
    let message = match &first {
        Some(Ok(frame)) => frame.data_ref().and_then(|data| decoded(data.clone())),
        _ => None,
    };
    let Some(message) = message else { return Err(Unread { read: [first, None], rest: body }) };
    while !body.is_end_stream() {
        match body.frame().await {
            None => break,
            // Many clients end a request by a frame that has nothing else.
            Some(Ok(frame)) if frame.data_ref().is_some_and(Bytes::is_empty) => {}
            second => return Err(Unread { read: [first, second], rest: body }),
        }
    }
    Ok(message)
}

/// The one message that these bytes are.
fn decoded<Q: Message + Default>(mut bytes: Bytes) -> Option<Q> {
    if bytes.len() < PREFIX || bytes.get_u8() != 0 {
        return None;
    }
    let length = usize::try_from(bytes.get_u32()).ok()?;
    (length == bytes.len() && length <= limits::REQUEST_BYTES).then(|| Q::decode(bytes).ok())?
}

/// A request's body with what was read in it put back.
pub struct Unread<B: HttpBody> {
    read: [Option<Result<Frame<Bytes>, B::Error>>; 2],
    rest: B,
}

impl<B: HttpBody> From<B> for Unread<B> {
    fn from(rest: B) -> Self {
        Self { read: [None, None], rest }
    }
}

// Nothing in it is pinned but by being `Unpin`.
impl<B: HttpBody + Unpin> Unpin for Unread<B> {}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Unread<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.read.iter_mut().find_map(Option::take) {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.iter().all(Option::is_none) && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // What was read is not in it any more, and nobody asks.
        SizeHint::default()
    }
}

/// The body of an answer.
#[derive(Default)]
pub enum Reply {
    /// One message, framed.
    Whole(Rope),
    /// Messages one by one, framed, until an error.
    Stream(Framed),
    /// The status OK.
    Trailers,
    /// Nothing more.
    #[default]
    Over,
    /// What a service says.
    Routed(Body),
}

impl fmt::Debug for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Whole(_) => "Whole",
            Self::Stream(_) => "Stream",
            Self::Trailers => "Trailers",
            Self::Over => "Over",
            Self::Routed(_) => "Routed",
        })
    }
}

impl Reply {
    /// The answer that is this framed message.
    pub(super) fn whole(framed: Rope) -> Response<Self> {
        Self::Whole(framed).answer()
    }

    /// The answer that is these messages.
    pub(super) fn stream(messages: Framed) -> Response<Self> {
        Self::Stream(messages).answer()
    }

    fn answer(self) -> Response<Self> {
        let mut response = Response::new(self);
        let kind = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// A message as gRPC frames it.
pub(super) fn framed(message: &impl Message) -> Result<Bytes, Error> {
    begun(message, 0)
}

/// The same of a message that goes on with so many bytes more.
fn begun(message: &impl Message, more: usize) -> Result<Bytes, Error> {
    let length = message.encoded_len();
    let Ok(whole) = u32::try_from(length + more) else {
        return Err(Error::Internal(format!("a message of {} bytes cannot be framed", length + more)));
    };
    let mut framed = BytesMut::with_capacity(PREFIX + length);
    framed.put_u8(0);
    framed.put_u32(whole);
    message.encode(&mut framed).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(framed.freeze())
}

/// A framed message that has these fields, encoded, between those of `head` and those of `tail`.
pub(super) fn framed_around(
    head: &impl Message,
    fields: impl ExactSizeIterator<Item = Bytes> + Clone,
    tail: &impl Message,
) -> Result<Rope, Error> {
    let tail = Bytes::from(tail.encode_to_vec());
    let more = fields.clone().map(|field| field.len()).sum::<usize>() + tail.len();
    let mut pieces = Vec::with_capacity(fields.len() + 2);
    pieces.push(begun(head, more)?);
    pieces.extend(fields);
    pieces.push(tail);
    Ok(pieces.into())
}

/// The message that was framed.
pub(super) fn unframed<A: Message + Default>(mut framed: impl Buf) -> Result<A, Error> {
    framed.advance(PREFIX.min(framed.remaining()));
    A::decode(framed).map_err(|error| Error::Internal(error.to_string()))
}

impl HttpBody for Reply {
    type Data = Rope;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Rope>, Status>>> {
        match &mut *self {
            Self::Routed(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| Ok(frame?.map_data(Rope::from))))
            }
            Self::Whole(framed) => {
                let piece = framed.split_to(PIECE);
                if !framed.has_remaining() {
                    *self = Self::Trailers;
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Self::Stream(messages) => match ready!(messages.as_mut().poll_next(context)) {
                Some(Ok(framed)) => Poll::Ready(Some(Ok(Frame::data(framed.into())))),
                Some(Err(status)) => {
                    let mut trailers = HeaderMap::new();
                    status.add_header(&mut trailers)?;
                    *self = Self::Over;
                    Poll::Ready(Some(Ok(Frame::trailers(trailers))))
                }
                None => {
                    *self = Self::Trailers;
                    self.poll_frame(context)
                }
            },
            Self::Trailers => {
                let mut trailers = HeaderMap::with_capacity(1);
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                *self = Self::Over;
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            Self::Over => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Routed(body) => body.is_end_stream(),
            Self::Over => true,
            Self::Whole(_) | Self::Stream(_) | Self::Trailers => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::StreamBody;

    use super::*;
    use crate::wire::pb::GetPersonaRequest;

    fn asked() -> GetPersonaRequest {
        GetPersonaRequest { name: "backend_developer".to_owned(), ..Default::default() }
    }

    /// What is made of a request of these frames: its message, or its frames as they are handed back.
    async fn read(encoding: bool, frames: &[&[u8]]) -> Result<GetPersonaRequest, Vec<Bytes>> {
        let mut headers = HeaderMap::new();
        if encoding {
            headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
        }
        let frames: Vec<_> = frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect();
        let frames = frames.into_iter().map(|frame| Ok::<_, Infallible>(Frame::data(frame)));
        match whole(&headers, StreamBody::new(futures_util::stream::iter(frames))).await {
            Ok(message) => Ok(message),
            Err(mut unread) => {
                let mut back = Vec::new();
                while let Some(frame) = unread.frame().await {
                    back.push(frame.unwrap().into_data().unwrap());
                }
                Err(back)
            }
        }
    }

    #[tokio::test]
    async fn one_message_in_one_piece_is_read_and_all_else_is_handed_back_untouched() {
        let framed = framed(&asked()).unwrap();
        assert_eq!(read(false, &[&framed]).await, Ok(asked()));
        assert_eq!(read(false, &[&framed, b"", b""]).await, Ok(asked()));
        let (first, second) = framed.split_at(9);
        let (mut compressed, mut longer) = (framed.to_vec(), framed.to_vec());
        compressed[0] = 1;
        longer[4] += 1;
        let malformed = [&[0, 0, 0, 0, 1][..], &[0xff]].concat();
        let large = vec![0; limits::REQUEST_BYTES + 1];
        let large = [&[0][..], &u32::try_from(large.len()).unwrap().to_be_bytes(), &large].concat();
        for (encoding, frames) in [
            (true, vec![&framed[..]]),
            (false, vec![]),
            (false, vec![b""]),
            (false, vec![first]),
            (false, vec![first, second]),
            (false, vec![&framed, first]),
            (false, vec![&compressed]),
            (false, vec![&longer]),
            (false, vec![&malformed]),
            (false, vec![&large]),
        ] {
            let back = read(encoding, &frames).await.unwrap_err();
            assert!(back == frames, "{} frames came back as {}", frames.len(), back.len());
        }
    }

    #[test]
    fn a_message_around_encoded_fields_is_what_it_would_be_if_it_were_encoded_whole() {
        use crate::wire::pb::{BatchGetPersonasRequest, ListPersonasResponse, Persona, ResponseHeader};
        let head = ListPersonasResponse {
            header: Some(ResponseHeader { store_id: "s".to_owned(), revision: 7 }),
            ..Default::default()
        };
        let tail = ListPersonasResponse { next_page_token: "next".to_owned(), ..Default::default() };
        for sizes in [&[][..], &[0], &[1, 127, 128, 5000], &[40_000; 20]] {
            let persona = |size: &usize| Persona { body: "x".repeat(*size), ..Default::default() };
            let personas: Vec<_> = sizes.iter().map(persona).collect();
            let field = |one: &Persona| {
                let page = ListPersonasResponse { personas: vec![one.clone()], ..Default::default() };
                Bytes::from(page.encode_to_vec())
            };
            let mut rope = framed_around(&head, personas.iter().map(field), &tail).unwrap();
            let whole = ListPersonasResponse { personas, ..head.clone() };
            let whole = ListPersonasResponse { next_page_token: "next".to_owned(), ..whole };
            assert_eq!(unframed::<ListPersonasResponse>(rope.clone()).unwrap(), whole);
            assert_eq!(rope.copy_to_bytes(rope.remaining()), framed(&whole).unwrap());
        }
        let nothing = framed_around(&BatchGetPersonasRequest::default(), [].into_iter(), &()).unwrap();
        assert_eq!(nothing.chunk(), [0; PREFIX]);
    }

    #[tokio::test]
    async fn an_answer_is_its_message_and_its_status() {
        let body = Reply::whole(framed(&asked()).unwrap().into()).into_body().collect().await.unwrap();
        assert_eq!(body.trailers().map(|trailers| trailers["grpc-status"].clone()).unwrap(), "0");
        assert_eq!(unframed::<GetPersonaRequest>(body.to_bytes()).unwrap(), asked());
        let told = [Ok::<Bytes, Status>(framed(&asked()).unwrap()), Err(Status::data_loss("gone"))];
        let stream = Reply::stream(Box::pin(futures_util::stream::iter(told)));
        let body = stream.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().map(|trailers| trailers["grpc-status"].clone()).unwrap(), "15");
        assert_eq!(unframed::<GetPersonaRequest>(body.to_bytes()).unwrap(), asked());
    }
}
