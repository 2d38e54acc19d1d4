//! A mailbox as a URL (RFC 2384): `pop://user;AUTH=+APOP@host:port`, and `pops` for TLS.
//! No error shows a part of the URL that could contain a password.

use crate::config::error::Error;
use crate::config::keys::SectionKind;
use crate::config::origin::Origin;
use crate::config::settings::Settings;
use crate::config::values::{self, Value, server};

/// Returns true if an argument is meant as a URL, not as the name of an account.
pub(super) fn is_url(text: &str) -> bool {
    text.contains("://") || scheme(text).is_some()
}

/// Parses a URL into settings. `pops` means TLS from the first octet, and `pop` means STLS, never
/// cleartext.
///
/// # Errors
/// The URL is invalid, or contains a password, a path or an encoded control character
/// (CVE-2012-0036).
pub(super) fn parse(text: &str) -> Result<Settings, Error> {
    let (security, rest) = scheme(text)
        .and_then(|(security, rest)| Some((security, rest.strip_prefix("//")?)))
        .ok_or_else(|| wrong("must be pops://USER@HOST or pop://USER@HOST", None))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !matches!(path, "" | "/") {
        return Err(wrong("has a path", Some("Write a / in the user as %2F")));
    }
    // Many users are mail addresses whose @ is not escaped: the last one separates the server.
    let (login, server) = authority.rsplit_once('@').unwrap_or(("", authority));
    let server = decode(server)?;
    if server::parse(&server).is_none() {
        let hint = "Write pops://USER@HOST or pops://USER@HOST:PORT";
        return Err(wrong("names no server", Some(hint)));
    }
    let mut parts = parse_login(login)?;
    parts.extend([("security", security.to_owned()), ("server", server)]);
    let mut settings = Settings::default();
    for (key, text) in parts {
        settings.set(
            SectionKind::Account,
            key,
            Value::from_text(&text),
            Origin::Url,
        )?;
    }
    Ok(settings)
}

fn scheme(text: &str) -> Option<(&'static str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    match scheme.to_ascii_lowercase().as_str() {
        "pop" => Some(("starttls", rest)),
        "pops" => Some(("tls", rest)),
        _ => None,
    }
}

fn parse_login(login: &str) -> Result<Vec<(&'static str, String)>, Error> {
    if login.contains(':') {
        return Err(wrong(
            "contains a password, which everyone on this machine could read",
            Some("Leave it out, and set MAILPULL_PASSWORD or type it on the terminal"),
        ));
    }
    let (user, auth) = match login.split_once(';') {
        Some((user, parameter)) => (user, Some(parse_auth(parameter)?)),
        None => (login, None),
    };
    let user = Some(("user", decode(user)?)).filter(|(_, user)| !user.is_empty());
    let auth = auth.map(|auth| ("auth", auth));
    Ok(user.into_iter().chain(auth).collect())
}

/// Reads a mechanism: `*` means any, a `+` precedes one that is not of SASL, and any other word is a
/// SASL mechanism.
fn parse_auth(parameter: &str) -> Result<String, Error> {
    let auth = parameter
        .split_once('=')
        .filter(|(name, _)| name.eq_ignore_ascii_case("auth"))
        .map(|(_, auth)| decode(auth))
        .ok_or_else(|| wrong("has a parameter that is not ;AUTH=...", None))??;
    match auth.to_ascii_lowercase().as_str() {
        "*" => Ok("auto".to_owned()),
        "+apop" => Ok("apop".to_owned()),
        sasl if !sasl.starts_with('+') => Ok(sasl.to_owned()),
        _ => Err(wrong(
            "names an unknown mechanism",
            Some("Use *, +APOP or a SASL mechanism"),
        )),
    }
}

fn decode(text: &str) -> Result<String, Error> {
    values::decoded(text).map_err(|problem| wrong(problem, None))
}

fn wrong(problem: &str, hint: Option<&'static str>) -> Error {
    let what = format!("the URL {problem}");
    Error::Usage { what, hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::server::Host;
    use crate::dial::{Auth, Mechanism, Security};
    use crate::exit::Exit;

    #[test]
    fn a_url_has_a_user_a_server_and_a_mechanism() {
        let name = |name: &str| Host::Name(name.to_owned());
        for (url, user, host, port, security, auth) in [
            (
                "pops://me@h",
                Some("me"),
                name("h"),
                None,
                Security::Tls,
                None,
            ),
            (
                "pop://me@h",
                Some("me"),
                name("h"),
                None,
                Security::StartTls,
                None,
            ),
            (
                "POPS://me@h:99/",
                Some("me"),
                name("h"),
                Some(99),
                Security::Tls,
                None,
            ),
            (
                "pops://me%40example.com@h",
                Some("me@example.com"),
                name("h"),
                None,
                Security::Tls,
                None,
            ),
            (
                "pops://me@example.com@h",
                Some("me@example.com"),
                name("h"),
                None,
                Security::Tls,
                None,
            ),
            (
                "pops://gr%C3%B6%c3%9fe%3a%2F@h",
                Some("größe:/"),
                name("h"),
                None,
                Security::Tls,
                None,
            ),
            (
                "pops://me@[2001:db8::1]:99",
                Some("me"),
                name("2001:db8::1"),
                Some(99),
                Security::Tls,
                None,
            ),
            ("pops://h", None, name("h"), None, Security::Tls, None),
            (
                "pop://me;AUTH=*@h",
                Some("me"),
                name("h"),
                None,
                Security::StartTls,
                Some(Auth::Auto),
            ),
            (
                "pop://me;auth=+apop@h",
                Some("me"),
                name("h"),
                None,
                Security::StartTls,
                Some(Auth::Named(Mechanism::Apop)),
            ),
            (
                "pop://me;AUTH=PLAIN@h",
                Some("me"),
                name("h"),
                None,
                Security::StartTls,
                Some(Auth::Named(Mechanism::Plain)),
            ),
        ] {
            let settings = parse(url).expect(url);
            assert_eq!(settings.user.map(|at| at.value).as_deref(), user, "{url}");
            assert_eq!(settings.server.map(|at| at.value), Some(host), "{url}");
            assert_eq!(settings.port.map(|at| at.value), port, "{url}");
            assert_eq!(
                settings.security.map(|at| at.value),
                Some(security),
                "{url}"
            );
            assert_eq!(settings.auth.map(|at| at.value), auth, "{url}");
        }
    }

    #[test]
    fn a_refused_url_is_not_shown() {
        for url in [
            "pops:me:hunter2@h",
            "pops:///hunter2",
            "http://hunter2@h",
            "imap://me:hunter2@h",
            "://hunter2",
            "pops://me:hunter2@h",
            "pops://me:@h",
            "pops://me:hunter2",
            "pops://me:hun/ter2@h",
            "pops://:hunter2@h",
            "pops://me;AUTH=PLAIN:hunter2@h",
            "pops://me;hunter2@h",
            "pops://me;AUTH=+hunter2@h",
            "pops://h/hunter2",
            "pops://h?hunter2",
            "pops://me@h#hunter2",
            "pops://h/hunter2@h",
            "pops://me%0d%0aDELE%201@h",
            "pops://me%00@h",
            "pops://me%0A@h",
            "pops://me\n@h",
            "pops://me@h%0d%0ahunter2",
            "pops://me%7@h",
            "pops://me%zz@h",
            "pops://me%ff@h",
            "pops://me%+1@h",
            "pops://me@",
            "pops://me@h:0",
            "pops://me@h:70000",
            "pops://",
            "pops://me@/run/socket",
            "pops://me@%2Frun%2Fsocket%00",
            "pops://@",
        ] {
            let error = parse(url)
                .err()
                .unwrap_or_else(|| panic!("{url:?} is refused"));
            assert_eq!(error.exit(), Exit::Usage, "{url:?}");
            let error = error.to_string();
            assert!(
                !error.contains("hunter2") && !error.contains("DELE"),
                "{error}"
            );
        }
    }
}
