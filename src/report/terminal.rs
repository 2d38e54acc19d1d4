//! A progress bar an account, and lines above it: the only door to indicatif.
//! Does not know when a bar is wanted.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use rustix::termios::{Winsize, tcgetwinsize};

use super::{Event, Plain, Reporter};

/// How often bars are drawn at most, a second.
const FRAMES: u8 = 10;
/// How often a bar is drawn at least: its rate falls while nothing comes.
const TICK: Duration = Duration::from_millis(500);
/// How many characters of an account's name stand before its bar.
const NAME: usize = 24;
/// How many columns are left for the `^C` that the terminal echoes behind the bars: on a line of
/// its own it would part the bars from the cursor.
const ECHO: u16 = 3;
/// With the sizes that the server said, octets fill the bar, and else messages.
const BY_OCTETS: &str =
    "{prefix} {wide_bar} {msg}  {decimal_bytes}  {decimal_bytes_per_sec}  eta {eta}";
const BY_MESSAGES: &str = "{prefix} {wide_bar} {msg}  eta {eta}";

/// Shows a bar for every account that fetches, and everything else as [`Plain`] does.
#[derive(Debug)]
pub(crate) struct Terminal {
    plain: Plain,
    screen: MultiProgress,
    rows: Mutex<HashMap<String, AccountBar>>,
}

/// How far an account is.
#[derive(Debug)]
struct AccountBar {
    bar: ProgressBar,
    counts_octets: bool,
    retrieved: usize,
    messages: usize,
}

impl Terminal {
    /// Bars on standard error, below the lines of `plain`.
    pub(crate) fn new(plain: Plain) -> Self {
        let screen = Box::new(Screen::default());
        let target = ProgressDrawTarget::term_like_with_hz(screen, FRAMES);
        Self {
            plain,
            screen: MultiProgress::with_draw_target(target),
            rows: Mutex::default(),
        }
    }

    fn begin(&self, account: &str, messages: usize, octets: Option<u64>) {
        // A run may hold several sessions.
        self.end(account);
        if messages == 0 {
            return;
        }
        let (length, template) = match octets {
            Some(octets) => (octets, BY_OCTETS),
            None => (messages as u64, BY_MESSAGES),
        };
        let style = ProgressStyle::with_template(template).expect("the templates are right");
        let bar = self.screen.add(
            ProgressBar::new(length)
                .with_style(style)
                .with_prefix(cut(account)),
        );
        let row = AccountBar {
            bar,
            counts_octets: octets.is_some(),
            retrieved: 0,
            messages,
        };
        row.show_count();
        row.bar.enable_steady_tick(TICK);
        self.rows().insert(account.to_owned(), row);
    }

    fn end(&self, account: &str) {
        if let Some(row) = self.rows().remove(account) {
            row.bar.finish_and_clear();
            self.screen.remove(&row.bar);
        }
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<String, AccountBar>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccountBar {
    fn receive(&self, octets: u64) {
        if self.counts_octets {
            self.bar.inc(octets);
        }
    }

    fn retrieve(&mut self) {
        self.retrieved += 1;
        if !self.counts_octets {
            self.bar.inc(1);
        }
        self.show_count();
    }

    fn show_count(&self) {
        let Self {
            retrieved,
            messages,
            ..
        } = self;
        self.bar.set_message(format!("{retrieved}/{messages}"));
    }
}

impl Reporter for Terminal {
    fn report(&self, account: &str, event: Event<'_>) {
        match event {
            Event::FetchStarted { messages, octets } => self.begin(account, messages, octets),
            Event::Received(octets) => {
                if let Some(row) = self.rows().get(account) {
                    row.receive(octets);
                }
            }
            Event::Retrieved => {
                if let Some(row) = self.rows().get_mut(account) {
                    row.retrieve();
                }
            }
            Event::Finished(_) => self.end(account),
            _ => {}
        }
        // A line goes above the bars and does not tear them.
        if let Some(line) = self.plain.line(account, event) {
            self.screen.suspend(|| line.print());
        }
    }
}

fn cut(name: &str) -> String {
    if name.chars().count() <= NAME {
        return name.to_owned();
    }
    let begin: String = name.chars().take(NAME - 1).collect();
    format!("{begin}…")
}

/// Standard error, whatever it is. Drawing never fails: indicatif panics where a terminal that
/// has gone away refuses what is written.
#[derive(Debug, Default)]
struct Screen {
    /// What is drawn with the next flush, in one write.
    pending: Mutex<String>,
}

impl Screen {
    fn draw(&self, text: &str) -> io::Result<()> {
        self.pending().push_str(text);
        Ok(())
    }

    /// Moves the cursor by `n` in the direction that ANSI calls by this letter.
    fn go(&self, n: usize, direction: char) -> io::Result<()> {
        match n {
            0 => Ok(()),
            n => self.draw(&format!("\x1b[{n}{direction}")),
        }
    }

    fn pending(&self) -> MutexGuard<'_, String> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        size().map_or(80, |size| size.ws_col.saturating_sub(ECHO).max(1))
    }

    fn height(&self) -> u16 {
        size().map_or(24, |size| size.ws_row)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.go(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.go(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.go(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.go(n, 'D')
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.draw(line)?;
        self.draw("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.pending());
        // See above.
        let _ = io::stderr().write_all(drawn.as_bytes());
        Ok(())
    }
}

/// The size of the terminal, if there is one and it knows.
fn size() -> Option<Winsize> {
    tcgetwinsize(io::stderr())
        .ok()
        .filter(|size| size.ws_col > 0 && size.ws_row > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_leaves_room_for_the_bar() {
        for (name, shown) in [
            ("work", "work"),
            ("24-characters-of-a-name-", "24-characters-of-a-name-"),
            (
                "me@example.com@pop.example.com:995",
                "me@example.com@pop.exam…",
            ),
        ] {
            assert_eq!(cut(name), shown);
        }
    }

    #[test]
    fn the_templates_are_right() {
        for template in [BY_OCTETS, BY_MESSAGES] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
