//! The client certificate of an account, read from its files.

use std::path::{Path, PathBuf};

use native_tls::Identity;

use super::error::Error;
use crate::os::secret_file::{CheckedFile, FileError};

/// The files of a client certificate and its key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Files {
    /// PEM, followed by the intermediate certificates; or PKCS#12 without a password.
    pub certificate: PathBuf,
    /// PEM; `None` if the key is in the file of the certificate.
    pub key: Option<PathBuf>,
}

impl Files {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// A file cannot be read or used, or others can read the key.
    pub(super) fn identity(&self) -> Result<Identity, Error> {
        let certificate = read(&self.certificate)?;
        let Some(path) = &self.key else {
            certificate.require(SECRET)?;
            return match find(certificate.octets(), "-----BEGIN ") {
                Some(_) => pem(&certificate, &certificate, &self.certificate),
                None => pkcs12(&certificate, &self.certificate),
            };
        };
        let key = read(path)?;
        key.require(SECRET)?;
        pem(&certificate, &key, path)
    }
}

fn read(path: &Path) -> Result<CheckedFile, Error> {
    CheckedFile::read(path).map_err(|error| match error {
        FileError::Exposed(exposed) => exposed.into(),
        FileError::System(source) => unusable(path, source.to_string(), None),
    })
}

fn pem(certificate: &CheckedFile, key: &CheckedFile, path: &Path) -> Result<Identity, Error> {
    let octets = key.octets();
    // The library requires that the text begins with the key, but a file that also holds the
    // certificate often begins with that.
    let Some(begin) = find(octets, "-----BEGIN PRIVATE KEY-----") else {
        return Err(unusable_key(path, octets));
    };
    Identity::from_pkcs8(certificate.octets(), &octets[begin..])
        .map_err(|error| unusable(path, error.to_string(), None))
}

fn pkcs12(file: &CheckedFile, path: &Path) -> Result<Identity, Error> {
    Identity::from_pkcs12(file.octets(), "").map_err(|error| {
        let hint = "Use a PKCS#12 file with an empty password, or PEM files";
        unusable(path, error.to_string(), Some(hint))
    })
}

/// Returns the error for a key that is not in PKCS#8, the only form that the TLS library reads.
fn unusable_key(path: &Path, octets: &[u8]) -> Error {
    let has = |words| find(octets, words).is_some();
    let (why, hint) = if has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") {
        // Encrypted keys are not supported, because a run from cron cannot ask for their password.
        (
            "the key is encrypted",
            "Decrypt it: umask 077; openssl pkey -in OLD -out NEW",
        )
    } else if has(" PRIVATE KEY-----") {
        (
            "the key is not in PKCS#8",
            "Convert it: umask 077; openssl pkey -in OLD -out NEW",
        )
    } else {
        (
            "there is no PEM private key in it",
            "Name the file of the key in tls-client-key",
        )
    };
    unusable(path, why.to_owned(), Some(hint))
}

const SECRET: &str = "a private key";

fn find(octets: &[u8], words: &str) -> Option<usize> {
    memchr::memmem::find(octets, words.as_bytes())
}

pub(super) fn unusable(path: &Path, why: String, hint: Option<&'static str>) -> Error {
    Error::Identity {
        path: path.to_owned(),
        why,
        hint,
    }
}
