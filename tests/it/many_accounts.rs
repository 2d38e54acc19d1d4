//! Runs that fetch many accounts at once.

use crate::support::mail::{self, notes};
use crate::support::model_server::{Behaviour, ModelServer, PASSWORD};
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A, LIST_A_AND_B, QUIT, Script};
use crate::support::terminal::Tmux;
use crate::support::tools;

const RETRIEVE_A: &str = "
    C: RETR 1
    reached message
    hold message
    gives a";

#[test]
fn a_hanging_server_delays_no_other_account() {
    let hanging = Script::new([LIST_A, RETRIEVE_A, QUIT].concat()).serve();
    let quick: Vec<_> = (0..20)
        .map(|_| ModelServer::start(notes(["a", "b"])))
        .collect();
    let sandbox = Sandbox::new();
    sandbox.account("hanging", hanging.address(), "");
    for (number, server) in quick.iter().enumerate() {
        sandbox.account(&format!("quick-{number}"), server.address(), "keep = false");
    }

    let run = sandbox.mailpull(["fetch", "--json"]).start();
    hanging.reached("message");
    for server in &quick {
        server.wait_until_empty();
    }

    hanging.release("message");
    run.wait().succeeds();
    sandbox.maildir("hanging").holds(&notes(["a"]));
    for number in 0..quick.len() {
        let maildir = sandbox.maildir(&format!("quick-{number}"));
        maildir.holds(&notes(["a", "b"]));
    }
}

#[test]
fn any_number_of_jobs_fetches_the_same_mail() {
    for jobs in ["-j1", "-j3", "-j100"] {
        let servers: Vec<_> = (0..10)
            .map(|seed| ModelServer::start(mail::ordinary(seed, 5)))
            .collect();
        let sandbox = Sandbox::new();
        for (number, server) in servers.iter().enumerate() {
            sandbox.account(&format!("a{number}"), server.address(), "max-per-host = 2");
        }

        sandbox.mailpull(["fetch", jobs]).run().succeeds();

        for seed in 0..10 {
            let maildir = sandbox.maildir(&format!("a{seed}"));
            maildir.holds(&mail::ordinary(seed, 5));
        }
    }
}

#[test]
fn passwords_are_asked_one_by_one_before_any_connection() {
    let servers = ["a", "b"].map(|name| ModelServer::start(notes([name])));
    let sandbox = Sandbox::new();
    for (name, server) in ["a", "b"].into_iter().zip(&servers) {
        sandbox.account(name, server.address(), "password-command = 'true'");
    }
    let config = std::fs::read_to_string(sandbox.config_file()).expect("the configuration exists");
    sandbox.config(&config.replace("password-command = 'true'", ""));
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull").shows("Password for joe");
    terminal.types(PASSWORD).presses("Enter");
    terminal.shows("Password for joe at 127.0.0.1: \nPassword for joe at 127.0.0.1:");
    let sessions: usize = servers.iter().map(|server| server.log().sessions).sum();
    assert_eq!(sessions, 0);
    terminal.types(PASSWORD).presses("Enter");

    let left = terminal.ended_with(0);

    let mut summaries = left[2..].to_vec();
    summaries.sort_unstable();
    assert!(summaries[0].starts_with("a: 1 new message, "), "{left:#?}");
    assert!(summaries[1].starts_with("b: 1 new message, "), "{left:#?}");
}

#[test]
fn a_slow_account_gives_its_place_to_another() {
    if tools::find("faketime").is_none() {
        return;
    }
    let slow = Script::new([LIST_A, RETRIEVE_A, QUIT].concat()).serve();
    let quick = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::new();
    sandbox.account("slow", slow.address(), "timeout = '1 h'");
    sandbox.account("quick", quick.address(), "keep = false");
    sandbox.set_clock("+0");

    let run = sandbox.mailpull_by_clock(["fetch", "-j1", "slow", "quick"]);
    let run = run.start();
    slow.reached("message");
    sandbox.set_clock("+3m");
    quick.wait_until_empty();

    slow.release("message");
    run.wait().succeeds().is_silent();
    sandbox.maildir("slow").holds(&notes(["a"]));
    sandbox.maildir("quick").holds(&notes(["a", "b"]));
}

#[test]
fn run_timeout_ends_a_run_in_good_order() {
    if tools::find("faketime").is_none() {
        return;
    }
    for (top, flags) in [
        ("run-timeout = '1 h'\n", &[][..]),
        ("", &["--run-timeout", "1h"]),
    ] {
        let retrieve_slowly = "
            C: RETR 1
            C: RETR 2
            gives a
            S: +OK
            reached message
            hold message
            raw: x
            stall";
        let slow = Script::new([LIST_A_AND_B, retrieve_slowly].concat()).serve();
        let sandbox = Sandbox::new();
        sandbox.config(top);
        sandbox.account("slow", slow.address(), "timeout = '1 week'");
        sandbox.account("waits", "127.0.0.1:1", "max-per-host = 1");
        sandbox.set_clock("+0");

        let run = sandbox.mailpull_by_clock([&["fetch", "-j1"], flags].concat());
        let run = run.start();
        slow.reached("message");
        run.wait_until_it_waits();
        sandbox.set_clock("+2h");
        slow.release("message");

        run.wait().fails_with(75).stderr_is(
            "mailpull: the run was ended after 3600 s (run-timeout); accounts that were not \
             finished: 2. Run mailpull again: it continues where this run stopped\n",
        );
        sandbox.maildir("slow").holds(&notes(["a"]));
    }
}

#[test]
fn run_timeout_must_be_a_duration() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");
    let outcome = sandbox.mailpull(["fetch", "--run-timeout", "soon"]).run();
    outcome
        .fails_with(64)
        .stderr_has("--run-timeout must be a duration");
    sandbox.config("run-timeout = 60\n");
    sandbox.fetch().fails_with(78).stderr_has("run-timeout");
}

#[test]
fn accounts_turned_away_by_a_full_host_are_tried_alone() {
    let behaviour = Behaviour {
        admits_one: true,
        ..Behaviour::default()
    };
    let server = ModelServer::with(notes(["a", "b"]), behaviour);
    let sandbox = Sandbox::new();
    for number in 0..4 {
        sandbox.account(&format!("a{number}"), server.address(), "");
    }

    sandbox.fetch().succeeds().is_silent();

    for number in 0..4 {
        let maildir = sandbox.maildir(&format!("a{number}"));
        maildir.holds(&notes(["a", "b"]));
    }
}
