//! A string of a fdm.conf, which may contain the output of commands.

use std::fmt;

/// A string.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct FdmValue(Vec<FdmPiece>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum FdmPiece {
    Text(String),
    /// The output of a shell command.
    Output(String),
}

impl FdmValue {
    pub(super) fn of_text(text: String) -> Self {
        Self(vec![FdmPiece::Text(text)])
    }

    /// Returns the output of a command as a value.
    pub(super) fn of_command(command: &Self) -> Self {
        Self(vec![FdmPiece::Output(command.to_string())])
    }

    pub(super) fn append(&mut self, other: Self) {
        for piece in other.0 {
            match (self.0.last_mut(), piece) {
                (Some(FdmPiece::Text(text)), FdmPiece::Text(more)) => text.push_str(&more),
                (_, piece) => self.0.push(piece),
            }
        }
    }

    /// Returns the number of octets.
    pub(super) fn len(&self) -> usize {
        let pieces = self.0.iter();
        pieces
            .map(|(FdmPiece::Text(text) | FdmPiece::Output(text))| text.len())
            .sum()
    }

    /// Returns the text, unless a command prints a part of it.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.0[..] {
            [] => Some(""),
            [FdmPiece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns a shell command that prints the value.
    pub(super) fn printed(&self) -> String {
        if let [FdmPiece::Output(command)] = &self.0[..] {
            return command.clone();
        }
        let pieces = self.0.iter().map(|piece| match piece {
            FdmPiece::Text(text) => format!("'{}'", text.replace('\'', "'\\''")),
            FdmPiece::Output(command) => format!("\"$({command})\""),
        });
        format!("printf %s {}", pieces.collect::<String>())
    }
}

/// Shows the text, and commands as the file spells them.
impl fmt::Display for FdmValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            FdmPiece::Text(text) => f.write_str(text),
            FdmPiece::Output(command) => write!(f, "$({command})"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_prints_what_is_no_text() {
        let command = FdmValue::of_command(&FdmValue::of_text("pass show x".into()));
        assert_eq!((command.text(), &*command.printed()), (None, "pass show x"));
        let mut mixed = FdmValue::of_text("it's ".into());
        mixed.append(command);
        assert_eq!(mixed.printed(), "printf %s 'it'\\''s '\"$(pass show x)\"");
        let mut text = FdmValue::of_text("a".into());
        text.append(FdmValue::of_text("b".into()));
        assert_eq!(text.text(), Some("ab"));
    }
}
