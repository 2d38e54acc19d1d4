//! The proxy or program that a connection goes through.

use zeroize::Zeroizing;

use super::server::{self, Host, Server};
use super::{Value, Wrong, decoded, program, text};
use crate::net::{Endpoint, Protocol, Proxy, ProxyLogin, proxy};
use crate::os::secret::Secret;

/// The proxy or program that a connection goes through.
#[derive(Clone, Debug)]
pub(in crate::config) enum Via {
    Proxy(Proxy),
    /// A program whose standard input and output are the connection, and its arguments.
    Tunnel(Vec<String>),
}

impl Via {
    pub(in crate::config) fn holds_a_password(&self) -> bool {
        matches!(self, Self::Proxy(proxy) if proxy.login.is_some())
    }
}

/// Reads `tunnel-command`.
pub(in crate::config) fn tunnel(value: Value) -> Result<Via, Wrong> {
    match value {
        Value::List(values) => Ok(Via::Tunnel(program(values)?)),
        other => Err(other.instead_of("a list: the program and its arguments")),
    }
}

/// Reads `proxy`. An error shows nothing of the value: it may hold a password.
pub(in crate::config) fn proxy(value: Value) -> Result<Via, Wrong> {
    let text = text(value)?;
    let form = "must be socks5://[USER:PASSWORD@]HOST:PORT or http://[USER:PASSWORD@]HOST:PORT";
    let (protocol, rest) = match text.split_once("://") {
        Some(("http", rest)) => (Protocol::Http, rest),
        // curl calls it so if the proxy resolves the name, which it always does here.
        Some(("socks5" | "socks5h", rest)) => (Protocol::Socks5, rest),
        _ => return Err(form.into()),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    // A password may contain an unescaped @; a host cannot.
    let (login, server) = match rest.rsplit_once('@') {
        Some((login, server)) => (Some(parse_login(login)?), server),
        None => (None, rest),
    };
    let Some(Server {
        host: Host::Name(host),
        port: Some(port),
    }) = server::parse(server)
    else {
        return Err(form.into());
    };
    Ok(Via::Proxy(Proxy {
        protocol,
        endpoint: Endpoint::Tcp { host, port },
        login,
    }))
}

fn parse_login(login: &str) -> Result<ProxyLogin, Wrong> {
    let (user, password) = login
        .split_once(':')
        .ok_or("has a user without a password")?;
    let user = decoded(user)?;
    let mut password = Zeroizing::new(decoded(password)?);
    if user.is_empty() || user.len() > proxy::LONGEST || password.len() > proxy::LONGEST {
        return Err("needs a user and a password of at most 255 octets each".into());
    }
    let password = Secret::new(std::mem::take(&mut *password).into_bytes());
    let password = password.map_err(|problem| format!("has a password that {problem}"))?;
    Ok(ProxyLogin { user, password })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_url_with_a_port() {
        for (text, shown) in [
            ("socks5://p:1080", Some("Socks5 p:1080")),
            ("socks5h://p:1080", Some("Socks5 p:1080")),
            ("socks5://[::1]:1080", Some("Socks5 [::1]:1080")),
            ("http://p:3128/", Some("Http p:3128")),
            ("http://u:p@p:3128", Some("Http p:3128 u p")),
            ("socks5://u%40x:a%3Ab%2F@p:1", Some("Socks5 p:1 u@x a:b/")),
            ("socks5://p", None),
            ("socks4://p:1", None),
            ("https://p:1", None),
            ("p:1080", None),
            ("socks5:///run/p", None),
            ("socks5://u@p:1", None),
            ("socks5://:x@p:1", None),
            ("socks5://u:@p:1", None),
            ("socks5://u:a%0Ab@p:1", None),
            ("socks5://u:%zz@p:1", None),
            ("", None),
        ] {
            let read = proxy(Value::from_text(text)).ok().map(|via| match via {
                Via::Proxy(Proxy {
                    protocol,
                    endpoint,
                    login,
                }) => {
                    let login = login.map(|ProxyLogin { user, password }| {
                        let password = String::from_utf8_lossy(password.expose()).into_owned();
                        format!(" {user} {password}")
                    });
                    format!("{protocol:?} {endpoint}{}", login.unwrap_or_default())
                }
                Via::Tunnel(_) => unreachable!("proxy() returns a proxy"),
            });
            assert_eq!(read.as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn an_error_about_a_proxy_shows_no_part_of_it() {
        for text in ["socks5://u:hunter2@", "hunter2", "socks5://hunter2@h:1"] {
            let wrong = proxy(Value::from_text(text)).expect_err(text);
            assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
        }
    }
}
