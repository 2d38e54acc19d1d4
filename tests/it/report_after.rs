//! The key `report-after`: a temporary error is reported only after several failed runs in a row.

use crate::support::mail::notes;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Tmux;
use crate::support::tools;

const AFTER_THREE: &str = "report-after = 3";
const ERROR: &str = "mailpull: work: connecting to";

const BUSY: &str = "-ERR [IN-USE] come back later";

fn busy_server() -> ModelServer {
    let server = ModelServer::start(notes(["a"]));
    server.change(|behaviour| behaviour.greeting = BUSY.to_owned());
    server
}

/// Returns an account that was fetched once, from a server that is busy now.
fn known_account(keys: &str) -> (ModelServer, Sandbox) {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), keys);
    sandbox.fetch().succeeds();
    server.change(|behaviour| behaviour.greeting = BUSY.to_owned());
    (server, sandbox)
}

#[test]
fn the_first_contact_speaks_at_once() {
    let server = busy_server();
    let sandbox = Sandbox::with_work(server.address(), AFTER_THREE);
    let first = sandbox.fetch();
    first.fails_with(75).complains_in_lines(1).stderr_has(ERROR);
    sandbox.fetch().fails_with(75).complains_in_lines(0);
}

#[test]
fn a_lasting_error_is_reported_once_a_day_and_its_end_once() {
    if tools::find("faketime").is_none() {
        return;
    }
    let server = busy_server();
    server.change(|behaviour| behaviour.greeting = "-ERR go away".to_owned());
    let sandbox = Sandbox::with_work(server.address(), "");
    for (clock, lines) in [("+0", 1), ("+1h", 0), ("+23h", 0), ("+25h", 1), ("+26h", 0)] {
        let outcome = sandbox.mailpull_at(clock, ["fetch"]).run();
        outcome.fails_with(76).complains_in_lines(lines);
    }
    server.change(|behaviour| behaviour.greeting = BUSY.to_owned());
    let other = sandbox.mailpull_at("+26h", ["fetch"]).run();
    other.fails_with(75).complains_in_lines(1);
    server.change(|behaviour| behaviour.greeting = "+OK hello".to_owned());
    let good = sandbox.mailpull_at("+27h", ["fetch"]).run();
    good.succeeds().stderr_is("mailpull: work: works again\n");
    sandbox
        .mailpull_at("+28h", ["fetch"])
        .run()
        .succeeds()
        .is_silent();
}

#[test]
fn a_temporary_error_is_reported_from_the_third_run_on() {
    let (_server, sandbox) = known_account(AFTER_THREE);
    for lines in [0, 0, 1, 0] {
        sandbox.fetch().fails_with(75).complains_in_lines(lines);
    }
}

#[test]
fn the_default_of_report_after_is_three() {
    let (_server, sandbox) = known_account(AFTER_THREE);
    let written = std::fs::read_to_string(sandbox.config_file()).expect("the configuration exists");
    sandbox.config(&written.replace(AFTER_THREE, ""));
    let lines: Vec<_> = (0..3)
        .map(|_| sandbox.fetch().fails_with(75).stderr_text().lines().count())
        .collect();
    assert_eq!(lines, [0, 0, 1]);
}

#[test]
fn a_successful_run_restarts_the_count() {
    let (server, sandbox) = known_account("report-after = 2");
    sandbox.fetch().fails_with(75).complains_in_lines(0);
    let greeting = "+OK hello".to_owned();
    server.change(|behaviour| behaviour.greeting = greeting);
    sandbox.fetch().succeeds();
    let greeting = "-ERR [IN-USE] come back later".to_owned();
    server.change(|behaviour| behaviour.greeting = greeting);

    let outcome = sandbox.fetch();

    outcome.fails_with(75).complains_in_lines(0);
}

#[test]
fn a_refused_message_is_counted_like_a_refused_login() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "report-after = 2");
    sandbox.fetch().succeeds();
    server.replace(notes(["a", "b", "c"]));
    server.change(|behaviour| behaviour.refused = vec![b"c".to_vec()]);
    sandbox.fetch().fails_with(75).complains_in_lines(0);

    let outcome = sandbox.fetch();

    outcome.fails_with(75).complains_in_lines(1);
    outcome.stderr_has("mailpull: work: retrieving message 3 (c)");
}

#[test]
fn a_lock_held_in_repeated_runs_is_reported() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "report-after = 2");
    sandbox.fetch().succeeds();
    let lock =
        std::fs::File::open(sandbox.state().join("locks/1.lock")).expect("the first run made it");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("no run holds it");
    sandbox.fetch().fails_with(75).complains_in_lines(0);

    let outcome = sandbox.fetch();

    outcome.fails_with(75).complains_in_lines(1);
    outcome.stderr_has("another mailpull is fetching this account");
}

#[test]
fn a_permanent_error_is_reported_at_once() {
    let server = busy_server();
    let greeting = "-ERR go away".to_owned();
    server.change(|behaviour| behaviour.greeting = greeting);
    let sandbox = Sandbox::with_work(server.address(), AFTER_THREE);
    let outcome = sandbox.fetch();
    outcome.fails_with(76).complains_in_lines(1);
}

#[test]
fn verbose_and_json_report_a_temporary_error_at_once() {
    let server = busy_server();
    let sandbox = Sandbox::with_work(server.address(), "report-after = 9");
    let verbose = sandbox.mailpull(["fetch", "-v"]).run();
    verbose.fails_with(75).stderr_has(ERROR);

    let json = sandbox.mailpull(["fetch", "--json"]).run();

    json.fails_with(75).complains_in_lines(0);
    let events = json.json_lines();
    let error = events.iter().find(|event| event["event"] == "error");
    assert_eq!(error.map(|event| &event["status"]), Some(&75.into()));
}

#[test]
fn a_terminal_shows_a_temporary_error_at_once() {
    let server = busy_server();
    let sandbox = Sandbox::with_work(server.address(), AFTER_THREE);
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull -q");
    let screen = terminal.ended_with(75).join("\n");
    assert!(screen.contains(ERROR), "{screen}");
}
