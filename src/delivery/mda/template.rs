//! The command line of an MDA with placeholders.

/// A command line with placeholders: `%F` is the envelope sender, `%L` the local user, `%%` a per cent
/// sign. The local user is filled in already.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template(Vec<String>);

/// The reason why a command line cannot be used; the sentence goes on after the name of the key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum BadTemplate {
    /// It has no program.
    #[error("names no program")]
    Empty,
    /// `%L` needs a local user.
    #[error("contains %L, but there is no local-user")]
    NoLocalUser,
    /// A per cent sign is not followed by F, L or %.
    #[error("contains {0}; only %F (sender), %L (local user) and %% are known")]
    Placeholder(String),
    /// It contains a NUL, which ends an argument.
    #[error("contains a NUL")]
    Nul,
    /// `%T`: fetchmail replaces it by the local user, and version 0.1.0 did by the user at the server, whose
    /// name may be that of somebody else on this machine.
    #[error(
        "contains %T, which is the local user in other fetchers, but was the user at the server here"
    )]
    ServerUser,
}

impl BadTemplate {
    /// Returns a sentence that says what to write instead.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoLocalUser => {
                Some("Add local-user = \"NAME\", the user of this machine whose mail it is")
            }
            Self::ServerUser => Some(
                "Write %L, and add local-user = \"NAME\", the user of this machine whose mail it is",
            ),
            Self::Empty | Self::Placeholder(_) | Self::Nul => None,
        }
    }
}

impl Template {
    /// Checks the placeholders of a program and its arguments, and fills in the local user.
    ///
    /// # Errors
    /// There is no program, an unknown placeholder, no local user for `%L`, or a NUL.
    pub(crate) fn new(argv: Vec<String>, local_user: Option<&str>) -> Result<Self, BadTemplate> {
        if argv.first().is_none_or(String::is_empty) {
            return Err(BadTemplate::Empty);
        }
        if argv.iter().any(|argument| argument.contains('\0')) {
            return Err(BadTemplate::Nul);
        }
        let mut words = argv.into_iter();
        let program = words.next();
        let arguments = words.map(|argument| with_local_user(&argument, local_user));
        let words = program.map(Ok).into_iter().chain(arguments);
        Ok(Self(words.collect::<Result<_, _>>()?))
    }

    /// Returns the program.
    pub(crate) fn program(&self) -> &str {
        &self.0[0]
    }

    /// Returns the arguments with their placeholders filled in. A value cannot become an option:
    /// neither a sender nor a local user begins with a dash.
    pub(super) fn arguments(&self, sender: &str) -> Vec<String> {
        self.0[1..]
            .iter()
            .map(|argument| fill(argument, sender))
            .collect()
    }

    /// Returns true if the command line contains `%F`.
    pub(super) fn asks_for_sender(&self) -> bool {
        self.0.iter().any(|argument| argument.contains("%F"))
    }
}

/// Checks the placeholders of an argument, and fills in the local user. His name has no per cent sign.
fn with_local_user(argument: &str, local_user: Option<&str>) -> Result<String, BadTemplate> {
    let mut filled = String::with_capacity(argument.len());
    let mut chars = argument.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            filled.push(c);
            continue;
        }
        match chars.next() {
            Some(known @ ('F' | '%')) => filled.extend(['%', known]),
            Some('L') => filled.push_str(local_user.ok_or(BadTemplate::NoLocalUser)?),
            Some('T') => return Err(BadTemplate::ServerUser),
            other => {
                let shown = other.map_or_else(|| "%".into(), |c| format!("%{c}"));
                return Err(BadTemplate::Placeholder(shown));
            }
        }
    }
    Ok(filled)
}

fn fill(argument: &str, sender: &str) -> String {
    let mut filled = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some((text, behind)) = rest.split_once('%') {
        filled.push_str(text);
        let mut chars = behind.chars();
        let value = match chars.next() {
            Some('F') => sender,
            _ => "%",
        };
        filled.push_str(value);
        rest = chars.as_str();
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(argv: &[&str]) -> Result<Template, BadTemplate> {
        let argv = argv.iter().map(|&argument| argument.to_owned());
        Template::new(argv.collect(), Some("joe"))
    }

    #[test]
    fn placeholders_are_filled_in_once() {
        let argv = ["x", "-f", "%F", "a%%b", "%L%F", "%%F"];
        let filled = template(&argv)
            .expect("the template is valid")
            .arguments("%L@x");
        assert_eq!(filled, ["-f", "%L@x", "a%b", "joe%L@x", "%F"]);
    }

    #[test]
    fn unknown_placeholders_are_refused() {
        for (argv, shown) in [
            (["x", "%u"], "%u"),
            (["x", "50%"], "%"),
            (["x", "% F"], "% "),
        ] {
            assert_eq!(
                template(&argv),
                Err(BadTemplate::Placeholder(shown.into())),
                "{argv:?}"
            );
        }
        for argument in ["%T", "--user=%T", "%%%T", "%T@example.com"] {
            assert_eq!(template(&["x", argument]), Err(BadTemplate::ServerUser));
        }
        let without = Template::new(vec!["x".to_owned(), "%L".to_owned()], None);
        assert_eq!(without, Err(BadTemplate::NoLocalUser));
        assert_eq!(template(&[]), Err(BadTemplate::Empty));
        assert_eq!(template(&["a\0b"]), Err(BadTemplate::Nul));
    }
}
