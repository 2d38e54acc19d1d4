//! The programs that tests use and a machine may lack, and what only some users can do.
//! Decides whether a test may be left out; says so when it is.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, fmt};

use rustix::process::getuid;

/// Finds a program; `None`, said on standard error, if it is not installed and
/// `MAILPULL_TESTS_OPTIONAL=1` allows to go without.
///
/// # Panics
///
/// When it is missing and must not be.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let found = look_for(program);
    if found.is_none() {
        let may_skip = env::var_os("MAILPULL_TESTS_OPTIONAL").is_some_and(|value| value == "1");
        assert!(
            may_skip,
            "{program} is not installed: tests/run installs it; MAILPULL_TESTS_OPTIONAL=1 skips \
             the tests that need it"
        );
        announce(format_args!("skipped: {program} is not installed"));
    }
    found
}

/// Finds a file that `tests/run` puts into the build folder; `None` as for [`find`].
pub(crate) fn installed(relative: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()?
        .join(relative);
    path.is_file().then_some(path).or_else(|| find(relative))
}

/// Looks for a program where root finds it.
pub(crate) fn look_for(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Whether the tests run as root, which some faults need.
pub(crate) fn is_root() -> bool {
    getuid().is_root()
}

/// Fails a test that needs root. Such a test is `#[ignore = "needs root: tests/run runs it"]`.
///
/// # Panics
///
/// When another user runs it.
#[track_caller]
pub(crate) fn require_root() {
    assert!(is_root(), "this test needs root");
}

/// Whether a sweep shall try every point and not a sample of them.
pub(crate) fn is_thorough() -> bool {
    env::var_os("MAILPULL_TESTS_FULL").is_some_and(|value| value == "1")
}

/// Takes at most `count` of `points`, evenly spread, the first and the last among them; all when
/// [`is_thorough`].
pub(crate) fn sample<T: Clone>(points: &[T], count: usize) -> Vec<T> {
    if is_thorough() || points.len() <= count {
        return points.to_vec();
    }
    let last = points.len() - 1;
    (0..count)
        .map(|n| points[n * last / (count - 1)].clone())
        .collect()
}

/// Says something that is to be seen even when the test succeeds.
pub(crate) fn announce(what: impl fmt::Display) {
    // Who closed standard error does not want to know.
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
