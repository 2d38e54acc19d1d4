//! Rows at the bottom of a terminal that are drawn again and again. Drawing never fails: the terminal may
//! have gone away, which must not end a run.

use std::io::{self, Write};

use rustix::termios::tcgetwinsize;

/// The size of a terminal in characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ScreenSize {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// The rows that stand on the screen. The cursor is at the beginning of the first one.
///
/// A terminal that becomes narrower may wrap the rows, and tmux does so before it reports its size. Because the
/// cursor stays at the beginning of the first row, everything from there on can be erased without knowing how
/// many rows there are now.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    rows: Vec<String>,
    /// The size of the screen when they were drawn.
    size: Option<ScreenSize>,
}

impl Drawing {
    /// Draws rows in the place of those that are there.
    pub(super) fn replace_by(&mut self, rows: Vec<String>, size: ScreenSize) {
        if self.rows == rows && (rows.is_empty() || self.size == Some(size)) {
            return;
        }
        put(&(self.erasure().to_owned() + &drawn(&rows)));
        self.rows = rows;
        self.size = Some(size);
    }

    /// Erases the rows.
    pub(super) fn erase(&mut self) {
        put(self.erasure());
        self.rows.clear();
    }

    fn erasure(&self) -> &'static str {
        match self.rows.is_empty() {
            true => "",
            false => ERASURE,
        }
    }
}

/// Erases everything from the cursor's row on. The first cell is erased by itself: tmux moves to its history
/// what is erased from the first cell of its screen on.
const ERASURE: &str = "\r\x1b[K\x1b[C\x1b[J\r";

/// Returns the text that draws rows and moves the cursor back to their beginning. Meanwhile the terminal does
/// not wrap what is too long for it.
fn drawn(rows: &[String]) -> String {
    let up = match rows.len() {
        0 => return String::new(),
        1 => String::new(),
        count => format!("\x1b[{}A", count - 1),
    };
    format!("\x1b[?7l{}\x1b[?7h\r{up}", rows.join("\r\n"))
}

/// Returns the size of the terminal.
pub(super) fn size() -> ScreenSize {
    let size = tcgetwinsize(io::stderr()).ok();
    let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    ScreenSize {
        columns: size.map_or(80, |size| size.ws_col.into()),
        rows: size.map_or(24, |size| size.ws_row.into()),
    }
}

fn put(text: &str) {
    if !text.is_empty() {
        // The terminal may have gone away.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_returns_to_the_first_row() {
        for (rows, text) in [
            (&[][..], ""),
            (&["a"], "\x1b[?7la\x1b[?7h\r"),
            (&["a", "b", "c"], "\x1b[?7la\r\nb\r\nc\x1b[?7h\r\x1b[2A"),
        ] {
            let rows: Vec<_> = rows.iter().map(|row| (*row).to_owned()).collect();
            assert_eq!(drawn(&rows), text);
        }
    }
}
