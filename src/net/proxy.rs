//! Connecting through a proxy: SOCKS5 (RFC 1928, 1929) and HTTP CONNECT (RFC 9110 section 9.3.6).
//! The proxy resolves the name of the server. Not one octet of the server is read here.

use std::io::{self, Read, Write};
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Endpoint;
use crate::exit::Exit;
use crate::os::secret::Secret;
use crate::os::signals::is_interrupt;
use crate::text::ServerText;

/// A proxy.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    /// The protocol of the proxy.
    pub protocol: Protocol,
    /// The address of the proxy.
    pub endpoint: Endpoint,
    /// The login at the proxy, if it needs one.
    pub login: Option<ProxyLogin>,
}

/// The protocol of a proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    /// HTTP, by CONNECT.
    Http,
    /// SOCKS version 5.
    Socks5,
}

/// A login at a proxy. User and password have at most 255 octets each, the limit of SOCKS5.
#[derive(Clone, Debug)]
pub(crate) struct ProxyLogin {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// The reason why a proxy did not connect to the server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The connection to it failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It refuses the login.
    #[error("it refuses the login")]
    Login,
    /// It uses another protocol.
    #[error("it is not a proxy of this kind: {0}")]
    NoProxy(ServerText),
    /// It cannot reach the server, or must not.
    #[error("it says \"{0}\"")]
    Refused(ServerText),
}

impl Error {
    /// Returns the hint: what the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Login => "Check user and password in \"proxy\"",
            Self::NoProxy(_) => "Check scheme and port in \"proxy\"",
            Self::Io(_) | Self::Refused(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// Returns the exit status that the error leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Io(_) | Self::Refused(_) => Exit::Temporary,
            Self::Login => Exit::LoginRefused,
            Self::NoProxy(_) => Exit::Protocol,
        }
    }

    /// Returns true if a signal caused it.
    pub(crate) fn is_interrupt(&self) -> bool {
        matches!(self, Self::Io(source) if is_interrupt(source))
    }
}

impl Proxy {
    /// Asks the proxy at the other end of `stream` to connect to the server. The next octet that is
    /// read comes from the server.
    ///
    /// # Errors
    /// The proxy refuses, or is not a proxy. The password of the mailbox was not sent.
    pub(crate) fn pass<S: Read + Write>(
        &self,
        stream: &mut S,
        host: &str,
        port: u16,
    ) -> Result<(), Error> {
        match self.protocol {
            Protocol::Http => self.connect(stream, host, port),
            Protocol::Socks5 => self.socks5(stream, host, port),
        }
    }

    fn socks5<S: Read + Write>(&self, stream: &mut S, host: &str, port: u16) -> Result<(), Error> {
        // Both methods are offered, so a proxy that requires no login gets no password.
        let methods: &[u8] = match self.login {
            Some(_) => &[5, 2, NO_LOGIN, BY_PASSWORD],
            None => &[5, 1, NO_LOGIN],
        };
        stream.write_all(methods)?;
        match (exactly(stream)?, &self.login) {
            ([5, NO_LOGIN], _) => {}
            ([5, BY_PASSWORD], Some(login)) => {
                stream.write_all(&login.encode())?;
                let [_, status] = exactly(stream)?;
                if status != 0 {
                    return Err(Error::Login);
                }
            }
            ([5, _], _) => return Err(Error::Login),
            (other, _) => return Err(Error::NoProxy(ServerText::new(&other))),
        }
        stream.write_all(&destination(host, port))?;
        let [version, status, _, kind] = exactly(stream)?;
        if version != 5 {
            let said = [version, status];
            return Err(Error::NoProxy(ServerText::new(&said)));
        }
        if status != 0 {
            return Err(Error::Refused(reason(status).into()));
        }
        // The rest of the answer is the address from which the proxy connects. It is not needed.
        let length = match kind {
            1 => 4,
            4 => 16,
            _ => usize::from(exactly::<1, _>(stream)?[0]),
        };
        let mut rest = vec![0; length + 2];
        Ok(stream.read_exact(&mut rest)?)
    }

    fn connect<S: Read + Write>(&self, stream: &mut S, host: &str, port: u16) -> Result<(), Error> {
        let target = Endpoint::Tcp {
            host: host.to_owned(),
            port,
        };
        let mut request = Vec::new();
        write!(request, "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n")?;
        if let Some(ProxyLogin { user, password }) = &self.login {
            let pair = STANDARD.encode([user.as_bytes(), b":", password.expose()].concat());
            write!(request, "Proxy-Authorization: Basic {pair}\r\n")?;
        }
        request.extend_from_slice(b"\r\n");
        stream.write_all(&request)?;
        let head = head(stream)?;
        let line = head
            .split(|octet| *octet == b'\r')
            .next()
            .unwrap_or_default();
        let said = ServerText::new(line);
        match line.split(|octet| *octet == b' ').collect::<Vec<_>>()[..] {
            [version, ..] if !version.starts_with(b"HTTP/1.") => Err(Error::NoProxy(said)),
            [_, [b'2', _, _], ..] => Ok(()),
            // tinyproxy answers 401 to a wrong password.
            [_, b"401" | b"407", ..] => Err(Error::Login),
            [_, _, ..] => Err(Error::Refused(said)),
            _ => Err(Error::NoProxy(said)),
        }
    }
}

impl ProxyLogin {
    /// Encodes the login for SOCKS5 (RFC 1929).
    fn encode(&self) -> Vec<u8> {
        let mut octets = vec![1];
        for part in [self.user.as_bytes(), self.password.expose()] {
            octets.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            octets.extend_from_slice(&part[..part.len().min(LONGEST)]);
        }
        octets
    }
}

/// The longest user or password that SOCKS5 has room for.
pub(crate) const LONGEST: usize = 255;

const NO_LOGIN: u8 = 0;
const BY_PASSWORD: u8 = 2;

fn destination(host: &str, port: u16) -> Vec<u8> {
    let mut request = vec![5, 1, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        Err(_) => {
            // A host name has at most 253 octets.
            request.extend([3, u8::try_from(host.len()).unwrap_or(u8::MAX)]);
            request.extend(host.bytes().take(LONGEST));
        }
    }
    request.extend(port.to_be_bytes());
    request
}

fn reason(status: u8) -> &'static str {
    match status {
        2 => "connection not allowed",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "general failure",
    }
}

/// Reads the head of an HTTP response, octet by octet: what follows it comes from the server.
fn head<S: Read>(stream: &mut S) -> Result<Vec<u8>, Error> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(exactly::<1, _>(stream)?);
        let is_http = head.starts_with(b"HTTP/") || b"HTTP/".starts_with(&head);
        if !is_http || head.len() > LONGEST_HEAD {
            return Err(Error::NoProxy(ServerText::new(&head)));
        }
    }
    Ok(head)
}

const LONGEST_HEAD: usize = 64 * 1024;

fn exactly<const N: usize, S: Read>(stream: &mut S) -> Result<[u8; N], Error> {
    let mut octets = [0; N];
    stream.read_exact(&mut octets)?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A proxy that always gives the same answers.
    struct FakeProxy<'a> {
        answers: &'a [u8],
        received: Vec<u8>,
    }

    impl Read for FakeProxy<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.answers.read(buffer)
        }
    }

    impl Write for FakeProxy<'_> {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.received.write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Connects through a SOCKS5 proxy with these answers. Returns what it received, and the
    /// answers that were not read.
    fn ask(login: Option<(&str, &str)>, answers: &[u8]) -> (Result<(), String>, Vec<u8>, Vec<u8>) {
        let mut stream = FakeProxy {
            answers,
            received: Vec::new(),
        };
        let proxy = Proxy {
            protocol: Protocol::Socks5,
            endpoint: Endpoint::Unix("/p".into()),
            login: login.map(|(user, password)| ProxyLogin {
                user: user.to_owned(),
                password: Secret::new(password.into()).expect("the password has no line break"),
            }),
        };
        let passed = proxy.pass(&mut stream, "h", 110);
        let passed = passed.map_err(|error| error.to_string());
        (passed, stream.received, stream.answers.to_vec())
    }

    #[test]
    fn a_socks_proxy_gets_the_name_and_nothing_more_is_read() {
        for (bound, kind) in [(&b"\0\0\0\0"[..], 1), (b"\x02ab", 3), (&[0; 16], 4)] {
            let answers = [&b"\x05\0\x05\0\0"[..], &[kind], bound, b"\0\0+OK"].concat();

            let (passed, received, left) = ask(None, &answers);

            assert_eq!(passed, Ok(()));
            assert_eq!(received, b"\x05\x01\0\x05\x01\0\x03\x01h\0\x6e");
            assert_eq!(left, b"+OK");
        }
    }

    #[test]
    fn a_password_goes_only_to_a_proxy_that_asks_for_it() {
        let bound = b"\x05\0\0\x01\0\0\0\0\0\0";
        let login = Some(("me", "pw"));
        let (passed, received, _) = ask(login, &[b"\x05\x02\x01\0", &bound[..]].concat());
        assert_eq!(passed, Ok(()));
        assert!(received.starts_with(b"\x05\x02\0\x02\x01\x02me\x02pw\x05\x01"));

        let (passed, received, _) = ask(login, &[b"\x05\0", &bound[..]].concat());
        assert_eq!(passed, Ok(()));
        assert!(!received.windows(2).any(|octets| octets == b"pw"));
    }

    #[test]
    fn the_refusal_of_a_socks_proxy_is_reported() {
        let refused = "it refuses the login";
        for (login, answers, said) in [
            (None, &b"\x05\xff"[..], refused),
            (None, b"\x05\x02", refused),
            (Some(("me", "hush")), b"\x05\x02\x01\x01", refused),
            (
                None,
                b"\x05\0\x05\x05\0\x01",
                "it says \"connection refused\"",
            ),
            (None, b"\x05\0\x05\x63\0\x01", "it says \"general failure\""),
            (None, b"+OK POP3", "it is not a proxy of this kind: +O"),
            (None, b"", "failed to fill whole buffer"),
            (None, b"\x05\0\x05\0\0\x03", "failed to fill whole buffer"),
        ] {
            let (passed, _, _) = ask(login, answers);
            assert_eq!(passed, Err(said.to_owned()));
        }
    }

    #[test]
    fn a_destination_is_an_address_or_a_name() {
        for (host, expected) in [
            (
                "192.0.2.1",
                &b"\x05\x01\x00\x01\xc0\x00\x02\x01\x03\xe3"[..],
            ),
            ("a.example", b"\x05\x01\x00\x03\x09a.example\x03\xe3"),
            (
                "2001:db8::1",
                b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x03\xe3",
            ),
        ] {
            assert_eq!(destination(host, 995), expected, "{host}");
        }
    }
}
