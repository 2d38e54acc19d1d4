//! Keeps README's comparison of the ways in true: every row has a test, or says why mailpull has
//! nothing of the kind, and is kept to that.
//! Does not know what the tests claim, nor the other programs.

use crate::support::claims::{exists, read};
use crate::support::sandbox::Sandbox;

/// How many ways in there are.
const ROWS: usize = 46;

/// The rows of a table whose head begins so: their cells.
fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(head));
    lines.next();
    let table = lines.take_while(|line| line.starts_with('|')).skip(1);
    let cells = |line: &str| {
        let line = line.trim_matches('|').split('|');
        line.map(|cell| cell.trim().to_owned()).collect()
    };
    table.map(cells).collect()
}

fn compared() -> Vec<Vec<String>> {
    let readme = read("README.md").expect("there is a README");
    rows(
        &readme,
        "| way in | fetchmail | mpop | getmail6 | fdm | mailpull |",
    )
}

#[test]
fn every_way_in_has_a_row_with_everybodys_answer() {
    let rows = compared();
    assert_eq!(rows.len(), ROWS);
    for row in rows {
        let is_whole = row.len() == 6 && row.iter().all(|cell| !cell.is_empty());
        assert!(is_whole, "{row:?}");
        let is_reasoned = !row[5].starts_with('–') || row[5].starts_with("–: ");
        assert!(is_reasoned, "what is not there needs a reason: {row:?}");
    }
}

#[test]
fn every_row_names_tests_that_exist() {
    let table = read("tests/WAYS.md").expect("there is a table");
    let proven = rows(&table, "| way in | tests |");
    let names = |rows: &[Vec<String>]| -> Vec<String> {
        rows.iter().filter_map(|row| row.first().cloned()).collect()
    };
    assert_eq!(names(&proven), names(&compared()));
    for row in proven {
        let tests: Vec<_> = row[1].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{row:?}");
        for test in tests {
            assert!(exists(test), "there is no test {test}");
        }
    }
}

#[test]
fn what_is_left_out_is_refused_by_its_name() {
    for (key, said) in [
        ("auth = 'ntlm'", "\"auth\" must be "),
        ("auth = 'msn'", "\"auth\" must be "),
        ("auth = 'otp'", "\"auth\" must be "),
        ("auth = 'kerberos'", "\"auth\" must be "),
        ("port = 'pop3s'", "\"port\" must be a number "),
        ("interface = 'tun0'", "unknown key \"interface\""),
        ("pre-command = 'x'", "\"pre-command\" is not supported yet"),
        (
            "post-command = 'x'",
            "\"post-command\" is not supported yet",
        ),
        ("security = 'tls'\ntls-min = '1.1'", "\"tls-min\" must be "),
        (
            "security = 'tls'\ntls-ciphers = 'ALL'",
            "unknown key \"tls-ciphers\"",
        ),
        (
            "security = 'tls'\ntls-crl-file = '/crl'",
            "unknown key \"tls-crl-file\"",
        ),
        (
            "security = 'tls'\ntls-pin = 'md5:00'",
            "\"tls-pin\" must be sha256: and ",
        ),
        (
            "security = 'tls'\ntls-client-cert = 'pkcs11:token=x'",
            "\"tls-client-cert\" must begin with / or ~/",
        ),
    ] {
        let sandbox = Sandbox::with_work("127.0.0.1:9", key);

        let outcome = sandbox.fetch();

        outcome
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has(said);
    }
}

#[test]
fn an_account_has_to_say_its_user() {
    let sandbox = Sandbox::new();
    sandbox.config("[accounts.work]\nserver = '127.0.0.1:9'\nmaildir = '/m'");

    let outcome = sandbox.fetch();

    outcome.fails_with(78).stderr_has("there is no \"user\"");
}
