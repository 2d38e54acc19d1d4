//! A program's command line with placeholders.
//! Runs nothing.

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

    /// The program as it is written.
    pub fn program(&self) -> &str {
        &self.0[0]
    }

    /// The arguments with their placeholders filled in. A value never becomes an option: one that
    /// begins with a dash can stand behind other text only.
    pub(super) fn arguments(&self, sender: &str, user: &str) -> Vec<String> {
        self.0[1..]
            .iter()
            .map(|argument| fill(argument, sender, user))
            .collect()
    }

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
            .expect("it is valid")
            .arguments("%T@x", "joe");
        assert_eq!(filled, ["-f", "%T@x", "a%b", "joe%T@x", "%F"]);
    }

    #[test]
    fn other_placeholders_are_refused() {
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
