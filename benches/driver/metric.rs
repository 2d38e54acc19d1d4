//! Runs one command and measures its time, and if asked its flushes or its memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The quantity that is measured in addition to the time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Metric {
    /// The number of flushes. Each is delayed by 5 ms.
    Flushes,
    /// The peak of the resident set in kB.
    Memory,
    /// The number of round trips to a distant server, which the delayed line counts.
    RoundTrips,
    /// Nothing else than the time.
    Time,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) seconds: f64,
    pub(crate) count: Option<u64>,
}

/// Measures the time of a function in this process.
pub(crate) fn time(work: impl FnOnce()) -> Sample {
    let begun = Instant::now();
    work();
    Sample {
        seconds: begun.elapsed().as_secs_f64(),
        count: None,
    }
}

impl Metric {
    /// Returns the command line before that of the client. It leaves its log in `folder`.
    pub(crate) fn wrapper(self, folder: &Path) -> Vec<String> {
        let log = log(folder).display().to_string();
        let words: &[&str] = match self {
            Self::Flushes => &[
                "strace",
                "-fqq",
                "--seccomp-bpf",
                "-esignal=none",
                "-etrace=fsync,fdatasync,sync,syncfs",
                "-einject=fsync,fdatasync,sync,syncfs:delay_exit=5000",
                "-o",
                &log,
            ],
            Self::Memory => &["time", "-f", "%M", "-o", &log],
            Self::RoundTrips | Self::Time => &[],
        };
        words.iter().map(ToString::to_string).collect()
    }

    /// Runs a command that begins with the wrapper. The error is the last line that it printed on
    /// standard error.
    pub(crate) fn run(self, mut command: Command, folder: &Path) -> Result<Sample, String> {
        let stderr = folder.join("stderr");
        let out = File::create(&stderr).expect("a file can be made");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(out);
        // Pending writes of other programs must not slow this one down.
        rustix::fs::sync();
        let begun = Instant::now();
        let mut child = command.spawn().map_err(|e| format!("{command:?}: {e}"))?;
        let status = child.wait().expect("a child can be waited for");
        let seconds = begun.elapsed().as_secs_f64();
        // fetchmail exits with 1 if there is no new mail.
        if !matches!(status.code(), Some(0 | 1)) {
            let words = fs::read_to_string(&stderr).unwrap_or_default();
            let words = words.lines().last().unwrap_or_default();
            return Err(format!("{status}: {words}"));
        }
        let count = self.read(folder);
        Ok(Sample { seconds, count })
    }

    fn read(self, folder: &Path) -> Option<u64> {
        let text = || fs::read_to_string(log(folder)).expect("the wrapper wrote its log");
        match self {
            Self::Flushes => {
                // A call that another thread interrupts has two lines. Only the first has a "(".
                let calls = text().lines().filter(|line| line.contains('(')).count();
                Some(calls as u64)
            }
            Self::Memory => text().lines().last()?.trim().parse().ok(),
            Self::RoundTrips | Self::Time => None,
        }
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}
