//! `config schema`: the JSON schema accepts and refuses the same samples as mailpull itself.
//!
//! The samples are in `config_schema/`. An invalid one is named after its mistake.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

/// Returns the samples of a folder in `config_schema/`.
fn samples(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/config_schema")
        .join(folder);
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut paths: Vec<_> = paths.collect();
    paths.sort();
    paths
}

#[test]
fn the_schema_accepts_valid_samples_and_refuses_invalid_ones() {
    let python = Path::new("/usr/bin/python3");
    if tools::find_file("/usr/lib/python3/dist-packages/jsonschema/__init__.py").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let schema = sandbox.mailpull(["config", "schema"]).run();
    let schema = schema.succeeds().stderr_is("").stdout_text();
    sandbox.write("schema.json", &schema);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/config_schema/check.py");
    let (valid, invalid) = (samples("valid"), samples("invalid"));
    let mut check = Command::new(python);
    check.arg(script).arg(sandbox.path("schema.json"));
    check.args(valid.iter().chain(&invalid));

    let refused = Program::new(check).run();

    let expected: String = invalid
        .iter()
        .map(|path| format!("{}\n", path.display()))
        .collect();
    refused.succeeds().stdout_is(expected);
}

#[test]
fn mailpull_judges_the_samples_as_the_schema_does() {
    let sandbox = Sandbox::new();
    // The folder that one of the samples names.
    sandbox.account_file("other", "127.0.0.1:1", "");
    for (folder, status) in [("valid", 0), ("invalid", 78)] {
        for path in samples(folder) {
            let text = fs::read_to_string(&path).expect("a sample is text");
            sandbox.config(&text);
            let checked = sandbox.mailpull(["config", "check", "-q"]).run();
            let (ended, name) = (checked.status.code(), path.display());
            assert_eq!(ended, Some(status), "{name}: {}", checked.stderr_text());
        }
    }
}

#[test]
fn the_schema_explains_keys_and_names_defaults() {
    let sandbox = Sandbox::new();
    let printed = sandbox.mailpull(["config", "schema"]).run();
    let schema: Value =
        serde_json::from_str(&printed.succeeds().stdout_text()).expect("it is JSON");
    let keys = &schema["definitions"]["account"]["properties"];
    let order = &keys["order"];
    assert_eq!(order["default"], "oldest-first");
    assert!(
        order["description"]
            .as_str()
            .is_some_and(|text| text.contains("order"))
    );
    assert_eq!(keys["max-per-host"]["default"], 8);
    assert_eq!(keys["enabled"]["default"], true);
}
