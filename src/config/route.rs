//! The way to a server: from which address, through which proxy or program.
//! Connects to nothing.

use std::net::IpAddr;
use std::path::Path;

use zeroize::Zeroizing;

use crate::config::error::Error;
use crate::config::paths;
use crate::config::server::{self, Host, Server};
use crate::config::settings::{At, Settings};
use crate::config::url;
use crate::config::value::{self, Value, Wrong};
use crate::net::{Endpoint, Protocol, Proxy, ProxyLogin, Route, Tunnel, proxy};
use crate::os::secret::Secret;

/// A way as it was written.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Proxy(Proxy),
    Tunnel(Vec<String>),
}

impl Way {
    pub(super) fn holds_a_password(&self) -> bool {
        matches!(self, Self::Proxy(proxy) if proxy.login.is_some())
    }
}

/// The way that an account takes to this endpoint.
///
/// # Errors
/// A way that leads elsewhere.
pub(super) fn route(
    settings: &Settings,
    endpoint: &Endpoint,
    secret_variables: &[String],
    home: Option<&Path>,
) -> Result<Route, Error> {
    let Some(at) = &settings.way else {
        let source = settings.source_address.as_ref();
        refuse_unix(source, endpoint)?;
        return Ok(Route::Direct(source.map(|at| at.value)));
    };
    refuse_unix(Some(at), endpoint)?;
    Ok(match &at.value {
        Way::Proxy(proxy) => {
            let source = settings.source_address.as_ref().map(|at| at.value);
            Route::Proxy(proxy.clone(), source)
        }
        Way::Tunnel(words) => {
            if let Some(source) = &settings.source_address {
                return Err(source.wrong("has no meaning with tunnel-command"));
            }
            Route::Tunnel(Tunnel {
                command: paths::program(at, words, home)?,
                hidden_variables: secret_variables.to_vec(),
            })
        }
    })
}

fn refuse_unix<T>(at: Option<&At<T>>, endpoint: &Endpoint) -> Result<(), Error> {
    match (at, endpoint) {
        (Some(at), Endpoint::Unix(_)) => Err(at.wrong("has no meaning for a Unix socket")),
        _ => Ok(()),
    }
}

/// `source-address`.
pub(super) fn source(value: Value) -> Result<IpAddr, Wrong> {
    let text = value::line(value)?;
    text.parse()
        .map_err(|_| "must be an IPv4 or IPv6 address of this machine".into())
}

/// `tunnel-command`.
pub(super) fn tunnel(value: Value) -> Result<Way, Wrong> {
    let Value::List(values) = value else {
        return Err(value.instead_of("a list: the program and its arguments"));
    };
    match value::words(values)? {
        words if words.first().is_none_or(String::is_empty) => Err("names no program".into()),
        words => Ok(Way::Tunnel(words)),
    }
}

/// `proxy`. No error shows any of it: it may hold a password.
pub(super) fn proxy(value: Value) -> Result<Way, Wrong> {
    let text = value::text(value)?;
    let form = "must be socks5://[USER:PASSWORD@]HOST:PORT or http://[USER:PASSWORD@]HOST:PORT";
    let (protocol, rest) = match text.split_once("://") {
        Some(("http", rest)) => (Protocol::Http, rest),
        Some(("socks5", rest)) => (Protocol::Socks5, rest),
        _ => return Err(form.into()),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
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
    Ok(Way::Proxy(Proxy {
        protocol,
        endpoint: Endpoint::Tcp { host, port },
        login,
    }))
}

fn parse_login(login: &str) -> Result<ProxyLogin, Wrong> {
    let (user, password) = login
        .split_once(':')
        .ok_or("has a user without a password")?;
    let user = url::percent_decoded(user)?;
    let mut password = Zeroizing::new(url::percent_decoded(password)?);
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
    fn a_proxy_is_a_url_with_a_port_and_both_of_user_and_password_or_neither() {
        for (text, shown) in [
            ("socks5://p:1080", Some("Socks5 p:1080")),
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
            let read = proxy(Value::from_text(text)).ok().map(|way| match way {
                Way::Proxy(Proxy {
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
                Way::Tunnel(_) => unreachable!("it is a proxy"),
            });
            assert_eq!(read.as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_proxy_shows_nothing_of_it() {
        for text in ["socks5://u:hunter2@", "hunter2", "socks5://hunter2@h:1"] {
            let wrong = proxy(Value::from_text(text)).expect_err(text);
            assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
        }
    }
}
