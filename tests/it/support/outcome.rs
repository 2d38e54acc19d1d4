//! The output and exit status of a program, and the claims that a test makes about them.
//! A claim that fails shows everything that the program printed.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

/// The outcome of a run. Claims return `self`, so that they can be chained.
pub(crate) struct RunOutcome {
    pub(crate) program: String,
    pub(crate) status: ExitStatus,
    pub(crate) stderr: Vec<u8>,
    pub(crate) stdout: Vec<u8>,
}

impl RunOutcome {
    #[track_caller]
    pub(crate) fn succeeds(&self) -> &Self {
        self.claim(self.status.success(), "should have succeeded")
    }

    #[track_caller]
    pub(crate) fn fails_with(&self, code: i32) -> &Self {
        let is_right = self.status.code() == Some(code);
        self.claim(is_right, format_args!("should have ended with {code}"))
    }

    #[track_caller]
    pub(crate) fn is_killed_by(&self, signal: Signal) -> &Self {
        let is_right = self.status.signal() == Some(signal.as_raw());
        self.claim(is_right, format_args!("should have died of {signal:?}"))
    }

    /// Claims that all that was printed is that the one account works again after a reported failure.
    #[track_caller]
    pub(crate) fn only_works_again(&self) -> &Self {
        let is_right = self.stdout.is_empty()
            && self.stderr.ends_with(b": works again\n")
            && self.stderr.iter().filter(|octet| **octet == b'\n').count() == 1;
        self.claim(is_right, "should have said only that it works again")
    }

    /// Claims that nothing was printed at all.
    #[track_caller]
    pub(crate) fn is_silent(&self) -> &Self {
        let is_right = self.stdout.is_empty() && self.stderr.is_empty();
        self.claim(is_right, "should have been silent")
    }

    #[track_caller]
    pub(crate) fn stdout_is(&self, text: impl AsRef<[u8]>) -> &Self {
        let text = text.as_ref();
        let shown = String::from_utf8_lossy(text);
        self.claim(
            self.stdout == text,
            format_args!("should have printed {shown:?}"),
        )
    }

    #[track_caller]
    pub(crate) fn stderr_is(&self, text: &str) -> &Self {
        let is_right = self.stderr == text.as_bytes();
        self.claim(is_right, format_args!("should have complained {text:?}"))
    }

    #[track_caller]
    pub(crate) fn stdout_has(&self, part: &str) -> &Self {
        let is_right = self.stdout_text().contains(part);
        self.claim(is_right, format_args!("should have printed {part:?}"))
    }

    #[track_caller]
    pub(crate) fn stderr_has(&self, part: &str) -> &Self {
        let is_right = self.stderr_text().contains(part);
        self.claim(
            is_right,
            format_args!("should have said {part:?} on stderr"),
        )
    }

    /// Claims that `part` (a secret, a control character) appears in neither output.
    #[track_caller]
    pub(crate) fn never_says(&self, part: &str) -> &Self {
        let is_right = !self.stdout_text().contains(part) && !self.stderr_text().contains(part);
        self.claim(is_right, format_args!("should never have said {part:?}"))
    }

    /// Claims that standard error holds exactly `count` lines: an error is one line.
    #[track_caller]
    pub(crate) fn complains_in_lines(&self, count: usize) -> &Self {
        let is_right = self.stderr_text().lines().count() == count;
        self.claim(
            is_right,
            format_args!("should have said {count} lines on stderr"),
        )
    }

    /// Reads standard output as JSON, one object a line.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| serde_json::from_str(line);
        match self.stdout_text().lines().map(parse).collect() {
            Ok(objects) => objects,
            Err(e) => panic!("standard output should be JSON lines: {e}\n{self}"),
        }
    }

    /// Reads standard output as events, and removes the time of each.
    #[track_caller]
    pub(crate) fn json_events(&self) -> Vec<serde_json::Value> {
        let mut events = self.json_lines();
        for event in &mut events {
            let time = event.as_object_mut().and_then(|event| event.remove("time"));
            let is_time =
                time.is_some_and(|time| time.as_str().is_some_and(|time| time.ends_with('Z')));
            assert!(is_time, "every event should have its time\n{self}");
        }
        events
    }

    pub(crate) fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    #[track_caller]
    fn claim(&self, is_right: bool, claim: impl fmt::Display) -> &Self {
        assert!(is_right, "it {claim}\n{self}");
        self
    }
}

impl fmt::Display for RunOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--- {}: {}", self.program, self.status)?;
        writeln!(f, "--- stdout\n{}", self.stdout_text())?;
        write!(f, "--- stderr\n{}", self.stderr_text())
    }
}
