//! A progress bar for each account, with lines above the bars.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use rustix::termios::{Winsize, tcgetwinsize};

use super::{Event, Plain, Reporter};

/// The most times a second that bars are drawn.
const FRAMES_PER_SECOND: u8 = 10;
/// The longest time between two drawings: the shown rate must fall while nothing arrives.
const LONGEST_FRAME: Duration = Duration::from_millis(500);
/// The most characters of an account's name that stand before its bar.
const NAME_LENGTH: usize = 24;
/// The columns left free for the `^C` that the terminal echoes after the bars. If it wrapped onto the
/// next line the cursor would no longer be where indicatif expects it.
const ECHO_WIDTH: u16 = 3;
/// Octets fill the bar if the server has sent the sizes of the messages, and else their number does.
const BY_OCTETS: &str =
    "{prefix} {wide_bar} {msg}  {decimal_bytes}  {decimal_bytes_per_sec}  eta {eta}";
const BY_MESSAGES: &str = "{prefix} {wide_bar} {msg}  eta {eta}";

/// Shows a bar for every account that fetches, and all other events as [`Plain`] does.
#[derive(Debug)]
pub(crate) struct Terminal {
    plain: Plain,
    screen: MultiProgress,
    bars: Mutex<HashMap<String, AccountBar>>,
}

/// The progress of an account.
#[derive(Debug)]
struct AccountBar {
    progress: ProgressBar,
    counts_octets: bool,
    retrieved: usize,
    messages: usize,
}

impl Terminal {
    /// Draws bars on standard error, below the lines of `plain`.
    pub(crate) fn new(plain: Plain) -> Self {
        let screen = Box::new(Screen::default());
        let target = ProgressDrawTarget::term_like_with_hz(screen, FRAMES_PER_SECOND);
        Self {
            plain,
            screen: MultiProgress::with_draw_target(target),
            bars: Mutex::default(),
        }
    }

    fn begin(&self, account: &str, messages: usize, octets: Option<u64>) {
        // A run may hold several sessions, each of which begins anew.
        self.end(account);
        if messages == 0 {
            return;
        }
        let (length, template) = match octets {
            Some(octets) => (octets, BY_OCTETS),
            None => (messages as u64, BY_MESSAGES),
        };
        let style = ProgressStyle::with_template(template)
            .expect("both templates are valid, as a test checks");
        let progress = self.screen.add(
            ProgressBar::new(length)
                .with_style(style)
                .with_prefix(shorten(account)),
        );
        let bar = AccountBar {
            progress,
            counts_octets: octets.is_some(),
            retrieved: 0,
            messages,
        };
        bar.show_count();
        bar.progress.enable_steady_tick(LONGEST_FRAME);
        self.bars().insert(account.to_owned(), bar);
    }

    fn end(&self, account: &str) {
        if let Some(bar) = self.bars().remove(account) {
            bar.progress.finish_and_clear();
            self.screen.remove(&bar.progress);
        }
    }

    fn bars(&self) -> MutexGuard<'_, HashMap<String, AccountBar>> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccountBar {
    fn receive(&self, octets: u64) {
        if self.counts_octets {
            self.progress.inc(octets);
        }
    }

    fn retrieve(&mut self) {
        self.retrieved += 1;
        if !self.counts_octets {
            self.progress.inc(1);
        }
        self.show_count();
    }

    fn show_count(&self) {
        let Self {
            retrieved,
            messages,
            ..
        } = self;
        self.progress.set_message(format!("{retrieved}/{messages}"));
    }
}

impl Reporter for Terminal {
    fn report(&self, account: &str, event: Event<'_>) {
        match event {
            Event::FetchStarted { messages, octets } => self.begin(account, messages, octets),
            Event::Received(octets) => {
                if let Some(bar) = self.bars().get(account) {
                    bar.receive(octets);
                }
            }
            Event::Retrieved => {
                if let Some(bar) = self.bars().get_mut(account) {
                    bar.retrieve();
                }
            }
            Event::Finished(_) => self.end(account),
            _ => {}
        }
        // The bars are taken away while the line is printed, so that it does not tear them.
        if let Some(line) = self.plain.line(account, event) {
            self.screen.suspend(|| line.print());
        }
    }
}

fn shorten(name: &str) -> String {
    if name.chars().count() <= NAME_LENGTH {
        return name.to_owned();
    }
    let begin: String = name.chars().take(NAME_LENGTH - 1).collect();
    format!("{begin}…")
}

/// Standard error as indicatif draws on it. Drawing never fails: indicatif would panic if a terminal
/// that has gone away refused a write.
#[derive(Debug, Default)]
struct Screen {
    /// The text that the next flush draws in one write.
    pending: Mutex<String>,
}

impl Screen {
    fn draw(&self, text: &str) -> io::Result<()> {
        self.pending().push_str(text);
        Ok(())
    }

    /// Moves the cursor by `n` in the direction that this letter stands for in ANSI escapes.
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
        size().map_or(80, |size| size.ws_col.saturating_sub(ECHO_WIDTH).max(1))
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
        // The terminal may have gone away, which must not end a run.
        let _ = io::stderr().write_all(drawn.as_bytes());
        Ok(())
    }
}

/// Returns the size of the terminal, if it reports one.
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
            assert_eq!(shorten(name), shown);
        }
    }

    #[test]
    fn both_templates_are_valid() {
        for template in [BY_OCTETS, BY_MESSAGES] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
