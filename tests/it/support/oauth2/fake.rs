//! A provider that answers what it is told to, once a request, and remembers what it was asked.
//! Grants nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::super::DEADLINE;
use super::super::stream::{ServerStream, TlsAcceptor};

/// A provider that answers by the book, one answer a request, and then no more.
pub(crate) struct FakeProvider {
    port: u16,
    scheme: &'static str,
    requests: Receiver<String>,
}

impl FakeProvider {
    /// Starts one with whole answers of HTTP.
    pub(crate) fn start(answers: impl IntoIterator<Item = String>) -> Self {
        Self::listen(None, answers.into_iter().collect())
    }

    /// Starts one that speaks TLS.
    pub(crate) fn with_tls(acceptor: TlsAcceptor, answers: Vec<String>) -> Self {
        Self::listen(Some(acceptor), answers)
    }

    fn listen(acceptor: Option<TlsAcceptor>, answers: Vec<String>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
        let port = listener.local_addr().expect("it has an address").port();
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
                    // Who does not trust it leaves.
                    continue;
                }
                let request = receive(&mut stream);
                // Who has heard enough may be gone.
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

    /// The keys of an account that signs in here by a code that is typed elsewhere.
    pub(crate) fn keys(&self) -> String {
        let address = format!("{}://localhost:{}", self.scheme, self.port);
        format!(
            "oauth2-client-id = \"me\"\noauth2-scope = \"mail\"\n\
             oauth2-token-url = \"{address}/token\"\noauth2-device-url = \"{address}/device\"\n"
        )
    }

    /// Claims that it was sent no other request.
    #[track_caller]
    pub(crate) fn was_asked_no_more(&self) {
        let asked = self.requests.try_recv();
        assert!(asked.is_err(), "it was asked {asked:?}");
    }

    /// The next request that it was sent.
    #[track_caller]
    pub(crate) fn was_asked(&self) -> String {
        self.requests.recv_timeout(DEADLINE).expect("it was asked")
    }
}

/// An answer with this status and body.
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
