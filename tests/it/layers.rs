//! The rules of the structure: which module may use which, and where each third-party crate comes in.
//! Reads the source as text. To change a table here is to change the design: say why in the commit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::support::source::Source;

/// The modules that each module may use, the top of the tree first.
///
/// A row applies to a module and everything in it; for a file the longest row counts. A module that a
/// row names may be used with everything in it. A module may always use itself and what is in it.
const MAY_USE: &[(&str, &[&[&str]])] = &[
    ("lib", &[]),
    ("main", &[&["cli", "commands", "exit"]]),
    (
        "commands",
        &[
            &[
                "calendar", "cli", "config", "dial", "import", "oauth2", "poll", "rules", "targets",
            ],
            SERVICES,
            SHARED,
        ],
    ),
    ("cli", &[]),
    // The configurations of other fetchers: from text to values.
    ("import", &[]),
    // Only the options that each service declares.
    (
        "config",
        &[
            &["delivery", "dial", "net", "oauth2", "rules", "targets"],
            SHARED,
        ],
    ),
    // The story of a poll, and its steps. The steps know only what they work with: what receives
    // cannot write to the database, and what records cannot send a command.
    ("poll", &[&["rules"], SERVICES, SHARED]),
    // What a fetch does, on a machine in memory.
    ("simulation", &[&["poll"], SERVICES, SHARED]),
    ("poll/batch", &[SHARED]),
    ("poll/blame", &[&["pop3"], SHARED]),
    (
        "poll/duplicates",
        &[&["delivery", "poll/plan", "poll/settle", "seen"], SHARED],
    ),
    ("poll/join", &[SHARED]),
    ("poll/named", &[SHARED]),
    ("poll/missing", &[&["poll/join", "poll/pairing"], SHARED]),
    (
        "poll/not_received",
        &[&["delivery", "pop3", "report"], SHARED],
    ),
    ("poll/pairing", &[SHARED]),
    ("poll/plan", &[&["poll/join", "poll/pairing"], SHARED]),
    ("poll/same_mailbox", &[&["poll/join", "poll/plan"], SHARED]),
    (
        "poll/receive",
        &[
            &[
                "delivery",
                "poll/batch",
                "poll/blame",
                "poll/not_received",
                "poll/plan",
                "poll/room",
                "poll/sized_arrival",
                "poll/step",
                "pop3",
                "report",
            ],
            SHARED,
        ],
    ),
    ("poll/room", &[&["delivery"], SHARED]),
    (
        "poll/renamed",
        &[
            &[
                "poll/join",
                "poll/missing",
                "poll/plan",
                "poll/top",
                "pop3",
                "seen",
            ],
            SHARED,
        ],
    ),
    (
        "poll/settle",
        &[
            &["delivery", "poll/batch", "report", "rules", "seen"],
            SHARED,
        ],
    ),
    ("poll/sized_arrival", &[&["pop3"], SHARED]),
    ("poll/step", &[&["poll/sized_arrival", "pop3"], SHARED]),
    (
        "poll/survey",
        &[
            &[
                "poll/join",
                "poll/missing",
                "poll/pairing",
                "poll/plan",
                "poll/renamed",
                "pop3",
                "report",
                "seen",
            ],
            SHARED,
        ],
    ),
    ("poll/top", &[&["pop3", "seen"], SHARED]),
    ("dial", &[&["net", "pop3"], SHARED]),
    ("oauth2", &[&["net"], SHARED]),
    // Mail servers that take messages from the spool.
    (
        "targets",
        &[&["delivery", "dial", "imap", "net", "sasl", "smtp"], SHARED],
    ),
    // The services do not know each other; they meet in a poll.
    ("delivery", &[SHARED]),
    ("imap", &[&["sasl"], SHARED]),
    ("net", &[SHARED]),
    ("pop3", &[&["sasl"], SHARED]),
    ("report", &[SHARED]),
    // Exchanges that any protocol can carry.
    ("sasl", &[SHARED]),
    ("seen", &[SHARED]),
    ("smtp", &[SHARED]),
    // What becomes of a message, by what is known of it.
    ("rules", &[&["digest", "mail", "moment"]]),
    ("mail", &[LEAVES]),
    ("os", &[LEAVES]),
    ("os/sys", &[]),
    ("calendar", &[&["moment"]]),
    ("charset", &[]),
    ("digest", &[&["hex"]]),
    ("exit", &[]),
    ("hex", &[]),
    ("hidden", &[&["hex"]]),
    ("limits", &[]),
    ("moment", &[&["os/sys"]]),
    ("pace", &[&["limits"]]),
    ("text", &[&["charset", "hidden"]]),
    ("trace", &[]),
];
const SERVICES: &[&str] = &["delivery", "net", "pop3", "report", "seen"];
const SHARED: &[&str] = &[
    "digest", "exit", "hex", "hidden", "limits", "mail", "moment", "os", "pace", "text", "trace",
];
const LEAVES: &[&str] = &[
    "digest", "exit", "hex", "hidden", "limits", "moment", "os/sys", "text",
];

/// The files and folders in which each third-party crate may be named.
const CRATE_PLACES: &[(&str, &[&str])] = &[
    ("anyhow", &["commands/mod.rs", "main.rs"]),
    (
        "base64",
        &[
            "hidden.rs",
            "imap/mailbox_name.rs",
            "net/proxy.rs",
            "oauth2/",
            "sasl/",
        ],
    ),
    ("chardetng", &["charset.rs"]),
    ("clap", &["cli/"]),
    ("dbus_secret_service", &["os/keyring/secret_service.rs"]),
    ("dirs", &["config/"]),
    ("encoding_rs", &["charset.rs"]),
    ("indicatif", &["report/terminal/bars.rs"]),
    ("humantime", &["commands/log.rs"]),
    ("jiff", &["calendar.rs"]),
    ("mailparse", &["mail/headers.rs"]),
    (
        "md5",
        &["pop3/apop.rs", "sasl/cram.rs", "sasl/digest_md5.rs"],
    ),
    ("memchr", EVERYWHERE),
    ("native_tls", &["net/tls/identity.rs", "net/tls/mod.rs"]),
    ("regex", &["rules/pattern.rs"]),
    ("rpassword", &["config/password/prompt.rs"]),
    ("rsasl", &["sasl/"]),
    ("rusqlite", &["seen/"]),
    ("rustix", EVERYWHERE),
    ("security_framework", &["os/keyring/keychain.rs"]),
    (
        "serde",
        &["oauth2/", "seen/record.rs", "seen/record_text.rs"],
    ),
    (
        "serde_json",
        &[
            "config/applied.rs",
            "config/schema.rs",
            "config/shape.rs",
            "config/accounts_command.rs",
            "oauth2/",
            "report/json.rs",
            "seen/record.rs",
        ],
    ),
    ("simple_dns", &["net/srv.rs"]),
    ("sha2", &["digest.rs"]),
    ("shell_words", &["config/"]),
    ("sd_notify", &["os/service_manager.rs"]),
    (
        "signal_hook",
        &[
            "os/child.rs",
            "os/lent_terminal.rs",
            "os/signals.rs",
            "os/watch_signals.rs",
        ],
    ),
    ("stringprep", &["sasl/rsasl_exchange.rs"]),
    ("strsim", &["cli/usage_error.rs", "config/"]),
    ("thiserror", EVERYWHERE),
    ("toml", &["config/document.rs"]),
    ("toml_edit", &["config/edit.rs"]),
    ("unicode_width", &["report/columns.rs"]),
    ("ureq_proto", &["oauth2/http.rs", "oauth2/url.rs"]),
    ("x509_parser", &["net/tls/certificate.rs"]),
    ("zeroize", EVERYWHERE),
];
const EVERYWHERE: &[&str] = &[""];

/// The modules that make each proof of custody. No other may, except those that define it.
const MAKERS: &[(&str, &[&str])] = &[
    ("Receipt", &["delivery"]),
    ("Durable", &["delivery"]),
    ("Staged", &["seen"]),
    ("Delivered", &["delivery", "targets"]),
    ("Recorded", &["seen"]),
    ("Ordered", &["seen"]),
];
/// The modules that define these proofs.
const DEFINE_PROOFS: &[&str] = &["mail/custody", "mail/deletable"];

/// The names that reach the operating system. Only [`MAY_CALL_SYSTEM`] may use them directly. All other code
/// uses `os::sys`, so that a simulated system can replace everything that custody depends on.
const SYSTEM_ITEMS: &[&str] = &[
    "rustix::fs",
    "rustix::rand::getrandom",
    "rustix::system",
    "std::fs",
    "std::process::id",
    "std::sync::mpsc",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];
/// The methods of a path that ask the file system.
const SYSTEM_METHODS: &[&str] = &["canonicalize", "exists", "read_dir", "symlink_metadata"];

/// The files and folders that reach the operating system without `os::sys`.
const MAY_CALL_SYSTEM: &[&str] = &[
    "os/sys/",
    // The user's own files and terminal, before a poll begins.
    "commands/",
    "config/",
    "oauth2/",
    "os/keyring/",
    "os/replace_file.rs",
    "os/secret_file.rs",
    // What is told to the user and the system decides nothing.
    "os/log_sink.rs",
    // Real sockets and real children have real deadlines.
    "delivery/filter/process.rs",
    "delivery/mda/process.rs",
    "net/",
    "os/child.rs",
    "os/lock.rs",
    "os/signals.rs",
    "os/thread.rs",
    "report/terminal/",
    // SQLite reaches the system by itself, and its files belong to it.
    "seen/",
    // The simulator itself runs on the real system.
    "simulation/",
];

/// The files whose types have the names of those that they stand for.
const LOOK_ALIKES: &[&str] = &[
    "delivery/filter/simulated.rs",
    "delivery/mda/simulated.rs",
    "os/sys/simulated/calls.rs",
    "os/sys/simulated/turns.rs",
];

/// The longest a file may be. A longer one has two subjects.
const MOST_LINES: usize = 500;

/// The most files that may use each other in a circle.
const LARGEST_CIRCLE: usize = 3;

#[test]
fn every_module_uses_only_what_is_below_it() {
    assert_no_findings(sources().iter().flat_map(upward_uses));
}

#[test]
fn each_crate_is_named_only_in_its_place() {
    assert_no_findings(sources().iter().flat_map(misplaced_crates));
}

#[test]
fn every_dependency_has_a_place() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest is there");
    let without_place = dependencies(&manifest)
        .into_iter()
        .filter(|name| !CRATE_PLACES.iter().any(|(other, _)| other == name))
        .map(|name| format!("{name} has no row in CRATE_PLACES: say where it belongs"));
    assert_no_findings(without_place);
}

#[test]
fn every_proof_of_custody_is_made_only_by_its_maker() {
    assert_no_findings(sources().iter().flat_map(forged_proofs));
}

#[test]
fn the_system_is_reached_only_through_its_boundary() {
    assert_no_findings(sources().iter().flat_map(direct_calls));
}

#[test]
fn no_circle_of_files_is_larger_than_three() {
    assert_no_findings(circles(&sources()).into_iter().filter_map(|circle| {
        (circle.len() > LARGEST_CIRCLE).then(|| {
            format!(
                "these files use each other in a circle: {}",
                circle.join(", ")
            )
        })
    }));
}

#[test]
fn each_type_name_but_error_is_defined_once() {
    let sources = sources();
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let is_named_by_us = |source: &&Source| !LOOK_ALIKES.contains(&&*source.path);
    for source in sources.iter().filter(is_named_by_us) {
        for name in source.definitions() {
            places.entry(name).or_default().push(&source.path);
        }
    }
    assert_no_findings(places.into_iter().filter_map(|(name, places)| {
        (places.len() > 1 && name != "Error").then(|| {
            let places = places.join(", ");
            format!("{name} is defined in {places}: give each a name of its own")
        })
    }));
}

#[test]
fn no_file_is_longer_than_500_lines() {
    assert_no_findings(sources().iter().filter_map(|source| {
        let lines = source.lines;
        (lines > MOST_LINES).then(|| {
            let path = &source.path;
            format!("src/{path} has {lines} lines: split it where its second idea begins")
        })
    }));
}

/// Returns the longest row of the table that a module is in.
fn row(module: &str) -> Option<&'static (&'static str, &'static [&'static [&'static str]])> {
    MAY_USE
        .iter()
        .filter(|(name, _)| is_in(module, name))
        .max_by_key(|(name, _)| name.len())
}

fn is_in(module: &str, folder: &str) -> bool {
    module
        .strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn upward_uses(source: &Source) -> Vec<String> {
    let module = source.module();
    if module == "lib" {
        return Vec::new();
    }
    let Some((name, allowed)) = row(module) else {
        let path = &source.path;
        return vec![format!(
            "src/{path} is in no row of MAY_USE: say where {module} belongs"
        )];
    };
    let allowed = allowed.concat();
    let may_use = |used: &str| is_in(used, name) || allowed.iter().any(|row| is_in(used, row));
    source
        .uses()
        .filter(|(_, used)| !may_use(used))
        .map(|(line, used)| {
            format!(
                "src/{}:{line} uses {used}, but {name} may use only {}: move what is needed down, \
                 or pass it in",
                source.path,
                allowed.join(", ")
            )
        })
        .collect()
}

/// Lists the groups of files that use each other in a circle. A `mod.rs` is left out: its children
/// use its types, and it names them all.
fn circles(sources: &[Source]) -> Vec<Vec<String>> {
    let is_file = |source: &&Source| !source.path.ends_with("mod.rs");
    let files: BTreeSet<_> = sources.iter().filter(is_file).map(Source::module).collect();
    let mut reach: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in sources.iter().filter(is_file) {
        let uses = source.uses().filter_map(|(_, used)| {
            let longest = files.iter().filter(|file| is_in(&used, file)).max();
            longest.copied()
        });
        let uses = uses.filter(|used| *used != source.module());
        reach.insert(source.module(), uses.collect());
    }
    // The transitive closure: as often as something new is reached.
    loop {
        let mut has_grown = false;
        for file in &files {
            let further: BTreeSet<_> = reach[file]
                .iter()
                .flat_map(|used| reach[used].iter().copied())
                .collect();
            let reached = reach.get_mut(file).expect("each file has an entry");
            let before = reached.len();
            reached.extend(further);
            has_grown |= reached.len() > before;
        }
        if !has_grown {
            break;
        }
    }
    let circles: BTreeSet<Vec<String>> = files
        .iter()
        .filter(|file| reach[*file].contains(*file))
        .map(|file| {
            let is_mutual =
                |other: &&&str| reach[*file].contains(**other) && reach[**other].contains(file);
            files
                .iter()
                .filter(is_mutual)
                .map(|other| (*other).to_owned())
                .collect()
        })
        .collect();
    circles.into_iter().collect()
}

fn misplaced_crates(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (name, places) in CRATE_PLACES {
        if places.iter().any(|place| source.is_in(place)) {
            continue;
        }
        found.extend(source.mentions(name).map(|line| {
            format!(
                "src/{}:{line} names {name}, which belongs in {}: ask for it there",
                source.path,
                places.join(", ")
            )
        }));
    }
    found
}

fn direct_calls(source: &Source) -> Vec<String> {
    if MAY_CALL_SYSTEM.iter().any(|place| source.is_in(place)) {
        return Vec::new();
    }
    let items = SYSTEM_ITEMS
        .iter()
        .flat_map(|item| source.names_item(item).map(move |line| (line, item)));
    let methods = SYSTEM_METHODS
        .iter()
        .flat_map(|method| source.calls_method(method).map(move |line| (line, method)));
    items
        .chain(methods)
        .map(|(line, what)| {
            format!(
                "src/{}:{line} uses {what}, which reaches the operating system: take it from os::sys",
                source.path
            )
        })
        .collect()
}

fn forged_proofs(source: &Source) -> Vec<String> {
    let module = source.module();
    MAKERS
        .iter()
        .filter(|(_, makers)| !makers.iter().any(|maker| is_in(module, maker)))
        .filter(|_| !DEFINE_PROOFS.contains(&module))
        .flat_map(|(proof, makers)| {
            source.makings(proof).map(move |line| {
                let makers = makers.join(" and ");
                format!(
                    "src/{}:{line} makes a {proof}, which only {makers} may: take it from there",
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
fn assert_no_findings(findings: impl IntoIterator<Item = String>) {
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
            ("poll/plan.rs", "use crate::mail::maildrop::UniqueId;", 0),
            ("poll/plan.rs", "use crate::seen::Known;", 1),
            ("poll/plan.rs", "use super::settle;", 1),
            (
                "poll/receive/mod.rs",
                "use crate::poll::plan::{self, Plan};",
                0,
            ),
            ("poll/receive/mod.rs", "use crate::seen::Ledger;", 1),
            ("poll/settle.rs", "use crate::pop3::Transaction;", 1),
            (
                "poll/session.rs",
                "use super::{plan, settle}; use crate::seen::Ledger;",
                0,
            ),
            (
                "poll/plan.rs",
                "use crate::{poll, text, pop3::{Reply, wire}};",
                3,
            ),
            (
                "net/tls.rs",
                "use super::Options; use super::super::text::ServerText;",
                0,
            ),
            ("net/tls.rs", "use super::super::pop3::Reply;", 1),
            ("net/mod.rs", "fn f(e: &crate::poll::Error) {}", 1),
            ("text.rs", "use crate::os::secret::Secret;", 1),
            ("main.rs", "use mailpull::{cli, commands::fetch};", 0),
            ("commands/fetch/mod.rs", "use mailpull::main;", 1),
            ("new.rs", "", 1),
        ];
        for (path, text, count) in cases {
            assert_eq!(findings(upward_uses, path, text), count, "{path}: {text}");
        }
    }

    #[test]
    fn a_circle_of_files_is_found() {
        let sources = [
            ("net/a.rs", "use super::b;"),
            ("net/b.rs", "use crate::net::c::C;"),
            ("net/c.rs", "use super::a::A;"),
            ("net/d.rs", "use super::a::A;"),
        ]
        .map(|(path, text)| Source::new(path, text));
        assert_eq!(circles(&sources), [["net/a", "net/b", "net/c"]]);
    }

    #[test]
    fn a_crate_in_a_wrong_place_is_found() {
        let cases = [
            ("net/tls/mod.rs", "use native_tls::TlsConnector;", 0),
            ("net/mod.rs", "use native_tls::TlsConnector;", 1),
            ("seen/schema.rs", "fn f(c: &rusqlite::Connection) {}", 0),
            ("poll/mod.rs", "fn f(c: &rusqlite::Connection) {}", 1),
            (
                "poll/plan.rs",
                "#[derive(clap::Args)] struct A; use thiserror::Error;",
                1,
            ),
            ("poll/plan.rs", "use crate::toml::x; use clap;", 1),
        ];
        for (path, text, count) in cases {
            assert_eq!(
                findings(misplaced_crates, path, text),
                count,
                "{path}: {text}"
            );
        }
    }

    #[test]
    fn a_direct_call_of_the_system_is_found() {
        let cases = [
            ("delivery/intake.rs", "use crate::os::sys::File;", 0),
            ("delivery/intake.rs", "use std::fs::File;", 1),
            ("delivery/intake.rs", "use std::{fs, io};", 1),
            ("delivery/intake.rs", "rustix::fs::fsync(file)", 1),
            ("delivery/intake.rs", "use rustix::io::Errno;", 0),
            ("delivery/intake.rs", "use std::time::Duration;", 0),
            ("pop3/wire.rs", "use std::time::{Duration, Instant};", 1),
            ("poll/batch.rs", "use std::sync::mpsc::Sender;", 1),
            (
                "poll/fetch.rs",
                "use std::sync::Mutex; std::thread::scope(f)",
                1,
            ),
            ("moment.rs", "path.exists() && exists(path)", 1),
            ("os/sys/real.rs", "use std::fs::File;", 0),
            ("net/call.rs", "use std::time::Instant;", 0),
        ];
        for (path, text, count) in cases {
            assert_eq!(findings(direct_calls, path, text), count, "{path}: {text}");
        }
    }

    #[test]
    fn a_proof_made_by_another_module_is_found() {
        let import = "use crate::mail::custody::{Delivered, Receipt};";
        let cases = [
            ("poll/mod.rs", "fn f(r: Receipt) -> Receipt { r }", 0),
            ("poll/mod.rs", "fn f() -> Receipt { Receipt::new(1) }", 1),
            ("poll/mod.rs", "impl From<X> for Receipt { }", 0),
            ("poll/mod.rs", "let r = Receipt { octets };", 1),
            (
                "poll/mod.rs",
                "let r = crate::mail::custody::Receipt(1);",
                1,
            ),
            ("poll/mod.rs", "report(Event::Delivered { octets });", 0),
            ("delivery/intake.rs", "let r = Receipt::new(1);", 0),
            ("pop3/session.rs", "let r = Delivered::new(1);", 1),
            ("poll/mod.rs", "impl X for &Receipt { }", 0),
        ];
        for (path, text, count) in cases {
            let text = format!("{import} {text}");
            assert_eq!(
                findings(forged_proofs, path, &text),
                count,
                "{path}: {text}"
            );
        }
        let variant = "enum Event { Delivered { octets: u64 } }";
        assert_eq!(findings(forged_proofs, "report/mod.rs", variant), 0);
    }

    #[test]
    fn dependencies_have_the_names_that_rust_uses() {
        let manifest = "[dependencies]\nmd-5 = '1'\nshell-words = { version = '1' }\n\
                        [dev-dependencies]\nrcgen = '1'";
        assert_eq!(dependencies(manifest), ["md5", "shell_words"]);
    }
}
