//! By what a server proves who it is: the rules between `security` and the keys of TLS.
//! Opens no file of certificates.

use std::path::Path;

use crate::config::error::Error;
use crate::config::paths;
use crate::config::server::{self, Host};
use crate::config::settings::{At, Settings, value_or_default};
use crate::config::value::{self, Value, Wrong, quoted};
use crate::dial::Security;
use crate::net::tls::{Files, Pin, Proof, TlsOptions, Version};

/// Checks the keys of TLS.
///
/// # Errors
/// A path that means nothing, a key that says who somebody is where nobody proves it.
pub(super) fn options(settings: &Settings, home: Option<&Path>) -> Result<TlsOptions, Error> {
    refuse_without_tls(settings)?;
    Ok(TlsOptions {
        identity: identity(settings, home)?,
        minimum: value_or_default(&settings.tls_min),
        name: settings.tls_name.as_ref().map(|at| at.value.clone()),
        proof: proof(settings, home)?,
    })
}

fn identity(settings: &Settings, home: Option<&Path>) -> Result<Option<Files>, Error> {
    let path = |at: &At<String>| paths::absolute(at, &at.value, home);
    match (&settings.tls_client_cert, &settings.tls_client_key) {
        (None, None) => Ok(None),
        (None, Some(key)) => Err(key.wrong("is of no use without tls-client-cert")),
        (Some(certificate), key) => Ok(Some(Files {
            certificate: path(certificate)?,
            key: key.as_ref().map(path).transpose()?,
        })),
    }
}

fn proof(settings: &Settings, home: Option<&Path>) -> Result<Proof, Error> {
    let unverified = settings.tls_verify.as_ref().filter(|at| !at.value);
    match (&settings.tls_pin, unverified) {
        (Some(pins), Some(unverified)) => Err(Error::Conflict {
            at: unverified.origin.clone(),
            first: pins.key,
            second: unverified.key,
        }),
        (Some(pins), None) => Ok(Proof::Pins(pins.value.clone())),
        (None, Some(_)) => Ok(Proof::Nothing),
        (None, None) => {
            let file = settings.tls_ca_file.as_ref();
            let path = file.map(|at| paths::absolute(at, &at.value, home));
            Ok(Proof::Authority(path.transpose()?))
        }
    }
}

/// `tls-pin`: one, or a list of which one has to fit.
pub(super) fn pins(value: Value) -> Result<Vec<Pin>, Wrong> {
    let values = match value {
        Value::List(values) => values,
        one => vec![one],
    };
    let pins: Result<Vec<Pin>, Wrong> = value::words(values)?
        .into_iter()
        .map(|word| {
            word.parse()
                .map_err(|error| Wrong(format!("{error}, not {}", quoted(&word))))
        })
        .collect();
    match pins? {
        pins if pins.is_empty() => Err("names no certificate".into()),
        pins => Ok(pins),
    }
}

/// `tls-min`.
pub(super) fn version(value: Value) -> Result<Version, Wrong> {
    let word = value::line(value)?;
    match word.as_str() {
        "1.2" => Ok(Version::Tls12),
        "1.3" => Ok(Version::Tls13),
        _ => Err(format!("must be \"1.2\" or \"1.3\", not {}", quoted(&word)).into()),
    }
}

/// `tls-name`.
pub(super) fn name(value: Value) -> Result<String, Wrong> {
    let text = value::line(value)?;
    match server::parse(&text).map(|server| (server.host, server.port)) {
        Some((Host::Name(name), None)) => Ok(name),
        _ => Err(format!("must be a host name or an address, not {}", quoted(&text)).into()),
    }
}

/// What says who somebody is must not be written for nothing. What may be meant for all accounts, in
/// `[defaults]`, may.
fn refuse_without_tls(settings: &Settings) -> Result<(), Error> {
    if value_or_default(&settings.security) != Security::None {
        return Ok(());
    }
    let none = "has no meaning with security = \"none\"";
    if let Some(at) = &settings.tls_pin {
        return Err(at.wrong(none));
    }
    match settings
        .tls_client_cert
        .as_ref()
        .or(settings.tls_name.as_ref())
    {
        Some(at) => Err(at.wrong(none)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_one_that_is_not_broken() {
        for (word, version_) in [
            ("1.2", Some(Version::Tls12)),
            ("1.3", Some(Version::Tls13)),
            ("1.1", None),
            ("1.0", None),
            ("TLSv1.3", None),
            ("", None),
        ] {
            assert_eq!(version(Value::from_text(word)).ok(), version_, "{word}");
        }
    }

    #[test]
    fn pins_are_one_or_several_and_all_of_them_pins() {
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
    fn a_name_is_a_host_without_a_port() {
        for (text, is_name) in [
            ("pop.example.com", true),
            ("192.0.2.1", true),
            ("2001:db8::1", true),
            ("pop.example.com:995", false),
            ("/run/pop3", false),
            ("*.example.com", false),
            ("a b", false),
        ] {
            assert_eq!(name(Value::from_text(text)).is_ok(), is_name, "{text}");
        }
    }
}
