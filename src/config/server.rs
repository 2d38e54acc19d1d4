//! A server as the user spells it: host, host:port, [IPv6]:port or the path of a Unix socket.
//! Resolves no name.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use crate::config::value::{self, Value, Wrong, quoted};

/// A server's address, without a port where none was spelt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Server {
    pub(super) host: Host,
    pub(super) port: Option<u16>,
}

/// What a port belongs to, or a socket that needs none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Host {
    /// A name or an address, without brackets.
    Name(String),
    /// An absolute path.
    Socket(PathBuf),
}

/// Reads a server.
pub(super) fn server(value: Value) -> Result<Server, Wrong> {
    let text = value::line(value)?;
    parse(&text).ok_or_else(|| {
        let shown = quoted(&text);
        Wrong(format!(
            "must be a host, host:port, [IPv6]:port or the absolute path of a socket, not {shown}"
        ))
    })
}

/// Parses a server, if it is one.
pub(super) fn parse(text: &str) -> Option<Server> {
    if text.starts_with('/') {
        let host = Host::Socket(text.into());
        return Some(Server { host, port: None });
    }
    let (host, port) = split(text)?;
    let host = is_host(host).then(|| Host::Name(host.to_owned()))?;
    let port = match port {
        Some(digits) => Some(parse_port(digits)?),
        None => None,
    };
    Some(Server { host, port })
}

fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return match port {
            "" => Some((host, None)),
            port => Some((host, Some(port.strip_prefix(':')?))),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    Some(match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    })
}

fn is_host(text: &str) -> bool {
    let is_name = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    text.parse::<Ipv6Addr>().is_ok() || (1..=253).contains(&text.len()) && text.bytes().all(is_name)
}

fn parse_port(text: &str) -> Option<u16> {
    let is_number = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_a_host_and_a_port_or_a_socket() {
        for (text, host, port) in [
            ("pop.example.com", "pop.example.com", None),
            ("pop.example.com:1995", "pop.example.com", Some(1995)),
            ("192.0.2.1:110", "192.0.2.1", Some(110)),
            ("[2001:db8::1]:995", "2001:db8::1", Some(995)),
            ("[::1]", "::1", None),
            ("::1", "::1", None),
            ("a_b-c", "a_b-c", None),
        ] {
            let host = Host::Name(host.into());
            assert_eq!(parse(text), Some(Server { host, port }), "{text}");
        }
        let host = Host::Socket("/run/pop3.sock".into());
        let socket = Server { host, port: None };
        assert_eq!(parse("/run/pop3.sock"), Some(socket));
    }

    #[test]
    fn anything_else_is_no_server() {
        for text in [
            "",
            ":",
            ":110",
            "host:",
            "host:0",
            "host:70000",
            "host:+1",
            "host:x",
            "host:1:2",
            "a b",
            "a b:110",
            "http://x",
            "pops://x",
            "me@host",
            "[host]:1",
            "[::1",
            "[::1]1",
            "[::1]:",
            "größe.example",
            "./socket",
            "a?b",
            "a\\b",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"a".repeat(100_000)), None);
    }
}
