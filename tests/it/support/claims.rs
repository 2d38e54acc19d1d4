//! Whether a test that a document names is there.
//! Does not know what it claims.

use std::fs;
use std::path::Path;

/// Whether a test has this name, as `cargo test` shows it.
pub(crate) fn exists(name: &str) -> bool {
    let (module, function) = name.rsplit_once("::").unwrap_or(("", name));
    let (folder, module) = match module.strip_suffix("::tests") {
        Some(module) => ("src", module),
        // Slow tests are in a module inside the file.
        None => ("tests/it", module.strip_suffix("::slow").unwrap_or(module)),
    };
    let path = module.replace("::", "/");
    [
        format!("{folder}/{path}.rs"),
        format!("{folder}/{path}/mod.rs"),
    ]
    .iter()
    .filter_map(|path| read(path))
    .any(|source| has_test(&source, function))
}

/// Reads a file of the project, if it is there.
pub(crate) fn read(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

/// Whether a source has a function with this name and `#[test]` above it.
fn has_test(source: &str, function: &str) -> bool {
    let head = format!("fn {function}()");
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if is_test && line.starts_with(&head) {
            return true;
        }
        // Other attributes may stand between.
        is_test = line == "#[test]" || (is_test && !line.starts_with("fn "));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_found_by_its_full_name() {
        for (name, is_there) in [
            ("fault_table::every_fault_has_one_row", true),
            ("hostile::slow::an_endless_message_ends_the_session", true),
            ("crash::mda::try_at", false),
            ("plan::tests::limits_bound_a_run_but_never_to_nothing", true),
            ("plan::limits_bound_a_run_but_never_to_nothing", false),
        ] {
            assert_eq!(exists(name), is_there, "{name}");
        }
    }
}
