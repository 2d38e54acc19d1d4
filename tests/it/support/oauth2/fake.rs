//! A provider with prepared answers, which records the requests.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::super::DEADLINE;
use super::super::stream::{ServerStream, TlsAcceptor};

/// A running provider. It sends one prepared answer to each request, and then accepts no more.
pub(crate) struct FakeProvider {
    port: u16,
    scheme: &'static str,
    requests: Receiver<String>,
}

impl FakeProvider {
    /// Starts a provider with these HTTP responses.
    pub(crate) fn start(answers: impl IntoIterator<Item = String>) -> Self {
        Self::listen(None, answers.into_iter().collect())
    }

    /// Starts a provider with TLS.
    pub(crate) fn with_tls(acceptor: TlsAcceptor, answers: Vec<String>) -> Self {
        Self::listen(Some(acceptor), answers)
    }

    fn listen(acceptor: Option<TlsAcceptor>, answers: Vec<String>) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let port = address.port();
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            for answer in answers {
                let Ok((socket, _)) = listener.accept() else {
                    return;
                };
                let mut stream = ServerStream::new(socket).expect("a socket can be set up");
                if let Some(acceptor) = &acceptor
                    && stream.start_tls(acceptor).is_err()
                {
                    // A client that does not trust the certificate breaks off the handshake.
                    continue;
                }
                let request = receive(&mut stream);
                // The client may have disconnected, which the test finds out by itself.
                let _ = stream.write_all(answer.as_bytes());
                let _ = stream.flush();
                let _ = sender.send(request);
            }
        });
        Self {
            port,
            scheme,
            requests,
        }
    }

    /// Returns the configuration of an account that signs in here by a device code.
    pub(crate) fn keys(&self) -> String {
        let address = format!("{}://localhost:{}", self.scheme, self.port);
        format!(
            "oauth2-client-id = \"me\"\noauth2-scope = \"mail\"\n\
             oauth2-token-url = \"{address}/token\"\noauth2-device-url = \"{address}/device\"\n"
        )
    }

    /// Claims that there was no other request.
    #[track_caller]
    pub(crate) fn was_asked_no_more(&self) {
        let asked = self.requests.try_recv();
        assert!(asked.is_err(), "there was another request: {asked:?}");
    }

    /// Returns the next request.
    #[track_caller]
    pub(crate) fn was_asked(&self) -> String {
        self.requests
            .recv_timeout(DEADLINE)
            .expect("a request has come")
    }
}

/// Returns an HTTP response with this status and body.
pub(crate) fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn receive(stream: &mut impl Read) -> String {
    let mut request = Vec::new();
    let mut octet = [0];
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .and_then(|length| length.parse().ok());
            if length.is_none_or(|length: usize| body.len() >= length) {
                return text.into_owned();
            }
        }
        match stream.read(&mut octet) {
            Ok(1) => request.push(octet[0]),
            _ => return String::from_utf8_lossy(&request).into_owned(),
        }
    }
}
