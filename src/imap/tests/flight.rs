//! Several messages in one flight.

use super::{FULL, inbox, message, play};
use crate::imap::{AppendFlight, Error, Fate};

/// LITERAL+ without MULTIAPPEND.
const PIPELINED: &str = "S: * OK [CAPABILITY IMAP4rev1 LITERAL+ UIDPLUS] ready";

/// The fates of messages, and true if the session can go on.
fn flown(transcripts: &[&str], messages: &[&[u8]]) -> (Vec<String>, Option<Error>, bool) {
    let mut flown = None;
    play(transcripts, |mut session| {
        let messages = messages.iter().map(|octets| message(*octets)).collect();
        let AppendFlight { fates, error } = session.append_all(&inbox(), messages);
        let shown = fates.iter().map(shown).collect();
        flown = Some((shown, error, session.is_usable()));
    });
    flown.expect("a session was played")
}

fn shown(fate: &Fate) -> String {
    match fate {
        Fate::Stored(appended) => match appended.uid {
            Some(uid) => format!("stored {}/{}", uid.uid_validity, uid.uid),
            None => "stored".to_owned(),
        },
        Fate::Refused(answer) => answer.kind(),
        Fate::InDoubt => "in doubt".to_owned(),
        Fate::NotStored => "not stored".to_owned(),
    }
}

#[test]
fn one_command_takes_all_with_multiappend() {
    let session = "
        C: A1 APPEND \"INBOX\" {1+}
        C> a {2+}\\r\\nbc {0+}\\r\\n\\r\\n
        S: A1 OK [APPENDUID 7 3:4,9] done";
    let (fates, error, goes_on) = flown(&[FULL, session], &[b"a", b"bc", b""]);
    assert_eq!(fates, ["stored 7/3", "stored 7/4", "stored 7/9"]);
    assert!(error.is_none() && goes_on);
}

#[test]
fn a_wrong_number_of_uids_names_nobody() {
    let session = "
        C: A1 APPEND \"INBOX\" {1+}
        C> a {1+}\\r\\nb\\r\\n
        S: A1 OK [APPENDUID 7 3] done";
    let (fates, error, _) = flown(&[FULL, session], &[b"a", b"b"]);
    assert_eq!(fates, ["stored", "stored"]);
    assert!(error.is_none());
}

#[test]
fn a_refused_group_blames_no_message() {
    let session = "
        C: A1 APPEND \"INBOX\" {1+}
        C> a {1+}\\r\\nb\\r\\n
        S: A1 NO one of them is bad";
    let (fates, error, goes_on) = flown(&[FULL, session], &[b"a", b"b"]);
    assert_eq!(fates, ["not stored", "not stored"]);
    let error = error.expect("there is a reason");
    assert!(goes_on && !error.is_in_doubt() && error.refusal().is_some());
}

#[test]
fn a_lost_answer_leaves_the_whole_group_in_doubt() {
    let session = "
        C: A1 APPEND \"INBOX\" {1+}
        C> a {1+}\\r\\nb\\r\\n
        S: * BYE later";
    let (fates, error, goes_on) = flown(&[FULL, session], &[b"a", b"b"]);
    assert_eq!(fates, ["in doubt", "in doubt"]);
    assert!(!goes_on && error.is_some_and(|error| error.is_in_doubt()));
}

#[test]
fn an_unfinished_group_is_not_stored() {
    let long = vec![b'x'; (1 << 20) + 1];
    let session = "
        C: A1 APPEND \"INBOX\" {1+}
        C> a {1048577}\\r\\n
        S: * BYE later";
    let (fates, error, goes_on) = flown(&[FULL, session], &[b"a", &long]);
    assert_eq!(fates, ["not stored", "not stored"]);
    assert!(!goes_on && error.is_some_and(|error| !error.is_in_doubt()));
}

#[test]
fn pipelined_messages_have_their_own_answers() {
    let session = "
        C: A1 APPEND \"INBOX\" {1+}
        C> a\\r\\n
        C: A2 APPEND \"INBOX\" {1+}
        C> b\\r\\n
        C: A3 APPEND \"INBOX\" {1+}
        C> c\\r\\n
        S: A1 OK [APPENDUID 7 3] done
        S: * 3 EXISTS
        S: A3 OK [APPENDUID 7 5] done
        S: A2 NO bad";
    let (fates, error, goes_on) = flown(&[PIPELINED, session], &[b"a", b"b", b"c"]);
    assert_eq!(fates, ["stored 7/3", "NO", "stored 7/5"]);
    assert!(error.is_none() && goes_on);
}

#[test]
fn a_flight_has_a_limit() {
    let message = |number| format!("C: A{number} APPEND \"INBOX\" {{1+}}\nC> x\\r\\n\n");
    let answer = |number| format!("S: A{number} OK done\n");
    let first: String = (1..=16).map(message).collect();
    let second: String = (1..=2).map(|at| answer(at) + &message(at + 16)).collect();
    let rest: String = (3..=18).map(answer).collect();
    let messages = vec![&b"x"[..]; 18];
    let (fates, error, _) = flown(&[PIPELINED, &(first + &second + &rest)], &messages);
    assert!(fates.iter().all(|fate| fate == "stored") && error.is_none());
}

#[test]
fn octets_without_an_answer_have_a_limit() {
    let octets = "x".repeat(600_000);
    let message =
        |number| format!("C: A{number} APPEND \"INBOX\" {{600000+}}\nC> {octets}\\r\\n\n");
    let session = message(1) + "S: A1 OK done\n" + &message(2) + "S: A2 OK done\n";
    let messages = [octets.as_bytes(); 2];
    let (fates, error, _) = flown(&[PIPELINED, &session], &messages);
    assert!(fates == ["stored", "stored"] && error.is_none());
}

#[test]
fn a_long_message_flies_alone() {
    let long = vec![b'x'; (1 << 20) + 1];
    let session = "
        C: A1 APPEND \"INBOX\" {1+}
        C> a\\r\\n
        S: A1 OK done
        C: A2 APPEND \"INBOX\" {1048577}
        S: A2 NO [TOOBIG] too long
        C: A3 APPEND \"INBOX\" {1+}
        C> b\\r\\n
        S: A3 OK done";
    let (fates, error, goes_on) = flown(&[PIPELINED, session], &[b"a", &long, b"b"]);
    assert_eq!(fates, ["stored", "NO [TOOBIG]", "stored"]);
    assert!(error.is_none() && goes_on);
}

#[test]
fn a_cut_tells_sent_messages_from_others() {
    let session = "
        C: A1 APPEND \"INBOX\" {1+}
        C> a\\r\\n
        C: A2 APPEND \"INBOX\" {1+}
        C> b\\r\\n
        break";
    let long = vec![b'x'; 200_000];
    let (fates, error, goes_on) = flown(&[PIPELINED, session], &[b"a", b"b", &long, b"c"]);
    assert_eq!(fates, ["in doubt", "in doubt", "not stored", "not stored"]);
    assert!(error.is_some() && !goes_on);
    let session = "
        C: A1 APPEND \"INBOX\" {1+}
        C> a\\r\\n
        C: A2 APPEND \"INBOX\" {1+}
        C> b\\r\\n
        S: A1 OK done
        S: A9 OK done";
    let (fates, error, goes_on) = flown(&[PIPELINED, session], &[b"a", b"b"]);
    assert_eq!(fates, ["stored", "in doubt"]);
    assert!(error.is_some_and(|error| error.is_in_doubt()) && !goes_on);
}
