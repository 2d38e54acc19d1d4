//! Programs that tests look at the program with: shells, formatters, terminals.
//! Installs nothing; tests/run does.

use std::env;
use std::path::PathBuf;

/// Finds a program; `None`, said on standard error, if it is not installed and
/// `MAILPULL_TESTS_OPTIONAL=1` allows to go without.
#[track_caller]
pub(crate) fn find(program: &str, package: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        let may_skip = env::var_os("MAILPULL_TESTS_OPTIONAL").is_some_and(|value| value == "1");
        assert!(
            may_skip,
            "{program} is not installed: apt-get install {package}, or tests/run does it; \
             MAILPULL_TESTS_OPTIONAL=1 skips the tests that need it"
        );
        eprintln!("skipped: {program} is not installed");
    }
    found
}
