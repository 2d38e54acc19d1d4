//! Standard output for text that may be long: on a terminal, what does not fit on it goes to a pager.

use std::io::{self, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::{env, mem};

use crate::os::child;
use crate::os::lent_terminal::LentTerminal;
use crate::report::columns::{TerminalSize, width};
use crate::text::OneLine;

/// Standard output, or a pager. Dropping it shows the rest, and waits until the user has closed the pager.
pub(super) struct LongOutput(OutputForm);

enum OutputForm {
    /// Everything is written at once.
    Direct,
    /// Text is kept until it is clear if it fits on the terminal.
    Undecided(KeptText),
    /// The rest goes to the pager.
    Paged(Pager),
}

/// Text that has fitted on the terminal so far.
struct KeptText {
    octets: Vec<u8>,
    /// The command that shows longer text.
    pager: String,
    /// The rows that are left.
    rows: usize,
    /// The columns of a row.
    columns: usize,
    /// The columns that the last line has taken so far.
    used: usize,
}

/// A running pager.
struct Pager {
    child: Child,
    /// Taken when the text ends.
    stdin: Option<ChildStdin>,
    _lent: LentTerminal,
}

impl LongOutput {
    /// Finds out if standard output is a terminal, and if there is a pager.
    pub(super) fn new() -> Self {
        let output = match (TerminalSize::now(), pager()) {
            (Some(size), Some(pager)) => OutputForm::Undecided(KeptText {
                octets: Vec::new(),
                pager,
                // The prompt of the shell needs a row.
                rows: size.rows.saturating_sub(1),
                columns: size.columns,
                used: 0,
            }),
            _ => OutputForm::Direct,
        };
        Self(output)
    }

    /// Writes a line. A reader who closed standard output, or the pager, has seen enough.
    pub(super) fn line(&mut self, line: &str) {
        let _ = writeln!(self, "{}", OneLine(line));
    }
}

impl Write for LongOutput {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            OutputForm::Direct => return io::stdout().write(octets),
            OutputForm::Paged(Pager { stdin, .. }) => {
                let stdin = stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
                return stdin.write(octets);
            }
            OutputForm::Undecided(kept) => {
                kept.octets.extend_from_slice(octets);
                if kept.has_room_for(octets) {
                    return Ok(octets.len());
                }
            }
        }
        self.decide()?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            OutputForm::Direct => io::stdout().flush(),
            OutputForm::Paged(Pager { stdin, .. }) => stdin.as_mut().map_or(Ok(()), Write::flush),
            OutputForm::Undecided(_) => Ok(()),
        }
    }
}

impl LongOutput {
    /// Starts the pager with what was kept. If that is impossible, everything is written at once.
    fn decide(&mut self) -> io::Result<()> {
        let OutputForm::Undecided(kept) = mem::replace(&mut self.0, OutputForm::Direct) else {
            return Ok(());
        };
        if let Ok(pager) = Pager::start(&kept.pager) {
            self.0 = OutputForm::Paged(pager);
        }
        self.write_all(&kept.octets)
    }
}

impl Drop for LongOutput {
    fn drop(&mut self) {
        match &mut self.0 {
            OutputForm::Direct => {}
            // A reader who closed standard output has seen enough.
            OutputForm::Undecided(kept) => {
                let _ = io::stdout().write_all(&kept.octets);
            }
            OutputForm::Paged(pager) => {
                drop(pager.stdin.take());
                // The user ends it; how it ends says nothing about the text.
                let _ = pager.child.wait();
            }
        }
    }
}

impl KeptText {
    /// Returns true if the text with these further octets fits. A long line takes several rows.
    fn has_room_for(&mut self, octets: &[u8]) -> bool {
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            self.used += width(String::from_utf8_lossy(line).trim_end_matches('\n'));
            if !line.ends_with(b"\n") {
                continue;
            }
            let taken = 1 + self.used.saturating_sub(1) / self.columns;
            self.used = 0;
            match self.rows.checked_sub(taken) {
                Some(left) => self.rows = left,
                None => return false,
            }
        }
        true
    }
}

impl Pager {
    fn start(line: &str) -> io::Result<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
        let mut command = match line.chars().all(is_plain) {
            // Without a shell, a pager that is not installed is an error that can be seen here.
            true => child::command(line, [""; 0], &[]),
            false => child::command("sh", ["-c", line], &[]),
        };
        for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
            if env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let lent = LentTerminal::lend();
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        Ok(Self {
            stdin: child.stdin.take(),
            child,
            _lent: lent,
        })
    }
}

/// Returns the command of the user's pager, as git finds it: `cat` and an empty variable mean none.
fn pager() -> Option<String> {
    let pager = env::var("PAGER").unwrap_or_else(|_| "less".to_owned());
    let pager = pager.trim();
    (!pager.is_empty() && pager != "cat").then(|| pager.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_if_its_rows_do() {
        for (text, fits) in [
            ("a\nb\nc\n", true),
            ("a\nb\nc\nd\n", false),
            ("abcd\nb\nc\n", true),
            ("abcde\nb\nc\n", false),
            ("abcdefgh\nb\n", true),
            ("\u{65e5}\u{672c}\nb\nc\n", true),
            ("\u{65e5}\u{672c}\u{8a9e}\nb\nc\n", false),
            ("a\nb\nc\nd", true),
            ("", true),
        ] {
            let mut kept = KeptText {
                octets: Vec::new(),
                pager: String::new(),
                rows: 3,
                columns: 4,
                used: 0,
            };
            let mut pieces = text.as_bytes().chunks(3);
            assert_eq!(pieces.all(|it| kept.has_room_for(it)), fits, "{text:?}");
        }
    }
}
