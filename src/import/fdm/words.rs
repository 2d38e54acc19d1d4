//! The words of a fdm.conf: keywords, strings with macros in them, commands in `$(...)`, and marks.

/// A word with the number of its line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct FdmWord {
    pub(super) kind: FdmWordKind,
    pub(super) line: usize,
}

/// The kinds of words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum FdmWordKind {
    /// A keyword or a number.
    Plain(String),
    /// A string.
    Text(Vec<FdmPart>),
    /// A macro outside of a string, with its `$` or `%`.
    Macro(String),
    /// The output of a command.
    Command(Vec<FdmPart>),
    /// A brace, `=` and the like.
    Mark(char),
}

/// A part of a string.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum FdmPart {
    Literal(String),
    /// A macro, with its `$` or `%`.
    Macro(String),
}

/// Splits the text into words.
///
/// # Errors
/// A string or a command does not end, or a character has no meaning.
pub(super) fn read_words(text: &str) -> Result<Vec<FdmWord>, String> {
    let mut reader = FdmText {
        chars: text.chars().peekable(),
        line: 1,
    };
    let mut words = Vec::new();
    while let Some(c) = reader.next() {
        let line = reader.line;
        let kind = match c {
            '\n' | ' ' | '\t' | '\r' => continue,
            '#' => {
                while reader.chars.next_if(|c| *c != '\n').is_some() {}
                continue;
            }
            '\'' | '"' => FdmWordKind::Text(reader.string(c)?),
            '$' | '%' if reader.chars.next_if_eq(&'(').is_some() => {
                FdmWordKind::Command(reader.command()?)
            }
            '$' | '%' => FdmWordKind::Macro(reader.macro_name(c)?),
            '=' | '!' => {
                // `==` and `!=` stand only in conditions, which are not translated.
                let _ = reader.chars.next_if_eq(&'=').is_some();
                FdmWordKind::Mark(c)
            }
            '~' | '+' | '(' | ')' | ',' | '<' | '>' | '{' | '}' | '*' => FdmWordKind::Mark(c),
            c if is_in_word(c) => FdmWordKind::Plain(reader.plain(c)),
            c => return Err(format!("line {line}: {c:?} has no meaning here")),
        };
        words.push(FdmWord { kind, line });
    }
    Ok(words)
}

fn is_in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

struct FdmText<'t> {
    chars: std::iter::Peekable<std::str::Chars<'t>>,
    line: usize,
}

impl FdmText<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn plain(&mut self, first: char) -> String {
        let mut word = String::from(first);
        while let Some(c) = self.chars.next_if(|c| is_in_word(*c)) {
            word.push(c);
        }
        word
    }

    /// Reads the name of a macro, which may stand in braces.
    fn macro_name(&mut self, kind: char) -> Result<String, String> {
        let is_braced = self.chars.next_if_eq(&'{').is_some();
        let name = self.plain(kind);
        if name.len() == 1 || (is_braced && self.chars.next_if_eq(&'}').is_none()) {
            return Err(format!("line {}: a macro has no valid name", self.line));
        }
        Ok(name)
    }

    /// Reads a string. Only `"` allows escapes and macros.
    fn string(&mut self, quote: char) -> Result<Vec<FdmPart>, String> {
        let begin = self.line;
        let mut parts = Vec::new();
        let mut literal = String::new();
        loop {
            let c = self
                .next()
                .ok_or_else(|| format!("line {begin}: a string does not end"))?;
            match c {
                c if c == quote => break,
                '\\' if quote == '"' => literal.extend(self.next().map(|c| match c {
                    'r' => '\r',
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                })),
                '$' | '%' if quote == '"' && self.chars.peek() == Some(&'{') => {
                    parts.push(FdmPart::Literal(std::mem::take(&mut literal)));
                    parts.push(FdmPart::Macro(self.macro_name(c)?));
                }
                c => literal.push(c),
            }
        }
        parts.push(FdmPart::Literal(literal));
        Ok(parts)
    }

    /// Reads a command up to its closing parenthesis.
    fn command(&mut self) -> Result<Vec<FdmPart>, String> {
        let begin = self.line;
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut depth = 0;
        loop {
            let c = self
                .next()
                .ok_or_else(|| format!("line {begin}: a command does not end"))?;
            match c {
                ')' if depth == 0 => break,
                '(' => depth += 1,
                ')' => depth -= 1,
                '"' | '\'' => {
                    literal.push(c);
                    parts.push(FdmPart::Literal(std::mem::take(&mut literal)));
                    parts.extend(self.string(c)?);
                }
                _ => {}
            }
            literal.push(c);
        }
        parts.push(FdmPart::Literal(literal));
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<FdmWordKind> {
        let words = read_words(text).expect("the text has words");
        words.into_iter().map(|word| word.kind).collect()
    }

    fn literal(text: &str) -> FdmPart {
        FdmPart::Literal(text.to_owned())
    }

    #[test]
    fn only_double_quotes_expand_macros() {
        let expected = [
            FdmWordKind::Text(vec![
                literal("a"),
                FdmPart::Macro("$b".into()),
                literal("\tc"),
            ]),
            FdmWordKind::Text(vec![literal("a${b}\\t")]),
        ];
        assert_eq!(kinds(r#""a${b}\tc" 'a${b}\t'"#), expected);
    }

    #[test]
    fn a_command_has_parentheses_and_strings() {
        let expected = [FdmWordKind::Command(vec![
            literal("f (x) \""),
            literal(")"),
            literal("\""),
        ])];
        assert_eq!(kinds(r#"$(f (x) ")")"#), expected);
    }

    #[test]
    fn a_comment_ends_with_the_line() {
        let words = read_words("set # x\n%n = 1").expect("the text has words");
        let lines: Vec<_> = words.iter().map(|word| word.line).collect();
        assert_eq!(lines, [1, 2, 2, 2]);
        assert_eq!(words[1].kind, FdmWordKind::Macro("%n".into()));
    }

    #[test]
    fn a_mistake_names_its_line() {
        for (text, error) in [
            ("\n\"x", "line 2: a string does not end"),
            ("$(x", "line 1: a command does not end"),
            ("$ x", "line 1: a macro has no valid name"),
            ("a\n?", "line 2: '?' has no meaning here"),
        ] {
            assert_eq!(read_words(text).expect_err(text), error);
        }
    }
}
