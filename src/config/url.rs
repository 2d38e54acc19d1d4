//! A maildrop as a URL, after RFC 2384: `pop://user;AUTH=+APOP@host:port`, and `pops` for TLS.
//! Reads no file, and shows no part of a URL that could hold a password.

use crate::config::error::Error;
use crate::config::keys::Settings;
use crate::config::origin::Origin;
use crate::config::server;
use crate::config::value::Value;

/// Whether an argument is meant as a URL, not as an account's name.
pub(super) fn is_url(text: &str) -> bool {
    text.contains("://") || scheme(text).is_some()
}

/// Parses a URL into the settings it stands for. `pops` is TLS from the first octet; `pop` is
/// STLS, never cleartext.
///
/// # Errors
/// What is no such URL, holds a password or a path, or a control character however it is encoded
/// (CVE-2012-0036).
pub(super) fn parse(text: &str) -> Result<Settings, Error> {
    let (security, rest) = scheme(text)
        .and_then(|(security, rest)| Some((security, rest.strip_prefix("//")?)))
        .ok_or_else(|| wrong("must be pops://USER@HOST or pop://USER@HOST"))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !matches!(path, "" | "/") {
        return Err(wrong(
            "has a path, which no maildrop has; a / in the user is %2F",
        ));
    }
    let (login, server) = authority.rsplit_once('@').unwrap_or(("", authority));
    let server = decode(server)?;
    if server::parse(&server).is_none() {
        return Err(wrong(
            "names no server: pops://USER@HOST or pops://USER@HOST:PORT",
        ));
    }
    let mut parts = parse_login(login)?;
    parts.extend([("security", security.to_owned()), ("server", server)]);
    let mut settings = Settings::default();
    for (key, text) in parts {
        settings.set(key, Value::from_text(&text), Origin::Url)?;
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
            "holds a password, which everybody on this machine could see; leave it out, and \
             set MAILPULL_PASSWORD or be asked",
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

/// `*` is any mechanism, `+APOP` is no SASL mechanism, anything else is one.
fn parse_auth(parameter: &str) -> Result<String, Error> {
    let auth = parameter
        .split_once('=')
        .filter(|(name, _)| name.eq_ignore_ascii_case("auth"))
        .map(|(_, auth)| decode(auth))
        .ok_or_else(|| wrong("has a parameter that is not ;AUTH=…"))??;
    match auth.to_ascii_lowercase().as_str() {
        "*" => Ok("auto".to_owned()),
        "+apop" => Ok("apop".to_owned()),
        sasl if !sasl.starts_with('+') => Ok(sasl.to_owned()),
        _ => Err(wrong(
            "names no mechanism: * and +APOP and those of SASL are known",
        )),
    }
}

fn decode(text: &str) -> Result<String, Error> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'%' => decode_octet(&mut rest).ok_or_else(|| wrong("has a % without two digits"))?,
            octet => octet,
        });
    }
    let text = String::from_utf8(octets).map_err(|_| wrong("is no UTF-8 when it is decoded"))?;
    match text.contains(char::is_control) {
        true => Err(wrong("contains a control character")),
        false => Ok(text),
    }
}

fn decode_octet(rest: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let mut digit = || char::from(rest.next()?).to_digit(16);
    let octet = digit()? * 16 + digit()?;
    u8::try_from(octet).ok()
}

fn wrong(problem: &str) -> Error {
    Error::Syntax {
        at: Origin::Url,
        problem: problem.to_owned(),
    }
}
