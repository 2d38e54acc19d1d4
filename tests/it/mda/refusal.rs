//! MDAs that refuse messages. A refused message stays in the spool, from where the next run
//! delivers it without another download.

use std::time::Duration;

use super::{DELIVER, configure, configure_script, inbox, spool};
use crate::support::mail::{one_line, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

#[test]
fn refused_messages_wait_in_the_spool_while_others_are_delivered() {
    let messages = ordinary(1, 6);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let script = r#"
        file=$(mktemp "$HOME/Mail/inbox/tmp/XXXXXX") && cat >"$file"
        case $(grep -m 1 ^Subject: "$file") in
        *'Letter 2 '*) rm "$file"; exit 75 ;;
        *'Letter 3 '*) rm "$file"; exit 1 ;;
        *'Letter 5 '*) rm "$file"; kill -KILL $$ ;;
        esac
        mv "$file" "$HOME/Mail/inbox/new""#;
    configure_script(&sandbox, &server, script, "keep = false");
    let outcome = sandbox.mailpull(["fetch"]).run();
    outcome
        .fails_with(74)
        .complains_in_lines(3)
        .stderr_has("ended with status 75; the next run tries it again\n")
        .stderr_has("ended with status 1; the next run tries it again\n")
        .stderr_has("was ended by signal 9; the next run tries it again\n");
    let [m1, m2, m3, m4, m5, m6] = messages.clone().try_into().expect("there are six messages");
    inbox(&sandbox).holds(&[m1, m4, m6]);
    assert_eq!(spool(&sandbox).len(), 3);
    assert_eq!(server.unique_ids(), [m2, m3, m5].map(|m| m.unique_id));

    configure_script(&sandbox, &server, DELIVER, "keep = false");
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    inbox(&sandbox).holds(&messages);
    assert_eq!((server.count(), spool(&sandbox).len()), (0, 0));
    assert_eq!(server.log().retrieved.len(), 6);
}

#[test]
fn three_temporary_refusals_in_a_row_end_the_run() {
    let messages = ordinary(1, 7);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let script = r#"echo >>"$HOME/runs"; cat >/dev/null; exit 75"#;
    configure_script(&sandbox, &server, script, "keep = false");
    sandbox
        .mailpull(["fetch"])
        .run()
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("mailpull: work: storing messages: nothing can be delivered for now")
        .stderr_has("messages that wait: 7");
    let runs = || std::fs::read(sandbox.home().join("runs")).map_or(0, |runs| runs.len());
    assert_eq!((runs(), spool(&sandbox).len(), server.count()), (3, 7, 7));
    // The next run tries three other messages, and downloads nothing again.
    sandbox.mailpull(["fetch"]).run().fails_with(75);
    assert_eq!((runs(), server.log().retrieved.len()), (6, 7));

    configure_script(&sandbox, &server, DELIVER, "keep = false");
    let good = sandbox.mailpull(["fetch"]).run();
    good.succeeds().stderr_is("mailpull: work: works again\n");
    inbox(&sandbox).holds(&messages);
    assert_eq!((server.count(), spool(&sandbox).len()), (0, 0));
    assert_eq!(server.log().retrieved.len(), 7);
}

#[test]
fn refusals_between_successes_do_not_end_the_run() {
    let messages = ordinary(1, 8);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    // The MDA refuses two of three messages.
    let script = r#"
        echo >>"$HOME/runs"
        [ $(($(wc -l <"$HOME/runs") % 3)) = 0 ] || { cat >/dev/null; exit 75; }
        file=$(mktemp "$HOME/Mail/inbox/new/XXXXXX") && exec cat >"$file""#;
    configure_script(&sandbox, &server, script, "");
    sandbox.mailpull(["fetch"]).run().fails_with(75);
    inbox(&sandbox).holds(&[messages[2].clone(), messages[5].clone()]);
    assert_eq!(spool(&sandbox).len(), 6);
}

#[test]
fn a_message_refused_five_times_is_tried_once_a_day() {
    let messages = ordinary(1, 2);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let script = r#"echo >>"$HOME/runs"; cat >/dev/null; exit 1"#;
    configure_script(&sandbox, &server, script, "keep = false");
    let runs = || std::fs::read(sandbox.home().join("runs")).map_or(0, |runs| runs.len());
    for _ in 0..4 {
        sandbox.fetch().fails_with(74).complains_in_lines(2);
    }
    let outcome = sandbox.fetch();
    outcome.fails_with(65).complains_in_lines(2);
    outcome.stderr_has("is set aside");
    assert_eq!(runs(), 10);

    sandbox.fetch().succeeds().is_silent();

    assert_eq!((runs(), spool(&sandbox).len(), server.count()), (10, 2, 2));
    sandbox.let_pass(Duration::from_secs(24 * 3600));
    configure_script(&sandbox, &server, DELIVER, "keep = false");
    sandbox.fetch().succeeds().is_silent();
    inbox(&sandbox).holds(&messages);
    assert_eq!((server.count(), spool(&sandbox).len()), (0, 0));
    assert_eq!(server.log().retrieved.len(), 2);
}

#[test]
fn mda_output_is_shown_escaped_in_one_line() {
    let server = ModelServer::start(ordinary(1, 1));
    let sandbox = Sandbox::new();
    let script = r"cat >/dev/null; printf '\nno \033[2Jroom\nsecond line\n' >&2; exit 73";
    configure_script(&sandbox, &server, script, "");
    sandbox
        .mailpull(["fetch"])
        .run()
        .fails_with(74)
        .complains_in_lines(1)
        .stderr_has("ended with status 73 and said: no ")
        .stderr_has("[2Jroom; the next run tries it again\n")
        .never_says("\x1b");
}

#[test]
fn long_mda_output_is_cut_short() {
    let server = ModelServer::start(ordinary(1, 1));
    let sandbox = Sandbox::new();
    let script = "cat >/dev/null; head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1";
    configure_script(&sandbox, &server, script, "");
    let outcome = sandbox.mailpull(["fetch"]).run();
    outcome
        .fails_with(74)
        .complains_in_lines(1)
        .stderr_has("xxx");
    assert!(outcome.stderr.len() < 2000, "{outcome}");
}

#[test]
fn an_mda_may_print_text_and_succeed() {
    let messages = ordinary(1, 2);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let script = format!("echo 'just so you know'; echo 'a warning' >&2; {DELIVER}");
    configure_script(&sandbox, &server, &script, "keep = false");
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    inbox(&sandbox).holds(&messages);
    assert_eq!(server.count(), 0);
}

#[test]
fn output_of_a_successful_mda_is_shown_and_logged() {
    let server = ModelServer::start(ordinary(1, 1));
    let sandbox = Sandbox::new();
    let script = format!(r"printf 'no \033[2Jindex\nmore\n' >&2; {DELIVER}");
    configure_script(&sandbox, &server, &script, "");
    let fetch = sandbox.mailpull(["fetch", "-v"]).run();
    fetch.succeeds().stderr_has("/mda said: no ");

    let log = sandbox.mailpull(["log"]).run();

    log.succeeds()
        .stdout_has(", it said: no ")
        .never_says("\x1b");
    let lines = sandbox.mailpull(["log", "--json"]).run().json_lines();
    let output = lines[0]["said"].as_str().expect("the output is text");
    assert!(
        output.starts_with("no ") && !output.contains("more"),
        "{output}"
    );
}

#[test]
fn an_mda_that_ignores_its_input_has_failed() {
    let server = ModelServer::start(ordinary(1, 2));
    let sandbox = Sandbox::new();
    configure_script(&sandbox, &server, "exit 0", "keep = false");
    sandbox
        .mailpull(["fetch"])
        .run()
        .fails_with(74)
        .complains_in_lines(2)
        .stderr_has("did not read the whole message")
        .stderr_has("mda-may-ignore-input");
    assert_eq!((server.count(), spool(&sandbox).len()), (2, 2));
    let extra = "keep = false\nmda-may-ignore-input = true";
    configure_script(&sandbox, &server, "exit 0", extra);
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    assert_eq!((server.count(), spool(&sandbox).len()), (0, 0));
    assert_eq!(server.log().retrieved.len(), 2);
}

#[test]
fn an_mda_may_reopen_its_input() {
    let messages = [ordinary(1, 2), vec![one_line(3_000_000)]].concat();
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let script = r#"cat /dev/stdin >"$(mktemp "$HOME/Mail/inbox/new/XXXXXX")""#;
    configure_script(&sandbox, &server, script, "keep = false");

    sandbox.fetch().succeeds().is_silent();

    inbox(&sandbox).holds(&messages);
    assert_eq!((server.count(), spool(&sandbox).len()), (0, 0));
}

#[test]
fn an_mda_that_reads_only_a_part_has_failed() {
    for script in ["head -c 100000 >/dev/null", "cat >/dev/null <&- || :"] {
        for octets in [200_000, 3_000_000] {
            let server = ModelServer::start(vec![one_line(octets)]);
            let sandbox = Sandbox::new();
            configure_script(&sandbox, &server, script, "keep = false");

            let outcome = sandbox.fetch();

            outcome
                .fails_with(74)
                .complains_in_lines(1)
                .stderr_has("did not read the whole message");
            assert_eq!((server.count(), spool(&sandbox).len()), (1, 1));
        }
    }
}

#[test]
fn spooled_messages_are_not_forgotten_after_switching_to_a_maildir() {
    let messages = ordinary(1, 2);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    configure_script(&sandbox, &server, "cat >/dev/null; exit 1", "keep = false");
    sandbox.mailpull(["fetch"]).run().fails_with(74);
    sandbox
        .config("")
        .account("work", server.address(), "keep = false");
    sandbox
        .mailpull(["fetch"])
        .run()
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("(messages: 2) waits for an MDA");
    assert_eq!((server.count(), spool(&sandbox).len()), (2, 2));
    configure_script(&sandbox, &server, DELIVER, "keep = false");
    sandbox.mailpull(["fetch"]).run().succeeds();
    inbox(&sandbox).holds(&messages);
    assert_eq!(server.count(), 0);
}

#[test]
fn repeatedly_refused_messages_do_not_block_others() {
    let server = ModelServer::start(ordinary(1, 4));
    let sandbox = Sandbox::new();
    let script = r#"
        file=$(mktemp "$HOME/Mail/inbox/tmp/XXXXXX") && cat >"$file"
        case $(grep -m 1 ^Subject: "$file") in
        *'Letter '[1-4]' '*) rm "$file"; exit 75 ;;
        esac
        mv "$file" "$HOME/Mail/inbox/new""#;
    configure_script(&sandbox, &server, script, "");
    sandbox.mailpull(["fetch"]).run().fails_with(75);
    let later = ordinary(1, 9).split_off(4);
    later.iter().for_each(|message| server.add(message.clone()));

    sandbox.mailpull(["fetch"]).run().fails_with(75);

    inbox(&sandbox).holds(&later);
    assert_eq!(spool(&sandbox).len(), 4);
}

#[test]
fn a_moved_spool_is_emptied_at_its_new_place() {
    let messages = ordinary(1, 2);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    configure_script(&sandbox, &server, "cat >/dev/null; exit 1", "");
    sandbox.mailpull(["fetch"]).run().fails_with(74);
    let moved = sandbox.path("moved");
    std::fs::rename(sandbox.state(), &moved).expect("the state folder can be moved");
    configure_script(&sandbox, &server, DELIVER, "");

    let mut fetch = sandbox.mailpull(["fetch", "--state-dir"]);
    fetch = fetch.arg(&moved);

    fetch.run().succeeds().is_silent();
    inbox(&sandbox).holds(&messages);
    assert_eq!(server.log().retrieved.len(), 2);
}

#[test]
fn a_broken_mda_fails_every_run_and_is_reported_until_it_works() {
    let messages = ordinary(1, 30);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let script = r#"echo >>"$HOME/runs"; cat >/dev/null; echo "no $$" >&2; exit 1"#;
    configure_script(&sandbox, &server, script, "keep = false");
    let runs = || std::fs::read(sandbox.home().join("runs")).map_or(0, |runs| runs.len());
    for run in 1..=8 {
        let outcome = sandbox.fetch();
        outcome
            .fails_with(74)
            .complains_in_lines(usize::from(run == 1));
        if run == 1 {
            outcome.stderr_has("no message can be delivered: ");
            outcome.stderr_has("messages that wait: 30");
            outcome.stderr_has("mailpull fetch --retry");
        }
        assert!(runs() <= 4 * run, "{} runs", runs());
    }
    let check = sandbox.mailpull(["seen", "check"]).run();
    check
        .succeeds()
        .stdout_has("no message can be delivered there");
    let failed = sandbox.mailpull(["seen", "list", "work", "--failed"]).run();
    failed.succeeds().is_silent();
    // The script is repaired, and nothing else tells mailpull so.
    sandbox.script("mda", DELIVER);

    let good = sandbox.fetch();
    good.succeeds().stderr_is("mailpull: work: works again\n");

    inbox(&sandbox).holds(&messages);
    assert_eq!((server.count(), spool(&sandbox).len()), (0, 0));
    assert_eq!(server.log().retrieved.len(), 30);
}

#[test]
fn a_changed_mda_gets_what_the_former_one_refused() {
    let messages = ordinary(1, 2);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    configure(&sandbox, &server, "false", "keep = false");
    for _ in 0..5 {
        sandbox.fetch();
    }
    sandbox.fetch().succeeds().is_silent();
    let check = sandbox.mailpull(["seen", "check"]).run();
    check
        .succeeds()
        .stdout_has("it failed 5 times in a row and is set aside");
    configure_script(&sandbox, &server, DELIVER, "keep = false");

    sandbox.fetch().succeeds().is_silent();

    inbox(&sandbox).holds(&messages);
    assert_eq!(server.count(), 0);
}

#[test]
fn a_later_success_frees_messages_that_were_set_aside() {
    let messages = ordinary(1, 3);
    let server = ModelServer::start(messages[..2].to_vec());
    let sandbox = Sandbox::new();
    configure_script(&sandbox, &server, "cat >/dev/null; exit 1", "keep = false");
    for _ in 0..6 {
        sandbox.fetch();
    }
    server.add(messages[2].clone());
    sandbox.script("mda", DELIVER);
    sandbox.fetch().succeeds().is_silent();

    sandbox.fetch().succeeds().is_silent();

    inbox(&sandbox).holds(&messages);
    assert_eq!(server.count(), 0);
}

#[test]
fn a_message_that_an_mda_never_takes_keeps_no_other_away() {
    let messages = ordinary(1, 6);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let script = r#"
        file=$(mktemp "$HOME/Mail/inbox/tmp/XXXXXX") && cat >"$file"
        case $(grep -m 1 ^Subject: "$file") in
        *'Letter '[123]' '*) rm "$file"; exit 1 ;;
        esac
        mv "$file" "$HOME/Mail/inbox/new""#;
    configure_script(&sandbox, &server, script, "keep = false");
    for _ in 0..8 {
        sandbox.fetch();
    }

    sandbox.fetch().succeeds().is_silent();

    inbox(&sandbox).holds(&messages[3..]);
    assert_eq!(server.count(), 3);
}
