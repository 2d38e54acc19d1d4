//! The limits of `mailpull log`: the last messages, and those since a time.

use crate::support::mail::notes;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Tmux;

/// Fetches messages with these unique-ids.
fn fetched<const N: usize>(unique_ids: [&str; N]) -> Sandbox {
    let server = ModelServer::start(notes(unique_ids));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    sandbox
}

/// Returns the unique-ids that `log` shows with these words.
fn shown(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let words = [&["log", "--json"], words].concat();
    let lines = sandbox.mailpull(words).run().json_lines();
    let unique_id = |line: serde_json::Value| line["unique_id"].as_str().map(str::to_owned);
    lines.into_iter().filter_map(unique_id).collect()
}

#[test]
fn the_last_messages_are_shown_in_order() {
    let sandbox = fetched(["a", "b", "c"]);

    assert_eq!(shown(&sandbox, &["-n", "2"]), ["b", "c"]);
    assert_eq!(shown(&sandbox, &["work", "-n", "1"]), ["c"]);
    assert_eq!(shown(&sandbox, &["-n", "9"]), ["a", "b", "c"]);
}

#[test]
fn messages_before_a_time_are_left_out() {
    let sandbox = fetched(["a", "b"]);

    for since in ["1h", "yesterday", "2020-01-31", "2020-01-31 10:00"] {
        assert_eq!(shown(&sandbox, &["--since", since]).len(), 2, "{since}");
    }
    assert_eq!(
        shown(&sandbox, &["--since", "2020-01-31", "-n", "1"]),
        ["b"]
    );
    assert!(shown(&sandbox, &["--since", "2100-01-01"]).is_empty());
    sandbox
        .mailpull(["log", "--since", "soon"])
        .run()
        .fails_with(64)
        .stderr_has("--since \"soon\" is no time. Write 2d");
}

#[test]
fn a_terminal_shows_columns_in_local_time() {
    let sandbox = fetched(["a"]);
    let Some(terminal) = Tmux::open(&sandbox, &[("TZ", "ABC-14")]) else {
        return;
    };

    let shown = terminal
        .runs("mailpull log; mailpull log --utc")
        .ended_with(0);

    let rows: Vec<_> = shown
        .iter()
        .filter(|line| line.contains(" work "))
        .collect();
    assert_eq!(rows.len(), 2, "{shown:?}");
    assert_ne!(rows[0], rows[1]);
}
