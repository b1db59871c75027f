//! HTTP for the remote cache: the client of `publish` in the form that `object_store` asks for.
//!
//! One HTTP client in the program keeps its build short and its certificates in one place. Each
//! request blocks its thread; the threads are those of the caller. Nothing is retried here.

use std::io::ErrorKind;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt;
use object_store::client::{
    ClientConfigKey, ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind,
    HttpRequest, HttpResponse, HttpService,
};
use ureq::Agent;
use ureq::http::{Request, Response};

use crate::agent::agent;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one request may take, unless the user says so. It carries at most [`super::PART`] bytes.
const REQUEST: Duration = Duration::from_secs(30);
/// The most bytes of an answer: a part, or a listing.
const LONGEST: u64 = 256 << 20;

/// Makes clients.
#[derive(Debug)]
pub(super) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        // AWS_TIMEOUT, as everywhere else: `20s`.
        let given = options.get_config_value(&ClientConfigKey::Timeout);
        let seconds = |text: String| text.trim_end_matches('s').trim().parse::<f64>().ok();
        let patience = given
            .and_then(seconds)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .unwrap_or(REQUEST);
        Ok(HttpClient::new(Service(agent(CONNECT, patience))))
    }
}

#[derive(Debug)]
struct Service(Agent);

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let sends = matches!(parts.method.as_str(), "PUT" | "POST");
        let answer = match sends {
            true => self.0.run(Request::from_parts(parts, &body[..])),
            false => self.0.run(Request::from_parts(parts, ())),
        };
        let (parts, body) = answer.map_err(failed)?.into_parts();
        let bytes = body.into_with_config().limit(LONGEST).read_to_vec().map_err(failed)?;
        Ok(Response::from_parts(parts, bytes.into()))
    }
}

/// The kind decides whether `object_store` tries again.
fn failed(error: ureq::Error) -> HttpError {
    let kind = match &error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => HttpErrorKind::Connect,
        ureq::Error::Io(io) if io.kind() == ErrorKind::ConnectionRefused => HttpErrorKind::Connect,
        ureq::Error::Io(_) | ureq::Error::Protocol(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
