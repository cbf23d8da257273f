//! Faults that tonic answers by itself (a message too large or malformed, a method unknown) in the contract's terms.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::{Code, Status};
use tower::Service;

use super::status;
use crate::edge::Vain;

/// The layer around tonic's routes. A status without details was not made by us.
#[derive(Debug, Clone)]
pub struct Transport<S>(S);

impl<S> Transport<S> {
    /// Puts the layer around a service.
    pub const fn new(inner: S) -> Self {
        Self(inner)
    }
}

impl<S, B, R> Service<Request<B>> for Transport<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // Only a fault needs the path, and a clone of it is a counter.
        let uri = request.uri().clone();
        let call = self.0.call(request);
        Box::pin(async move {
            let response = call.await?;
            let headers = response.headers();
            if !headers.contains_key("grpc-status") || headers.contains_key("grpc-status-details-bin") {
                return Ok(response);
            }
            let Some(fault) = Status::from_header_map(headers).filter(|fault| fault.code() != Code::Ok)
            else {
                return Ok(response);
            };
            // Health and reflection speak for themselves: their statuses belong to their own contracts.
            let foreign = uri.path().starts_with("/grpc.") && fault.code() != Code::Unimplemented;
            if foreign {
                return Ok(response);
            }
            let mut mapped = Response::new(R::default());
            *mapped.headers_mut() = status::of_transport(fault.code(), fault.message(), uri.path());
            let too_large = fault.code() == Code::OutOfRange;
            mapped.extensions_mut().insert(if too_large { Vain::TooLarge } else { Vain::Malformed });
            Ok(mapped)
        })
    }
}
