//! The rules between `security` and the keys of TLS.
//! The files of certificates are read later.

use std::path::Path;

use crate::config::error::Error;
use crate::config::paths;
use crate::config::settings::{At, Settings, value_or_default};
use crate::dial::Security;
use crate::net::tls::{Files, Proof, TlsOptions};

/// Checks the keys of TLS.
///
/// # Errors
/// A path is invalid, keys contradict each other, or a key has no meaning without TLS.
pub(super) fn options(settings: &Settings, home: Option<&Path>) -> Result<TlsOptions, Error> {
    refuse_without_tls(settings)?;
    refuse_to_strangers(settings)?;
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
        (None, Some(key)) => Err(key.wrong("has no meaning without tls-client-cert")),
        (Some(certificate), key) => Ok(Some(Files {
            certificate: path(certificate)?,
            key: key.as_deref().map(path).transpose()?,
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

/// Refuses keys that identify one side to the other if there is no TLS to prove it: the user would
/// rely on a check that never happens. `tls-ca-file` and `tls-min` are allowed, because `[defaults]`
/// may set them for all accounts.
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

/// Refuses a client certificate for a server that the TLS library does not check. A pin is compared after
/// the handshake, and by then anyone who answers has the certificate with the user's name.
fn refuse_to_strangers(settings: &Settings) -> Result<(), Error> {
    let Some(certificate) = &settings.tls_client_cert else {
        return Ok(());
    };
    let problem = if settings.tls_pin.is_some() {
        "cannot be used with tls-pin: it is sent to the server before the pin is compared"
    } else if settings.tls_verify.as_ref().is_some_and(|at| !at.value) {
        "cannot be used with tls-verify = false: anyone who can redirect the connection would get it"
    } else {
        return Ok(());
    };
    let hint =
        "Set tls-ca-file to the certificate of the server, or of the authority that signed it";
    Err(certificate.wrong_with_hint(problem, hint))
}
