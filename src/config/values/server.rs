//! Servers, addresses and certificates.
//! Resolves no name.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use super::{Value, Wrong, line, quoted, words};
use crate::net::tls::Pin;
use crate::oauth2::{MalformedUrl, Url};

/// A server as the user writes it: host, host:port, `[IPv6]`:port or the path of a Unix socket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::config) struct Server {
    pub(in crate::config) host: Host,
    /// The port, if one was written.
    pub(in crate::config) port: Option<u16>,
}

/// The server without its port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::config) enum Host {
    /// A name or an address, without brackets.
    Name(String),
    /// An absolute path.
    Socket(PathBuf),
}

/// Reads `server`.
pub(in crate::config) fn server(value: Value) -> Result<Server, Wrong> {
    let text = line(value)?;
    parse(&text).ok_or_else(|| {
        let shown = quoted(&text);
        format!(
            "must be a host, host:port, [IPv6]:port or the absolute path of a socket, not {shown}"
        )
        .into()
    })
}

/// Reads `port`.
pub(in crate::config) fn port(value: Value) -> Result<u16, Wrong> {
    let expected = "a number from 1 to 65535";
    let Value::Integer(number) = value else {
        return Err(value.instead_of(expected));
    };
    u16::try_from(number)
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| format!("must be {expected}, not {number}").into())
}

/// Reads `source-address`.
pub(in crate::config) fn source_address(value: Value) -> Result<IpAddr, Wrong> {
    let text = line(value)?;
    text.parse()
        .map_err(|_| "must be an IPv4 or IPv6 address of this machine".into())
}

/// Reads `tls-name`.
pub(in crate::config) fn tls_name(value: Value) -> Result<String, Wrong> {
    let text = line(value)?;
    match parse(&text).map(|server| (server.host, server.port)) {
        Some((Host::Name(name), None)) => Ok(name),
        _ => Err(format!("must be a host name or an address, not {}", quoted(&text)).into()),
    }
}

/// Reads `tls-pin`: one pin, or a list of pins.
pub(in crate::config) fn pins(value: Value) -> Result<Vec<Pin>, Wrong> {
    let values = match value {
        Value::List(values) => values,
        one => vec![one],
    };
    let pins: Result<Vec<Pin>, Wrong> = words(values)?
        .into_iter()
        .map(|word| {
            word.parse()
                .map_err(|error| format!("{error}, not {}", quoted(&word)).into())
        })
        .collect();
    match pins? {
        pins if pins.is_empty() => Err("names no certificate".into()),
        pins => Ok(pins),
    }
}

/// Reads the keys `oauth2-...-url`.
pub(in crate::config) fn provider_url(value: Value) -> Result<Url, Wrong> {
    let text = line(value)?;
    text.parse()
        .map_err(|problem: MalformedUrl| problem.to_string().into())
}

/// Parses a server. Returns `None` if the text is not one.
pub(in crate::config) fn parse(text: &str) -> Option<Server> {
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
    // Without brackets, the last group of an IPv6 address could be taken for a port.
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
    // `parse` would also accept a sign.
    let is_number = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_or_a_socket() {
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
    fn other_text_is_not_a_server() {
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

    #[test]
    fn pins_are_one_pin_or_a_list_of_pins() {
        let pin = format!("sha256:{}", "0a".repeat(32));
        let text = |text: &str| Value::from_text(text);
        for (value, count) in [
            (text(&pin), Some(1)),
            (Value::List(vec![text(&pin)]), Some(1)),
            (Value::List(vec![text(&pin), text(&pin)]), Some(2)),
            (Value::List(Vec::new()), None),
            (Value::List(vec![text(&pin), text("x")]), None),
            (text(""), None),
            (Value::Integer(1), None),
        ] {
            assert_eq!(pins(value).ok().map(|pins| pins.len()), count);
        }
    }

    #[test]
    fn a_certificate_name_is_a_host_without_a_port() {
        for (text, is_name) in [
            ("pop.example.com", true),
            ("192.0.2.1", true),
            ("2001:db8::1", true),
            ("pop.example.com:995", false),
            ("/run/pop3", false),
            ("*.example.com", false),
            ("a b", false),
        ] {
            assert_eq!(tls_name(Value::from_text(text)).is_ok(), is_name, "{text}");
        }
    }
}
