//! Runs one command and reads off what it took: time, and flushes or memory if asked for.
//! Does not know what the command is for.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What is of interest besides the time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Gauge {
    /// Flushes, each of which is made to take 5 ms longer.
    Flushes,
    /// The peak of the resident set in kB.
    Memory,
    /// How often a far server was waited for; whoever owns the line counts it.
    RoundTrips,
    /// Nothing.
    Time,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) seconds: f64,
    pub(crate) count: Option<u64>,
}

/// Measures what this does in this process.
pub(crate) fn time(work: impl FnOnce()) -> Sample {
    let begun = Instant::now();
    work();
    Sample {
        seconds: begun.elapsed().as_secs_f64(),
        count: None,
    }
}

impl Gauge {
    /// What the command is to be run by, leaving its log in `folder`.
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

    /// Runs a command that has its wrapper. What went wrong is its last word on standard error.
    pub(crate) fn run(self, mut command: Command, folder: &Path) -> Result<Sample, String> {
        let stderr = folder.join("stderr");
        let out = File::create(&stderr).expect("a file can be made");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(out);
        // What others wrote is not to be flushed in this one's time.
        rustix::fs::sync();
        let begun = Instant::now();
        let mut child = command.spawn().map_err(|e| format!("{command:?}: {e}"))?;
        let status = child.wait().expect("a child can be waited for");
        let seconds = begun.elapsed().as_secs_f64();
        // fetchmail says 1 where there was nothing new.
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
                // What another thread interrupted is said in two lines.
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
