//! Delivery by a program (MDA: procmail, maildrop …) that reads one message on standard input.
//! Knows nothing of servers; runs no shell.

use std::time::Duration;

/// How to run the MDA.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program and its arguments.
    pub command: Template,
    /// How long one message may take.
    pub timeout: Duration,
    /// Whether it may run as root (CVE-2004-0880).
    pub allow_root: bool,
    /// Whether exit status 0 counts although the message was not read to its end.
    pub may_ignore_input: bool,
    /// The account's user, for `%T`.
    pub user: String,
}

/// A command line with placeholders: `%F` the envelope sender, `%T` the user, `%%` a per cent sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template(Vec<String>);

/// Why a command line cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadTemplate {
    /// There is no program in it.
    #[error("names no program")]
    Empty,
    /// A per cent sign with something else than F, T or % behind it.
    #[error("contains {0}; only %F (sender), %T (user) and %% are known")]
    Placeholder(String),
    /// It holds a NUL, which no argument can.
    #[error("contains a NUL")]
    Nul,
}

impl Template {
    /// Checks the placeholders of a program and its arguments.
    ///
    /// # Errors
    /// No program, an unknown placeholder, a NUL.
    pub fn new(argv: Vec<String>) -> Result<Self, BadTemplate> {
        if argv.first().is_none_or(String::is_empty) {
            return Err(BadTemplate::Empty);
        }
        for argument in &argv {
            if argument.contains('\0') {
                return Err(BadTemplate::Nul);
            }
            let mut chars = argument.chars();
            while let Some(c) = chars.next() {
                if c != '%' {
                    continue;
                }
                match chars.next() {
                    Some('F' | 'T' | '%') => {}
                    other => {
                        let shown = other.map_or_else(|| "%".into(), |c| format!("%{c}"));
                        return Err(BadTemplate::Placeholder(shown));
                    }
                }
            }
        }
        Ok(Self(argv))
    }

    /// The program as it is written.
    pub fn program(&self) -> &str {
        &self.0[0]
    }
}
