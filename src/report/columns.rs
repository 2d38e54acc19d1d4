//! Columns of text for a terminal or a file. The only module that uses unicode-width.

use std::io::{self, IsTerminal};

use rustix::termios::tcgetwinsize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The size of the terminal that standard output is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TerminalSize {
    /// The columns of a row.
    pub(crate) columns: usize,
    /// The rows.
    pub(crate) rows: usize,
}

impl TerminalSize {
    /// Returns the size of the terminal; `None` if standard output is not a terminal, or has no size.
    pub(crate) fn now() -> Option<Self> {
        let out = io::stdout();
        if !out.is_terminal() {
            return None;
        }
        let size = tcgetwinsize(&out).ok()?;
        let (columns, rows) = (usize::from(size.ws_col), usize::from(size.ws_row));
        (columns > 0 && rows > 0).then_some(Self { columns, rows })
    }
}

/// Returns the columns of the terminal; `None` if standard output is not a terminal.
pub(crate) fn terminal_width() -> Option<usize> {
    TerminalSize::now().map(|size| size.columns)
}

/// Returns the columns that a text fills.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Returns a text that fills exactly this many columns: cut, with `…` at its end, or filled with blanks.
pub(crate) fn filled(text: &str, columns: usize) -> String {
    let mut text = cut(text, columns);
    let missing = columns.saturating_sub(text.width());
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// Returns a text that fills at most this many columns: if it is cut it ends with `…`.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut left = columns.saturating_sub(1);
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        short.push(c);
    }
    if columns > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_count_twice() {
        for (text, columns, shown) in [
            ("abc", 5, "abc  "),
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日… "),
            ("abc", 0, ""),
            ("", 2, "  "),
        ] {
            assert_eq!(filled(text, columns), shown, "{text} in {columns}");
        }
    }
}
