//! Finds the programs that tests use, and leaves out the tests that cannot run on this machine.
//! Every test that is left out is reported on standard error.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, fmt, thread};

use rustix::process::getuid;

/// Finds a program. Returns `None` if it is not installed, after [`skip`].
///
/// # Panics
///
/// If it is not installed and `MAILPULL_TESTS_REQUIRED=1`, which `tests/run` sets.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let found = look_for(program);
    if found.is_none() {
        miss(program);
    }
    found
}

/// Finds a file that belongs to a program. Returns `None` if it is missing, as [`find`] does.
pub(crate) fn find_file(path: &str) -> Option<PathBuf> {
    let found = Some(PathBuf::from(path)).filter(|path| path.is_file());
    if found.is_none() {
        miss(path);
    }
    found
}

fn miss(what: &str) {
    let is_required = env::var_os("MAILPULL_TESTS_REQUIRED").is_some_and(|value| value == "1");
    assert!(!is_required, "{what} is not installed");
    skip(format_args!(
        "{what}, which is not installed; tests/run installs it"
    ));
}

/// Reports on standard error that the running test is left out because it needs something.
pub(crate) fn skip(need: impl fmt::Display) {
    let thread = thread::current();
    // The test harness names each thread after its test.
    let test = thread.name().unwrap_or("a test");
    report(format_args!("skipped: {test} needs {need}"));
}

/// Finds a file that `tests/run` puts into the build folder. Returns `None` if it is missing, as
/// [`find`] does.
pub(crate) fn installed(relative: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()?
        .join(relative);
    path.is_file().then_some(path).or_else(|| find(relative))
}

/// Looks for a program in `PATH` and in the folders with programs for root.
pub(crate) fn look_for(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// True if the tests run as root, which some faults need.
pub(crate) fn is_root() -> bool {
    getuid().is_root()
}

/// Fails a test that only root can run. Such a test is `ignored`, and `tests/run` runs it as root.
#[track_caller]
pub(crate) fn require_root() {
    assert!(is_root(), "this test needs root: run tests/run as root");
}

/// True if a sweep is to try every point and not only a sample of them.
pub(crate) fn is_thorough() -> bool {
    env::var_os("MAILPULL_TESTS_FULL").is_some_and(|value| value == "1")
}

/// Takes at most `count` of `points`. They are evenly spread, and include the first and the last.
/// Takes all if [`is_thorough`].
pub(crate) fn sample<T: Clone>(points: &[T], count: usize) -> Vec<T> {
    if is_thorough() || points.len() <= count {
        return points.to_vec();
    }
    let last = points.len() - 1;
    (0..count)
        .map(|n| points[n * last / (count - 1)].clone())
        .collect()
}

/// Prints a line that is seen even if the test succeeds: the test harness does not capture it.
pub(crate) fn report(what: impl fmt::Display) {
    // A closed standard error must not fail a test.
    let _ = writeln!(io::stderr().lock(), "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_evenly_spread_and_has_both_ends() {
        let points: Vec<_> = (1..=9).collect();
        if !is_thorough() {
            assert_eq!(sample(&points, 3), [1, 5, 9]);
        }
        assert_eq!(sample(&points, 9), points);
    }
}
