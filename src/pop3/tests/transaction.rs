use std::time::Duration;

use crate::exit::Exit;
use crate::limits;
use crate::mail::deletable::{Deletable, Ordered, Recorded};
use crate::mail::maildrop::{Identity, Listing, UniqueId};
use crate::mail::total::MaildropTotal;
use crate::pace::Pace;

use crate::pop3::Error;

use crate::pop3::command::Command;
use crate::pop3::server_profile::ServerProfile;
use crate::pop3::session_hints::{Pipelining, PipeliningLog, Sizes};
use crate::pop3::tests::script::ScriptedServer;
use crate::pop3::tests::{number, session};
use crate::pop3::transaction::{GoOn, QuitReply, Transaction};
use crate::pop3::wire::Wire;

/// Shows a listing as `number unique-id size` for each message.
fn shown(listing: &Listing) -> Vec<String> {
    listing
        .positions()
        .map(|position| {
            let unique_id = String::from_utf8_lossy(listing.unique_id(position));
            let size = listing.size(position);
            let size = size.map_or_else(|| "?".to_owned(), |size| size.to_string());
            format!("{} {unique_id} {size}", listing.number(position))
        })
        .collect()
}

fn recorded(numbers: [u32; 3]) -> Vec<Deletable> {
    numbers
        .into_iter()
        .map(|n| {
            let unique_id = UniqueId::new(b"a").expect("the unique-id is valid");
            let identity = Identity { unique_id, copy: 0 };
            match n {
                1 => Deletable::Ordered(Ordered::new(number(n), identity)),
                _ => Deletable::Recorded(Recorded::new(number(n), identity)),
            }
        })
        .collect()
}

#[test]
fn listings_are_asked_for_in_one_flight_if_the_server_pipelines() {
    for (pipelining, sizes, script) in [
        (
            true,
            Sizes::Each,
            "C: UIDL\nC: LIST\nS: +OK\nS: 1 a\nS: 2 b\nS: .\nS: +OK\nS: 1 10\nS: 2 20\nS: .",
        ),
        (
            false,
            Sizes::Each,
            "C: UIDL\nS: +OK\nS: 1 a\nS: 2 b\nS: .\nC: LIST\nS: +OK\nS: 1 10\nS: 2 20\nS: .",
        ),
        (
            true,
            Sizes::Total,
            "C: UIDL\nC: STAT\nS: +OK\nS: 1 a\nS: 2 b\nS: .\nS: +OK 2 30",
        ),
        (false, Sizes::Total, "C: UIDL\nS: +OK\nS: 1 a\nS: 2 b\nS: ."),
    ] {
        let listing = session(pipelining, script).list(sizes).expect(script);
        let expected = match sizes {
            Sizes::Each => ["1 a 10", "2 b 20"],
            Sizes::Total => ["1 a ?", "2 b ?"],
        };
        assert_eq!(shown(&listing), expected);
    }
}

#[test]
fn the_sum_of_sizes_is_asked_for_once() {
    let known = MaildropTotal::Known {
        messages: 1,
        octets: 10,
    };
    let listed = "S: +OK\nS: 1 a\nS: .";
    for (pipelining, before, after, answer, total) in [
        (true, "C: STAT\n", "", "+OK 1 10", known),
        (false, "", "C: STAT\n", "+OK 1 10", known),
        (true, "C: STAT\n", "", "-ERR what?", MaildropTotal::Unknown),
        (false, "", "C: STAT\n", "+OK", MaildropTotal::Unknown),
    ] {
        let script = format!("C: UIDL\n{before}{listed}\n{after}S: {answer}");
        let mut session = session(pipelining, &script);
        let mut listing = session.list(Sizes::Total).expect(&script);
        session.add_total(&mut listing).expect(&script);
        assert_eq!(listing.total(), total, "{script}");
    }
}

#[test]
fn a_listing_that_was_asked_for_at_login_is_only_read() {
    let script = "S: +OK\nS: 1 a\nS: .\nS: +OK\nS: 1 10\nS: .";
    let server = ScriptedServer::new(&format!("C: UIDL\nC: LIST\n{script}"));
    let mut wire = Wire::new(server, None, PipeliningLog::default());
    wire.send(&[Command::Uidl, Command::List]).expect("sent");
    let mut session = Transaction::new(wire, ServerProfile::default(), Pipelining::Always)
        .expecting(Some(Sizes::Each));
    let listing = session.list(Sizes::Each).expect("both answers are there");
    assert_eq!(shown(&listing), ["1 a 10"]);
}

#[test]
fn a_server_without_uidl_stays_in_step() {
    let script = "C: UIDL\nC: LIST\nS: -ERR unknown command\nS: +OK\nS: 1 10\nS: .\nC: LIST\nS: +OK\nS: 1 10\n\
                  S: .";
    let mut session = session(true, script);
    let listed = session.list(Sizes::Each);
    assert!(matches!(listed, Err(Error::NoUniqueIds(_))));
    let listing = session.list_unnamed().expect("LIST is answered");
    assert_eq!(listing.len(), 1);
    assert!(listing.names_are_made_up());
}

#[test]
fn a_temporary_refusal_of_uidl_does_not_mean_that_it_is_missing() {
    let mut session = session(false, "C: UIDL\nS: -ERR [SYS/TEMP] disk is full");
    let listed = session.list(Sizes::Total);
    assert!(matches!(listed, Err(Error::ListingRefused { .. })));
}

#[test]
fn a_refused_uidl_may_mean_that_there_is_no_message() {
    const REFUSED: &str = "C: UIDL\nS: -ERR no messages\n";
    for (pipelining, sizes, script) in [
        (false, Sizes::Total, format!("{REFUSED}C: STAT\nS: +OK 0 0")),
        (false, Sizes::Each, format!("{REFUSED}C: STAT\nS: +OK 0 0")),
        (
            true,
            Sizes::Total,
            "C: UIDL\nC: STAT\nS: -ERR no messages\nS: +OK 0 0".to_owned(),
        ),
        (
            true,
            Sizes::Each,
            "C: UIDL\nC: LIST\nS: -ERR empty\nS: -ERR empty\nC: STAT\nS: +OK 0 0".to_owned(),
        ),
    ] {
        let listing = session(pipelining, &script).list(sizes).expect(&script);
        assert!(listing.is_empty(), "{script}");
    }
}

#[test]
fn a_refused_uidl_is_a_missing_command_only_without_an_announcement() {
    for (announced, said, is_missing) in [
        ("PIPELINING", "unknown command", true),
        ("PIPELINING", "no", true),
        ("PIPELINING", "internal error", false),
        ("PIPELINING", "access denied", false),
        ("PIPELINING,UIDL", "unknown command", false),
        ("PIPELINING,UIDL", "no", false),
    ] {
        let answers = format!("S: -ERR {said}\nS: +OK\nS: 1 10\nS: .");
        let server = ScriptedServer::new(&format!("C: UIDL\nC: LIST\n{answers}"));
        let wire = Wire::new(server, None, PipeliningLog::default());
        let profile = ServerProfile::parse(&format!("{announced}\n{announced}\ntls 1"));
        let profile = profile.expect("it is a profile");
        let error = Transaction::new(wire, profile, Pipelining::Always)
            .list(Sizes::Each)
            .expect_err(said);
        assert_eq!(matches!(error, Error::NoUniqueIds(_)), is_missing, "{said}");
        let exit = if is_missing {
            Exit::Unavailable
        } else {
            Exit::Temporary
        };
        assert_eq!(error.exit(), exit, "{announced} {said}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn an_unbelievable_listing_is_an_error() {
    for script in [
        "C: UIDL\nS: +OK\nS: a 1\nS: .",
        "C: UIDL\nS: +OK\nS: 0 a\nS: .",
        "C: UIDL\nS: +OK\nS: -1 a\nS: .",
        "C: UIDL\nS: +OK\nS: 2147483648 a\nS: .",
        "C: UIDL\nS: +OK\nS: 1 a\nS: 1 b\nS: .",
    ] {
        let listed = session(false, script).list(Sizes::Total);
        assert!(
            matches!(
                listed,
                Err(Error::BadListing {
                    command: "UIDL",
                    ..
                })
            ),
            "{script}"
        );
    }
    let cut = session(false, "C: UIDL\nS: +OK\nS: 1 a").list(Sizes::Total);
    assert!(matches!(cut, Err(Error::Closed(_))));
}

#[test]
fn a_server_that_refuses_list_leaves_the_sizes_unknown() {
    let script = "C: UIDL\nS: +OK\nS: 1 a\nS: .\nC: LIST\nS: -ERR";
    let listing = session(false, script).list(Sizes::Each).expect(script);
    assert_eq!(shown(&listing), ["1 a ?"]);
}

#[test]
fn sizes_are_joined_by_number_and_only_hints() {
    // Exchange lists -1 for a message that it cannot render, and messages can arrive in between.
    let script =
        "C: UIDL\nS: +OK\nS: 1 a\nS: 2 b\nS: .\nC: LIST\nS: +OK\nS: 2 20\nS: 1 -1\nS: 3 30\nS: .";
    let listing = session(false, script).list(Sizes::Each).expect(script);
    assert_eq!(shown(&listing), ["1 a ?", "2 b 20"]);
}

#[test]
fn each_deletion_is_answered_for_itself() {
    let one_flight = "C: DELE 1\nC: DELE 2\nC: DELE 3\nS: +OK\nS: -ERR no\nS: +OK";
    let lockstep = "C: DELE 1\nS: +OK\nC: DELE 2\nS: -ERR no\nC: DELE 3\nS: +OK";
    for (pipelining, script) in [(true, one_flight), (false, lockstep)] {
        let recorded = recorded([1, 2, 3]);
        let mut answers = Vec::new();
        session(pipelining, script)
            .delete(&recorded, |recorded, answer| {
                answers.push((recorded.number().value(), answer.is_ok()));
                GoOn::Yes
            })
            .expect(script);
        assert_eq!(answers, [(1, true), (2, false), (3, true)]);
    }
}

#[test]
fn a_connection_that_ends_among_deletions_is_an_error() {
    let recorded = recorded([1, 2, 3]);
    let mut marked = 0;
    let script = "C: DELE 1\nC: DELE 2\nC: DELE 3\nS: +OK";
    let deleted = session(true, script).delete(&recorded, |_, _| {
        marked += 1;
        GoOn::Yes
    });
    let broken = deleted.expect_err("the connection is closed");
    assert!(matches!(broken.source, Error::Closed(_)));
    assert_eq!(
        broken.awaited.map(|recorded| recorded.number().value()),
        Some(2)
    );
    assert_eq!(marked, 1);
}

#[test]
fn only_a_positive_answer_to_quit_commits() {
    assert!(matches!(
        session(false, "C: QUIT\nS: +OK").quit(),
        QuitReply::Committed
    ));
    for script in [
        "C: QUIT\nS: -ERR some messages were not deleted",
        "C: QUIT\nS: + ",
        "C: QUIT\nS: bye",
        "C: QUIT",
        "C: QUIT\nfail timed out",
    ] {
        let reply = session(false, script).quit();
        assert!(matches!(reply, QuitReply::Unknown(_)), "{script}");
    }
}

#[test]
fn leaving_does_not_wait_for_the_answer() {
    let session = session(false, "C: QUIT\nfail timed out");
    session.leave().expect("QUIT is sent");
}

#[test]
fn pipelining_can_be_forbidden_whatever_is_announced() {
    let script = "C: UIDL\nS: +OK\nS: .\nC: LIST\nS: +OK\nS: .";
    let wire = Wire::new(ScriptedServer::new(script), None, PipeliningLog::default());
    let profile = ServerProfile::parse("-\nPIPELINING").expect("the profile is valid");
    let mut session = Transaction::new(wire, profile, Pipelining::Never);
    let listing = session.list(Sizes::Each).expect("both are answered");
    assert!(listing.is_empty());
}

#[test]
fn the_answer_to_quit_is_awaited_for_long_only_after_dele() {
    const TIMEOUT: Duration = Duration::from_secs(60);
    for (script, marks, longest) in [
        ("C: QUIT\nS: +OK", 0, limits::UNNEEDED_REPLY_TIMEOUT),
        ("C: DELE 1\nS: +OK\nC: QUIT\nS: +OK", 1, TIMEOUT),
    ] {
        let pace = Pace::default();
        let wire = Wire::new(ScriptedServer::new(script), None, PipeliningLog::default());
        let wire = wire.paced_by(pace.clone());
        let profile = ServerProfile::default();
        let mut session = Transaction::new(wire, profile, Pipelining::Never);
        let marked = &recorded([1, 2, 3])[..marks];
        session.delete(marked, |_, _| GoOn::Yes).expect(script);
        assert!(matches!(session.quit(), QuitReply::Committed), "{script}");
        assert_eq!(pace.longest_silence(TIMEOUT), longest, "{script}");
    }
}
