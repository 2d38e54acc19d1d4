//! Posts a form to a provider over HTTP/1.1 and reads the answer. Redirects are not followed: only
//! the configuration decides who gets a secret. ureq-proto reads and writes the protocol; only
//! `oauth2` uses it.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ureq_proto::BodyMode;
use ureq_proto::client::{Call, RecvResponseResult, SendRequestResult, state};
use ureq_proto::http::Request;
use zeroize::Zeroizing;

use super::error::Error;
use super::url::Url;
use crate::net::{self, Endpoint, Route, Stream, tls};
use crate::os::signals::{Interrupt, is_interrupt};
use crate::text::ServerText;

/// Sends requests to providers.
#[derive(Clone, Copy)]
pub(crate) struct HttpClient<'a> {
    /// The route of the account. A tunnel ends at its mail server, so it is not used for providers.
    pub route: &'a Route,
    /// The TLS connectors.
    pub connectors: &'a tls::Connectors,
    /// Ends every wait if the run should end.
    pub interrupt: &'a Interrupt,
}

/// The answer of a provider. Its body is wiped when it is dropped, because it can contain tokens.
pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl HttpClient<'_> {
    /// Posts a form. `credentials` is the value of the header `Authorization`, if there should be
    /// one.
    ///
    /// # Errors
    /// There is no connection, or no answer within [`HTTP_TIMEOUT`]. The answer is not HTTP, or
    /// longer than [`LIMIT`].
    pub(super) fn post(
        &self,
        url: &Url,
        form: &str,
        credentials: Option<&str>,
    ) -> Result<HttpResponse, Error> {
        let mut stream = self.connect(url)?;
        stream.set_deadline(Instant::now() + HTTP_TIMEOUT);
        let asked = ask(&mut stream, url, form, credentials);
        asked.map_err(|error| error.at(&url.endpoint))
    }

    fn connect(&self, url: &Url) -> Result<Stream, Error> {
        let failed = |source: net::Error| {
            if source.is_interrupt() {
                Error::Interrupted
            } else {
                Error::Connect(source)
            }
        };
        let options = net::ConnectOptions {
            endpoint: url.endpoint.clone(),
            connect_timeout: HTTP_TIMEOUT,
            timeout: HTTP_TIMEOUT,
            route: match self.route {
                Route::Tunnel(_) => Route::Direct(None),
                route => route.clone(),
            },
        };
        let socket = net::connect(&options, self.interrupt, &|_| {}).map_err(failed)?;
        if !url.is_secure() {
            let hint = "Use an address that begins with https://";
            net::require_own_listener(&socket, &url.endpoint, hint).map_err(failed)?;
            return Ok(Stream::Plain(socket));
        }
        let host = url.endpoint.host();
        let connector = self.connectors.prepare(&tls::TlsOptions::default(), host);
        let stream = connector.and_then(|connector| connector.connect(socket, HTTP_TIMEOUT));
        let stream = stream.map_err(|error| failed(error.into()))?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}

/// Returns the value of `Authorization` for a client's id and secret. Unlike in ordinary basic
/// authentication, both are form-encoded before base64 (RFC 6749 section 2.3.1).
pub(super) fn basic(id: &str, secret: &str) -> String {
    let mut pair = Zeroizing::new(String::with_capacity(3 * (id.len() + secret.len()) + 1));
    super::form::escape(id, &mut pair);
    pair.push(':');
    super::form::escape(secret, &mut pair);
    format!("Basic {}", STANDARD.encode(pair.as_bytes()))
}

/// The reason why there is no response.
enum HttpError {
    Cut,
    Io(io::Error),
    Long,
    Unclear(ureq_proto::Error),
}

impl HttpError {
    fn at(self, endpoint: &Endpoint) -> Error {
        let host = endpoint.to_string();
        match self {
            Self::Io(source) if is_interrupt(&source) => Error::Interrupted,
            Self::Io(source) => Error::Io { host, source },
            Self::Cut => Error::Io {
                host,
                source: io::ErrorKind::UnexpectedEof.into(),
            },
            Self::Long => Error::Answer {
                host,
                problem: "it is too long".to_owned(),
            },
            Self::Unclear(error) => Error::Answer {
                host,
                problem: format!("it is not HTTP ({})", ServerText::from(&*error.to_string())),
            },
        }
    }
}

impl From<io::Error> for HttpError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ureq_proto::Error> for HttpError {
    fn from(error: ureq_proto::Error) -> Self {
        Self::Unclear(error)
    }
}

fn ask(
    stream: &mut Stream,
    url: &Url,
    form: &str,
    credentials: Option<&str>,
) -> Result<HttpResponse, HttpError> {
    let mut request = Request::post(url.uri.clone())
        .header("accept", "application/json")
        .header("connection", "close")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("content-length", form.len())
        .header(
            "user-agent",
            concat!("mailpull/", env!("CARGO_PKG_VERSION")),
        );
    if let Some(credentials) = credentials {
        request = request.header("authorization", credentials);
    }
    let request = request
        .body(())
        .expect("the headers are valid, and the address was parsed before");
    let mut call = Call::new(request)?.proceed();
    let mut head = vec![0; HEAD];
    let mut length = 0;
    while !call.can_proceed() {
        length += call.write(&mut head[length..])?;
    }
    let Some(SendRequestResult::SendBody(mut call)) = call.proceed()? else {
        return Err(HttpError::Cut);
    };
    // The form is written directly: ureq-proto would copy its secrets into one more buffer.
    stream.write_all(&head[..length])?;
    stream.write_all(form.as_bytes())?;
    stream.flush()?;
    call.consume_direct_write(form.len())?;
    let call = call.proceed().ok_or(HttpError::Cut)?;
    ResponseReader::new(stream).answer(call)
}

/// Reads the answer of a provider, within a limit of octets.
struct ResponseReader<'a> {
    stream: &'a mut Stream,
    /// It has its full size from the start: a vector that grows leaves copies of a token in freed
    /// memory.
    buffer: Zeroizing<Vec<u8>>,
    start: usize,
    end: usize,
}

impl<'a> ResponseReader<'a> {
    fn new(stream: &'a mut Stream) -> Self {
        Self {
            stream,
            buffer: Zeroizing::new(vec![0; LIMIT]),
            start: 0,
            end: 0,
        }
    }

    fn answer(mut self, mut call: Call<state::RecvResponse>) -> Result<HttpResponse, HttpError> {
        let status = loop {
            let (used, response) = call.try_response(&self.buffer[self.start..self.end], false)?;
            self.start += used;
            match response {
                Some(response) => break response.status().as_u16(),
                None if used > 0 => {}
                None if self.fill()? == 0 => return Err(HttpError::Cut),
                None => {}
            }
        };
        let body = match call.proceed() {
            Some(RecvResponseResult::RecvBody(call)) => self.body(call)?,
            _ => Zeroizing::default(),
        };
        Ok(HttpResponse { status, body })
    }

    fn body(mut self, mut call: Call<state::RecvBody>) -> Result<Zeroizing<Vec<u8>>, HttpError> {
        let mut body = Zeroizing::new(vec![0; LIMIT]);
        let mut length = 0;
        // Without Content-Length and chunks, the body ends where the connection does
        // (RFC 9112 section 6.3), so then the end of the connection is not an error.
        let ends_at_close = matches!(call.body_mode(), BodyMode::CloseDelimited);
        loop {
            let arrived = &self.buffer[self.start..self.end];
            let (used, made) = call.read(arrived, &mut body[length..])?;
            self.start += used;
            length += made;
            let is_whole = call.can_proceed() && !ends_at_close;
            if is_whole {
                break;
            }
            if used == 0 && self.fill()? == 0 {
                if ends_at_close {
                    break;
                }
                return Err(HttpError::Cut);
            }
        }
        body.truncate(length);
        Ok(body)
    }

    /// Reads more octets and returns their number.
    fn fill(&mut self) -> Result<usize, HttpError> {
        if self.end == self.buffer.len() {
            return Err(HttpError::Long);
        }
        let octets = self.stream.read(&mut self.buffer[self.end..])?;
        self.end += octets;
        Ok(octets)
    }
}

/// The most time for each of connecting, the handshake, and the request with its answer.
const HTTP_TIMEOUT: Duration = Duration::from_secs(30);

/// The most octets of an answer. Tokens have a few thousand octets.
const LIMIT: usize = 128 << 10;

/// The most octets of the request line and the headers.
const HEAD: usize = 16 << 10;
