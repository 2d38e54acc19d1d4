//! The words of a fetchmailrc. Comments, blanks and the marks `:;,` separate them.

/// A word of the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Word {
    pub(super) text: String,
    /// The number of its line.
    pub(super) line: usize,
    /// True if it stands in quotes, so that it is no keyword.
    pub(super) is_quoted: bool,
}

/// Splits the text into words. Comments end with the line.
///
/// # Errors
/// A string does not end.
pub(super) fn read_words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut line = 1;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => line += 1,
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            c if c.is_whitespace() || ":;,".contains(c) => {}
            '"' | '\'' => {
                let begin = line;
                let mut string = String::new();
                loop {
                    match chars.next() {
                        None => return Err(format!("line {begin}: a string does not end")),
                        Some(end) if end == c => break,
                        Some('\\') => escaped(&mut chars, &mut string, &mut line),
                        Some(other) => {
                            line += usize::from(other == '\n');
                            string.push(other);
                        }
                    }
                }
                words.push(Word {
                    text: string,
                    line: begin,
                    is_quoted: true,
                });
            }
            c => {
                let mut bare = String::from(c);
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !",;:\"'#".contains(*c))
                {
                    bare.push(c);
                }
                // A colon may be a part of a word: of an address, or of a path.
                while chars.peek() == Some(&':') {
                    let mut ahead = chars.clone();
                    ahead.next();
                    if ahead.peek().is_none_or(|c| c.is_whitespace()) {
                        break;
                    }
                    bare.push(':');
                    chars.next();
                    while let Some(c) =
                        chars.next_if(|c| !c.is_whitespace() && !",;:\"'#".contains(*c))
                    {
                        bare.push(c);
                    }
                }
                words.push(Word {
                    text: bare,
                    line,
                    is_quoted: false,
                });
            }
        }
    }
    Ok(words)
}

/// Reads what follows a backslash in a string.
fn escaped(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    string: &mut String,
    line: &mut usize,
) {
    let Some(c) = chars.next() else { return };
    let mut number = |first: Option<char>, radix: u32, most: usize| {
        let mut digits: String = first.into_iter().collect();
        while digits.len() < most
            && let Some(digit) = chars.next_if(|c| c.is_digit(radix))
        {
            digits.push(digit);
        }
        let code = u32::from_str_radix(&digits, radix).ok();
        code.and_then(char::from_u32)
    };
    match c {
        'n' => string.push('\n'),
        't' => string.push('\t'),
        'r' => string.push('\r'),
        'b' => string.push('\u{8}'),
        '\n' => *line += 1,
        'x' => string.extend(number(None, 16, 2)),
        '0' => string.extend(number(None, 8, 3)),
        digit @ '1'..='9' => string.extend(number(Some(digit), 10, 3)),
        other => string.push(other),
    }
}
