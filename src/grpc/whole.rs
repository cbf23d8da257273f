//! Requests of one message in one piece, and answers of messages that are encoded: without a codec's buffers between.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use prost::Message;
use tonic::Status;
use tonic::body::Body;

use super::status;
use super::watch::Framed;
use crate::domain::limits;
use crate::registry::Error;

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

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
    Whole(Bytes),
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
    /// The answer that is this message.
    pub(super) fn whole(message: &impl Message) -> Result<Response<Self>, Status> {
        Ok(Self::Whole(framed(message)?).answer())
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
pub(super) fn framed(message: &impl Message) -> Result<Bytes, Status> {
    let length = message.encoded_len();
    let Ok(prefix) = u32::try_from(length) else {
        return Err(status::of(&Error::Internal(format!("a message of {length} bytes cannot be framed"))));
    };
    let mut framed = BytesMut::with_capacity(PREFIX + length);
    framed.put_u8(0);
    framed.put_u32(prefix);
    message.encode(&mut framed).map_err(|error| status::of(&Error::Internal(error.to_string())))?;
    Ok(framed.freeze())
}

/// The message that was framed.
pub(super) fn unframed<A: Message + Default>(mut framed: Bytes) -> Result<A, Status> {
    framed.advance(PREFIX.min(framed.len()));
    A::decode(framed).map_err(|error| status::of(&Error::Internal(error.to_string())))
}

impl HttpBody for Reply {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut *self {
            Self::Routed(body) => Pin::new(body).poll_frame(context),
            Self::Whole(framed) => {
                let framed = std::mem::take(framed);
                *self = Self::Trailers;
                Poll::Ready(Some(Ok(Frame::data(framed))))
            }
            Self::Stream(messages) => match ready!(messages.as_mut().poll_next(context)) {
                Some(Ok(framed)) => Poll::Ready(Some(Ok(Frame::data(framed)))),
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

    #[tokio::test]
    async fn an_answer_is_its_message_and_its_status() {
        let body = Reply::whole(&asked()).unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.trailers().map(|trailers| trailers["grpc-status"].clone()).unwrap(), "0");
        assert_eq!(unframed::<GetPersonaRequest>(body.to_bytes()).unwrap(), asked());
        let told = [framed(&asked()), Err(Status::data_loss("gone"))];
        let stream = Reply::stream(Box::pin(futures_util::stream::iter(told)));
        let body = stream.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().map(|trailers| trailers["grpc-status"].clone()).unwrap(), "15");
        assert_eq!(unframed::<GetPersonaRequest>(body.to_bytes()).unwrap(), asked());
    }
}
