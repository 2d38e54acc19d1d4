//! Looks for the tests that a document names.

use std::fs;
use std::path::Path;

/// True if there is a test with this name, as `cargo test` prints it.
pub(crate) fn exists(name: &str) -> bool {
    let function = name.rsplit("::").next().unwrap_or(name);
    files(name)
        .iter()
        .filter_map(|path| read(path))
        .any(|source| has_test(&source, function))
}

/// Returns the files that a test with this name can be in.
fn files(name: &str) -> [String; 3] {
    let (module, _) = name.rsplit_once("::").unwrap_or(("", name));
    let (folder, module) = match module.strip_suffix("::tests") {
        Some(module) => ("src", module),
        // Unit tests in a folder of their own.
        None if module.contains("::tests::") => ("src", module),
        // Slow tests are in a module inside the file.
        None => ("tests/it", module.strip_suffix("::slow").unwrap_or(module)),
    };
    let path = module.replace("::", "/");
    [
        format!("{folder}/{path}.rs"),
        format!("{folder}/{path}/mod.rs"),
        // The tests of a module may have a file of their own.
        format!("{folder}/{path}/tests.rs"),
    ]
}

/// Reads a file of the project. Returns `None` if it does not exist.
pub(crate) fn read(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

/// True if a source file has a function with this name and `#[test]` above it.
fn has_test(source: &str, function: &str) -> bool {
    let head = format!("fn {function}()");
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if is_test && line.starts_with(&head) {
            return true;
        }
        // There may be other attributes in between.
        is_test = line == "#[test]" || (is_test && !line.starts_with("fn "));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_found_by_its_full_name() {
        assert!(exists("fault_table::every_fault_has_one_row"));
        assert!(!exists("crash::mda::try_at"));
        assert!(!exists("no_such_module::every_fault_has_one_row"));
    }

    #[test]
    fn the_name_of_a_test_leads_to_its_file() {
        for (name, file) in [
            ("poll::plan::tests::a", "src/poll/plan.rs"),
            ("poll::plan::a", "tests/it/poll/plan.rs"),
            ("hostile::slow::a", "tests/it/hostile.rs"),
        ] {
            assert_eq!(files(name)[0], file);
        }
    }
}
