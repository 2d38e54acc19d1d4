//! Questions about mailboxes.

use super::{BARE, inbox, play};
use crate::exit::Exit;
use crate::imap::{Error, MailboxName, MailboxStatus};

#[test]
fn the_state_of_a_mailbox_is_reported() {
    let session = "
        C: A1 STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY)
        S: * 4 EXISTS
        S: * OK [ALERT] disk nearly full
        S: * STATUS INBOX (UIDVALIDITY 7 UIDNEXT 12 MESSAGES 3)
        S: A1 OK done";
    play(&[BARE, session], |mut session| {
        let status = session.status(&inbox()).expect("there is an inbox");
        let expected = MailboxStatus {
            messages: Some(3),
            uid_validity: Some(7),
            uid_next: Some(12),
            append_limit: None,
        };
        assert_eq!(status, expected);
    });
}

#[test]
fn the_lower_limit_of_a_message_counts() {
    for (announced, of_mailbox, limit) in [
        ("APPENDLIMIT", "APPENDLIMIT 500 ", Some(500)),
        ("APPENDLIMIT", "APPENDLIMIT NIL ", None),
        ("APPENDLIMIT APPENDLIMIT=400", "APPENDLIMIT 500 ", Some(400)),
    ] {
        let greeting = format!("S: * OK [CAPABILITY IMAP4rev1 {announced}] ready");
        let session = format!(
            "
            C: A1 STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY APPENDLIMIT)
            S: * STATUS INBOX ({of_mailbox}UIDNEXT 1)
            S: A1 OK done"
        );
        play(&[&greeting, &session], |mut session| {
            let status = session.status(&inbox()).expect("there is an inbox");
            assert_eq!(status.append_limit, limit);
        });
    }
}

#[test]
fn a_missing_mailbox_can_be_created() {
    let session = "
        C: A1 LIST \"\" \"\"
        S: * LIST (\\Noselect) \".\" \"\"
        S: A1 OK done
        C: A2 STATUS \"Entw&APw-rfe.2026\" (MESSAGES UIDNEXT UIDVALIDITY)
        S: A2 NO [NONEXISTENT] no such mailbox
        C: A3 CREATE \"Entw&APw-rfe.2026\"
        S: A3 OK done
        C: A4 SUBSCRIBE \"Entw&APw-rfe.2026\"
        S: A4 OK done
        C: A5 CREATE \"Entw&APw-rfe.2026\"
        S: A5 NO [ALREADYEXISTS] another client was faster
        C: A6 CREATE \"Entw&APw-rfe.2026\"
        S: A6 NO [NOPERM] not yours";
    play(&[BARE, session], |mut session| {
        let delimiter = session.delimiter().expect("there is one");
        let mailbox = MailboxName::new("Entwürfe/2026", delimiter).expect("it is a name");
        let error = session.status(&mailbox).expect_err("it does not exist");
        assert_eq!(error.exit(), Exit::CannotCreate);
        assert_eq!(
            error.to_string(),
            "the server refused STATUS: NO [NONEXISTENT] no such mailbox"
        );
        session.create(&mailbox).expect("it is created");
        session.subscribe(&mailbox).expect("it is subscribed");
        session.create(&mailbox).expect("it exists");
        let error = session.create(&mailbox).expect_err("it is refused");
        assert_eq!(error.exit(), Exit::Configuration);
        assert!(session.is_usable());
    });
}

#[test]
fn responses_out_of_step_end_the_session() {
    for response in [
        "S: A2 OK done",
        "S: + go on",
        "S: A1 BYE",
        "S: hello",
        "S: * BYE",
        "S: * 1 FETCH (BODY[] {1000000}",
        "S: * SEARCH {3}",
        "",
    ] {
        let session = format!("C: A1 LIST \"\" \"\"\n{response}");
        play(&[BARE, &session], |mut session| {
            session.delimiter().expect_err("it fails");
            assert!(!session.is_usable(), "{response}");
        });
    }
}

#[test]
fn a_missing_value_is_named() {
    let session = "
        C: A1 LIST \"\" \"\"
        S: A1 OK done";
    play(&[BARE, session], |mut session| {
        let error = session.delimiter().expect_err("there is none");
        assert!(matches!(error, Error::Missing { .. }));
        assert_eq!(
            error.to_string(),
            "the answer to LIST lacks the hierarchy delimiter"
        );
        assert!(session.is_usable());
    });
}
