//! Where a setting came from, so that an error can point there.
//! Knows nothing of the setting.

use std::fmt;
use std::sync::Arc;

/// Where a setting came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A line of a file.
    File {
        /// The file as it is shown.
        path: Arc<str>,
        /// The line, from 1.
        line: usize,
    },
    /// A flag as it was typed, never its value.
    Flag(String),
    /// A URL on the command line, which is never shown: it may hold a password.
    Url,
}

impl Origin {
    /// Whether it was typed on the command line for this run.
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
