//! The folder that the configuration names.

use std::fmt;

use crate::dial::DialOptions;

/// The folder that every user has.
pub(crate) const INBOX: &str = "INBOX";

/// The configured folder.
#[derive(Clone, Debug)]
pub struct ImapOptions {
    /// The name of the target in the configuration.
    pub(crate) name: String,
    /// The server, the way to it, and the user.
    pub(crate) dial: DialOptions,
    /// The folder, with `/` between its levels.
    pub(crate) folder: String,
    /// True if the folder is created where there is none.
    pub(crate) creates_folder: bool,
}

impl ImapOptions {
    /// Returns true if the folder is the inbox, whose name can be written in any case (RFC 3501 section 5.1).
    pub(crate) fn is_inbox(&self) -> bool {
        self.folder.eq_ignore_ascii_case(INBOX)
    }
}

impl fmt::Display for ImapOptions {
    /// Writes the text by which the database knows the folder. Two ports of a host mostly lead to the same
    /// server. On this machine they may be tunnels to different ones.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (endpoint, user) = (&self.dial.net.endpoint, &self.dial.user);
        let server = match endpoint.is_loopback() {
            true => endpoint.to_string(),
            false => endpoint.host().to_ascii_lowercase(),
        };
        let folder = match self.is_inbox() {
            true => INBOX,
            false => &self.folder,
        };
        write!(f, "IMAP {server} {folder} ({user})")
    }
}
