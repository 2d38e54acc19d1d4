//! Messages that are found again.

use std::io::{self, Write};

use super::{BARE, FULL, inbox, play};
use crate::exit::Exit;
use crate::imap::{Error, ExaminedMailbox, ImapSession, StoredSize};
use crate::smtp::tests::script::TranscriptServer;

#[test]
fn a_mailbox_is_opened_for_reading_and_closed() {
    let session = "
        C: A1 EXAMINE \"INBOX\"
        S: * FLAGS (\\Seen \\*)
        S: * OK [PERMANENTFLAGS ()] Read-only mailbox.
        S: * 23 EXISTS
        S: * 1 RECENT
        S: * OK [UIDVALIDITY 7] UIDs valid
        S: * OK [UIDNEXT 99] Predicted next UID
        S: A1 OK [READ-ONLY] done";
    let examined = ExaminedMailbox {
        messages: 23,
        uid_validity: Some(7),
        uid_next: Some(99),
        has_passing_uids: false,
    };
    for (greeting, close) in [(FULL, "UNSELECT"), (BARE, "CLOSE")] {
        let end = format!("C: A2 {close}\nS: A2 OK done");
        play(&[greeting, session, &end], |mut session| {
            assert_eq!(session.examine(&inbox()).expect("it is there"), examined);
            session.unselect().expect("it is closed");
        });
    }
}

#[test]
fn messages_before_the_first_are_not_listed() {
    let session = "
        C: A1 UID FETCH 50:* (UID RFC822.SIZE)
        S: * 9 FETCH (UID 49 RFC822.SIZE 10)
        S: * 12 FETCH (UID 53 RFC822.SIZE 5000000000)
        S: * 3 FETCH (FLAGS (\\Seen))
        S: * 11 FETCH (RFC822.SIZE 20 UID 50)
        S: * 12 FETCH (UID 53 RFC822.SIZE 5000000000)
        S: * 1 EXPUNGE
        S: A1 OK done";
    play(&[BARE, session], |mut session| {
        let sizes = session.sizes_from(50).expect("they are listed");
        let size = |uid, octets| StoredSize { uid, octets };
        assert_eq!(sizes, [size(50, 20), size(53, 5_000_000_000)]);
    });
}

#[test]
fn a_message_is_fetched_in_any_form() {
    for (answer, fetched) in [
        (
            "* 5 FETCH (UID 9 BODY[] {6}\\r\\na\\r\\n)b\\n)\\r\\n",
            Some(&b"a\r\n)b\n"[..]),
        ),
        (
            "* 5 FETCH (BODY[] {1}\\r\\nx FLAGS () UID 9)\\r\\n",
            Some(b"x"),
        ),
        ("* 5 FETCH (UID 9 BODY[] {0}\\r\\n)\\r\\n", Some(b"")),
        ("* 5 FETCH (UID 9 BODY[] \"a b\")\\r\\n", Some(b"a b")),
        (
            "* 4 FETCH (FLAGS ())\\r\\n* 5 FETCH (UID 9 BODY[] \"\")\\r\\n",
            Some(b""),
        ),
        ("* 5 FETCH (UID 9 BODY[] NIL)\\r\\n", None),
        ("* 5 EXPUNGE\\r\\n", None),
        ("", None),
    ] {
        let session = format!(
            "
            C: A1 UID FETCH 9 (UID BODY.PEEK[])
            S> {answer}A1 OK done\\r\\n"
        );
        play(&[BARE, &session], |mut session| {
            let mut out = Vec::new();
            let octets = session.fetch_body(9, &mut out).expect("it is fetched");
            assert_eq!(
                octets,
                fetched.map(|fetched| fetched.len() as u64),
                "{answer}"
            );
            assert_eq!(out, fetched.unwrap_or_default());
            assert!(session.is_usable());
        });
    }
}

#[test]
fn only_the_beginning_of_a_long_header_is_kept() {
    let line = format!("X: {}\\r\\n", "x".repeat(995));
    let header = line.repeat(300);
    let transcript = format!(
        "{BARE}
        C: A1 UID FETCH 9 (UID BODY.PEEK[HEADER])
        S> * 1 FETCH (UID 9 BODY[HEADER] {{300000}}\\r\\n{header})\\r\\nA1 OK done\\r\\n"
    );
    let server = TranscriptServer::new(&transcript, usize::MAX);
    let mut session = ImapSession::open(server, None).expect("the server greets");
    let header = session.fetch_header(9).expect("it is fetched");
    assert_eq!(header.map(|header| header.len()), Some(256 * 1024));
    assert!(session.is_usable());
}

#[test]
fn octets_of_another_message_are_an_error() {
    for answer in [
        "* 5 FETCH (UID 8 BODY[] \"x\")\\r\\n",
        "* 5 FETCH (BODY[] \"x\")\\r\\n",
        "* 5 FETCH (UID 9 X {1}\\r\\nx)\\r\\n",
        "* 5 FETCH (UID 9 X {1}\\r\\nx BODY[] \"y\")\\r\\n",
        "* 5 FETCH (UID 9 BODY[] {1}\\r\\nx BODY[] {1}\\r\\ny)\\r\\n",
        "* 5 FETCH (UID 9 BODY[] {1}\\r\\nx)\\r\\n* 5 FETCH (UID 9 BODY[] \"x\")\\r\\n",
        "* 5 FETCH (UID 9 BODY[] {9999999999999}\\r\\n",
        "* 5 FETCH (UID 9 BODY[] {5}\\r\\nabc",
        "A2 OK done\\r\\n",
        "+ go on\\r\\n",
        "* BYE\\r\\n",
    ] {
        let session = format!(
            "
            C: A1 UID FETCH 9 (UID BODY.PEEK[])
            S> {answer}"
        );
        play(&[BARE, &session], |mut session| {
            session
                .fetch_body(9, &mut Vec::new())
                .expect_err("it fails");
            assert!(!session.is_usable(), "{answer}");
        });
    }
}

#[test]
fn a_full_disk_ends_the_session() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let session = "
        C: A1 UID FETCH 9 (UID BODY.PEEK[])
        S> * 5 FETCH (UID 9 BODY[] {3}\\r\\nabc)\\r\\n";
    play(&[BARE, session], |mut session| {
        let error = session
            .fetch_body(9, &mut Full)
            .expect_err("nothing can be kept");
        assert!(matches!(error, Error::Output(_)) && !session.is_usable());
        assert_eq!(error.exit(), Exit::LocalIo);
    });
}
