//! TLS over a connection: the only door to native-tls.
//! Knows nothing of POP3 or of passwords.

use std::path::PathBuf;

/// Whom to trust.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// PEM certificates that replace the system's roots.
    pub ca_file: Option<PathBuf>,
}
