//! The command line of an MDA with placeholders.

/// A command line with placeholders: `%F` is the envelope sender, `%T` the user, `%%` a per cent
/// sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template(Vec<String>);

/// The reason why a command line cannot be used; the sentence goes on after the name of the key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum BadTemplate {
    /// It has no program.
    #[error("names no program")]
    Empty,
    /// A per cent sign is not followed by F, T or %.
    #[error("contains {0}; only %F (sender), %T (user) and %% are known")]
    Placeholder(String),
    /// It contains a NUL, which ends an argument.
    #[error("contains a NUL")]
    Nul,
}

impl Template {
    /// Checks the placeholders of a program and its arguments.
    ///
    /// # Errors
    /// There is no program, an unknown placeholder, or a NUL.
    pub(crate) fn new(argv: Vec<String>) -> Result<Self, BadTemplate> {
        if argv.first().is_none_or(String::is_empty) {
            return Err(BadTemplate::Empty);
        }
        if argv.iter().any(|argument| argument.contains('\0')) {
            return Err(BadTemplate::Nul);
        }
        for argument in &argv[1..] {
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

    /// Returns the program.
    pub(crate) fn program(&self) -> &str {
        &self.0[0]
    }

    /// Returns the arguments with their placeholders filled in. A value cannot become an option:
    /// a sender never begins with a dash, and a user that does is refused where `%T` begins an
    /// argument.
    pub(super) fn arguments(&self, sender: &str, user: &str) -> Vec<String> {
        self.0[1..]
            .iter()
            .map(|argument| fill(argument, sender, user))
            .collect()
    }

    /// Returns true if the command line contains `%F`.
    pub(super) fn asks_for_sender(&self) -> bool {
        self.0.iter().any(|argument| argument.contains("%F"))
    }
}

fn fill(argument: &str, sender: &str, user: &str) -> String {
    let mut filled = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some((text, behind)) = rest.split_once('%') {
        filled.push_str(text);
        let mut chars = behind.chars();
        let value = match chars.next() {
            Some('F') => sender,
            Some('T') => user,
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
        Template::new(argv.iter().map(|&argument| argument.to_owned()).collect())
    }

    #[test]
    fn placeholders_are_filled_in_once() {
        let argv = ["x", "-f", "%F", "a%%b", "%T%F", "%%F"];
        let filled = template(&argv)
            .expect("the template is valid")
            .arguments("%T@x", "joe");
        assert_eq!(filled, ["-f", "%T@x", "a%b", "joe%T@x", "%F"]);
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
        assert_eq!(template(&[]), Err(BadTemplate::Empty));
        assert_eq!(template(&["a\0b"]), Err(BadTemplate::Nul));
    }
}
