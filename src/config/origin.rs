//! The place where a setting was written, so that an error can point there.

use std::fmt;
use std::sync::Arc;

/// The place where a setting was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A line of a file.
    File {
        /// The path of the file, as errors show it.
        path: Arc<str>,
        /// The line, counted from 1.
        line: usize,
    },
    /// The name of a flag, without its value.
    Flag(String),
    /// A URL on the command line. It is never shown, because it may contain a password.
    Url,
}

impl Origin {
    /// Returns the path of the file, as it is shown.
    pub(super) fn path(&self) -> Option<&str> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Flag(_) | Self::Url => None,
        }
    }

    /// Returns true if it was typed on the command line.
    pub fn was_typed(&self) -> bool {
        !matches!(self, Self::File { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Flag(flag) => f.write_str(flag),
            Self::Url => f.write_str("the URL"),
        }
    }
}
