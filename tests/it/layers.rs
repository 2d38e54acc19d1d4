//! The law of the house: which module may use which, and where each third-party crate comes in.
//! Reads the source as text; to change a table here is to change the design.

use std::fs;
use std::path::Path;

use crate::support::source::Source;

/// What each module may use of this crate, the top of the house first. Whoever is not named in a
/// row is above it or beside it. A module that does not exist yet has its row already.
const MAY_USE: &[(&str, &[&[&str]])] = &[
    ("lib", &[]),
    ("main", &[&["cli", "commands"], LEAVES]),
    (
        "commands",
        &[
            &["cli", "rematch", "survey"],
            MIDDLE,
            SERVICES,
            SHARED,
            LEAVES,
        ],
    ),
    // What was typed for --shard is right or refused there.
    ("cli", &[&["shard"]]),
    // Only the options that each service declares.
    (
        "config",
        &[&["dial", "net", "oauth2", "delivery", "policy"], LEAVES],
    ),
    ("dial", &[&["net", "pop3"], LEAVES]),
    ("oauth2", &[&["net"], LEAVES]),
    ("engine", &[STEPS, SERVICES, SHARED, LEAVES]),
    (
        "receive",
        &[
            &["batch", "delivery", "plan", "pop3", "report"],
            SHARED,
            LEAVES,
        ],
    ),
    (
        "doubt",
        &[&["delivery", "plan", "seen", "settle"], SHARED, LEAVES],
    ),
    ("survey", &[&["plan", "pop3", "report"], SHARED, LEAVES]),
    ("rematch", &[&["plan", "pop3", "seen"], SHARED, LEAVES]),
    (
        "settle",
        &[&["batch", "delivery", "report", "seen"], SHARED, LEAVES],
    ),
    // The services do not know each other; they meet in the engine.
    ("attendance", &[SHARED, LEAVES]),
    ("batch", &[SHARED, LEAVES]),
    ("delivery", &[SHARED, LEAVES]),
    ("net", &[SHARED, LEAVES]),
    ("plan", &[SHARED, LEAVES]),
    ("pop3", &[SHARED, LEAVES]),
    ("report", &[SHARED, LEAVES]),
    ("seen", &[SHARED, LEAVES]),
    ("custody", &[&["headers"], LEAVES]),
    ("headers", &[LEAVES]),
    ("known", &[LEAVES]),
    ("policy", &[&["known"], LEAVES]),
    // What the record says and the lines in which it travels; who reads and writes those is above.
    ("transfer", &[LEAVES]),
    ("digest", &[]),
    ("exit", &[]),
    ("interrupt", &[]),
    ("keyring", &[&["exit", "secret", "text"]]),
    ("limits", &[]),
    ("maildrop", &[&["limits", "text"]]),
    ("moment", &[]),
    ("private", &[&["text"]]),
    ("providers", &[]),
    ("secret", &[]),
    ("shard", &[&["digest"]]),
    ("text", &[]),
];
const MIDDLE: &[&str] = &["config", "dial", "engine", "oauth2"];
// Steps of the engine's story, told where they have room.
const STEPS: &[&str] = &["batch", "doubt", "receive", "rematch", "settle", "survey"];
const SERVICES: &[&str] = &[
    "attendance",
    "delivery",
    "net",
    "plan",
    "pop3",
    "report",
    "seen",
];
const SHARED: &[&str] = &["custody", "headers", "known", "policy", "transfer"];
const LEAVES: &[&str] = &[
    "digest",
    "exit",
    "interrupt",
    "keyring",
    "limits",
    "maildrop",
    "moment",
    "private",
    "providers",
    "secret",
    "shard",
    "text",
];

/// Where each third-party crate may be named: files, or folders with all that is in them.
const DOORS: &[(&str, &[&str])] = &[
    ("anyhow", &["commands/", "main.rs"]),
    ("base64", &["net/proxy.rs", "oauth2/", "pop3/sasl.rs"]),
    ("clap", &["cli/"]),
    ("dbus_secret_service", &["keyring/secret_service.rs"]),
    ("dirs", &["config/"]),
    ("humantime", &["commands/log.rs"]),
    ("indicatif", &["report/terminal.rs"]),
    ("mailparse", &["headers.rs"]),
    ("md5", &["pop3/apop.rs", "pop3/cram.rs", "pop3/digest.rs"]),
    ("memchr", EVERYWHERE),
    ("native_tls", &["net/tls/identity.rs", "net/tls/mod.rs"]),
    ("rpassword", &["config/password/prompt.rs"]),
    ("rsasl", &["pop3/sasl.rs", "pop3/sasl/"]),
    ("rusqlite", &["seen/"]),
    ("rustix", EVERYWHERE),
    ("security_framework", &["keyring/keychain.rs"]),
    ("serde", &["oauth2/", "transfer.rs"]),
    ("serde_json", &["oauth2/", "report/json.rs", "transfer.rs"]),
    ("simple_dns", &["net/srv.rs"]),
    ("sha2", &["digest.rs"]),
    ("shell_words", &["config/"]),
    ("signal_hook", &["interrupt.rs"]),
    ("stringprep", &["pop3/sasl/library.rs"]),
    ("strsim", &["config/"]),
    ("thiserror", EVERYWHERE),
    ("toml", &["config/file.rs"]),
    ("ureq_proto", &["oauth2/http.rs", "oauth2/url.rs"]),
    ("x509_parser", &["net/tls/certificate.rs"]),
    ("zeroize", EVERYWHERE),
];
const EVERYWHERE: &[&str] = &[""];

/// Who makes each proof of custody. Besides its maker only `custody.rs`, which defines it, may.
const MAKERS: &[(&str, &str)] = &[
    ("Receipt", "delivery"),
    ("Durable", "delivery"),
    ("Staged", "seen"),
    ("Delivered", "delivery"),
    ("Recorded", "seen"),
];

/// The longest a file may be. A longer one holds two ideas.
const MOST_LINES: usize = 500;

#[test]
fn every_module_uses_only_what_is_below_it() {
    complain_about(sources().iter().flat_map(upward_uses));
}

#[test]
fn every_third_party_crate_is_named_only_in_its_door() {
    complain_about(sources().iter().flat_map(back_doors));
}

#[test]
fn every_dependency_has_a_door() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest is there");
    let doorless = dependencies(&manifest)
        .into_iter()
        .filter(|name| !DOORS.iter().any(|(other, _)| other == name))
        .map(|name| format!("{name} has no door: give it one in the table DOORS"));
    complain_about(doorless);
}

#[test]
fn every_proof_of_custody_is_made_only_by_its_maker() {
    complain_about(sources().iter().flat_map(forgeries));
}

#[test]
fn no_file_is_longer_than_500_lines() {
    complain_about(sources().iter().filter_map(|source| {
        let lines = source.lines;
        (lines > MOST_LINES).then(|| {
            let path = &source.path;
            format!("src/{path} has {lines} lines: split it where its second idea begins")
        })
    }));
}

fn upward_uses(source: &Source) -> Vec<String> {
    let module = source.module();
    if module == "lib" {
        return Vec::new();
    }
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
        let path = &source.path;
        return vec![format!(
            "src/{path} is in no row of MAY_USE: say where {module} belongs"
        )];
    };
    let allowed = allowed.concat();
    source
        .uses()
        .filter(|(_, used)| used != module && !allowed.contains(&used.as_str()))
        .map(|(line, used)| {
            format!(
                "src/{}:{line} uses {used}, but {module} may use only {}: move what is needed \
                 down, or pass it in",
                source.path,
                allowed.join(", ")
            )
        })
        .collect()
}

fn back_doors(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (name, doors) in DOORS {
        if doors.iter().any(|door| source.is_behind(door)) {
            continue;
        }
        found.extend(source.mentions(name).map(|line| {
            format!(
                "src/{}:{line} names {name}, whose door is {}: ask the door for it",
                source.path,
                doors.join(", ")
            )
        }));
    }
    found
}

fn forgeries(source: &Source) -> Vec<String> {
    let module = source.module();
    MAKERS
        .iter()
        .filter(|(_, maker)| module != *maker && module != "custody")
        .flat_map(|(proof, maker)| {
            source.makings(proof).map(move |line| {
                format!(
                    "src/{}:{line} makes a {proof}, which only {maker} may: take it from there",
                    source.path
                )
            })
        })
        .collect()
}

/// Lists the names, as Rust spells them, under `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<String> {
    let parsed: toml::Table = manifest.parse().expect("the manifest is TOML");
    let names = parsed["dependencies"].as_table().expect("a table").keys();
    names
        .map(|name| match name.as_str() {
            // The one whose library has another name.
            "md-5" => "md5".to_owned(),
            name => name.replace('-', "_"),
        })
        .collect()
}

#[track_caller]
fn complain_about(findings: impl IntoIterator<Item = String>) {
    let findings: Vec<_> = findings.into_iter().collect();
    assert!(
        findings.is_empty(),
        "{}\nIf the design itself should change, change the table in tests/it/layers.rs and say why \
         in the commit.",
        findings.join("\n")
    );
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut folders = vec![src.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("source is UTF-8");
                let relative = path.strip_prefix(&src).expect("it was found in src");
                sources.push(Source::new(&relative.display().to_string(), &text));
            }
        }
    }
    assert!(!sources.is_empty(), "src holds no source");
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(check: fn(&Source) -> Vec<String>, path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn a_use_from_below_is_found() {
        let cases = [
            ("plan.rs", "use crate::maildrop::UniqueId;", 0),
            ("plan.rs", "use crate::seen::Known;", 1),
            (
                "plan.rs",
                "use crate::{engine, text, pop3::{Reply, wire}};",
                3,
            ),
            ("plan.rs", "use super::net;", 1),
            (
                "net/tls.rs",
                "use super::Options; use super::super::text::ServerText;",
                0,
            ),
            ("net/tls.rs", "use super::super::pop3::Reply;", 1),
            ("net/mod.rs", "fn f(e: &crate::engine::Error) {}", 1),
            ("text.rs", "use crate::secret::Secret;", 1),
            ("main.rs", "use mailpull::{cli, commands::fetch};", 0),
            ("commands/fetch.rs", "use mailpull::main;", 1),
            ("new.rs", "", 1),
        ];
        for (path, text, count) in cases {
            assert_eq!(findings(upward_uses, path, text), count, "{path}: {text}");
        }
    }

    #[test]
    fn a_third_party_crate_at_a_back_door_is_found() {
        let cases = [
            ("net/tls/mod.rs", "use native_tls::TlsConnector;", 0),
            ("net/mod.rs", "use native_tls::TlsConnector;", 1),
            ("seen/schema.rs", "fn f(c: &rusqlite::Connection) {}", 0),
            ("engine.rs", "fn f(c: &rusqlite::Connection) {}", 1),
            (
                "plan.rs",
                "#[derive(clap::Args)] struct A; use thiserror::Error;",
                1,
            ),
            ("plan.rs", "use crate::toml::x; use clap;", 1),
        ];
        for (path, text, count) in cases {
            assert_eq!(findings(back_doors, path, text), count, "{path}: {text}");
        }
    }

    #[test]
    fn a_proof_that_another_makes_is_found() {
        let import = "use crate::custody::{Delivered, Receipt};";
        let cases = [
            ("engine.rs", "fn f(r: Receipt) -> Receipt { r }", 0),
            ("engine.rs", "fn f() -> Receipt { Receipt::new(1) }", 1),
            ("engine.rs", "impl From<X> for Receipt { }", 0),
            ("engine.rs", "let r = Receipt { octets };", 1),
            ("engine.rs", "let r = crate::custody::Receipt(1);", 1),
            ("engine.rs", "report(Event::Delivered { octets });", 0),
            ("delivery/intake.rs", "let r = Receipt::new(1);", 0),
            ("pop3/session.rs", "let r = Delivered::new(1);", 1),
            ("engine.rs", "impl X for &Receipt { }", 0),
        ];
        for (path, text, count) in cases {
            let text = format!("{import} {text}");
            assert_eq!(findings(forgeries, path, &text), count, "{path}: {text}");
        }
        let variant = "enum Event { Delivered { octets: u64 } }";
        assert_eq!(findings(forgeries, "report/mod.rs", variant), 0);
    }

    #[test]
    fn dependencies_have_the_names_that_rust_knows() {
        let manifest = "[dependencies]\nmd-5 = '1'\nshell-words = { version = '1' }\n\
                        [dev-dependencies]\nrcgen = '1'";
        assert_eq!(dependencies(manifest), ["md5", "shell_words"]);
    }
}
