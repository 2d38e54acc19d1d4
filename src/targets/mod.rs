//! The destinations of an account's messages, and the targets that are mail servers: messages wait in
//! the spool until the server has taken them.

use std::fmt;
use std::path::PathBuf;

use crate::delivery::mbox::MboxOptions;
use crate::delivery::{FileMode, mda};

mod connection;
pub(crate) mod imap;
pub(crate) mod lmtp;

/// The configured destination of an account's messages.
#[derive(Clone, Debug)]
pub enum Destination {
    /// A Maildir.
    Maildir {
        /// Its absolute path.
        path: PathBuf,
        /// The permissions of the files in it.
        file_mode: FileMode,
    },
    /// An mbox file.
    Mbox(MboxOptions),
    /// A program that reads one message on its standard input.
    Mda(mda::Options),
    /// A folder of an IMAP server.
    Imap(Box<imap::ImapOptions>),
    /// A mail server that takes messages by LMTP.
    Lmtp(lmtp::LmtpOptions),
}

impl fmt::Display for Destination {
    /// Writes the text by which the database knows it, unless it is a Maildir.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maildir { path, .. } => path.display().fmt(f),
            Self::Mbox(options) => options.fmt(f),
            Self::Mda(options) => f.write_str(options.command.program()),
            Self::Imap(options) => options.fmt(f),
            Self::Lmtp(options) => options.fmt(f),
        }
    }
}
