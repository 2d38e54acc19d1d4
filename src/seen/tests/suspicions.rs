use super::*;
use crate::mail::known::{Deviation, ShortAgain};
use crate::mail::suspicion::Suspicion;
use crate::seen::suspicions::Suspect;

/// Returns the messages in doubt, with what was delivered as them.
fn suspects(test: &TestLedger) -> Vec<(String, u32, Suspicion)> {
    let suspects = test.ledger.suspicions().all();
    let suspects = suspects.expect("the database can be read").into_iter();
    let suspects = suspects.map(|suspect| {
        let Identity { unique_id, copy } = suspect.identity;
        (unique_id.to_string(), copy, suspect.suspicion)
    });
    suspects.collect()
}

/// Delivers messages in a session that puts them in doubt.
fn deliver_in_doubt(test: &TestLedger, ids: &[(&str, u32)]) {
    let suspicions = test.ledger.suspicions();
    let mark = suspicions.mark().expect("the database can be read");
    test.deliver(ids);
    let count = suspicions.suspect_all(mark);
    assert_eq!(count.expect("the database can be written"), ids.len());
}

#[test]
fn only_messages_of_the_session_are_put_in_doubt() {
    let test = TestLedger::new();
    test.deliver(&[("before", 0)]);

    deliver_in_doubt(&test, &[("after", 0), ("after", 1)]);

    let doubtful = Suspicion::OutOfStep;
    let expected = [("after", 0, doubtful), ("after", 1, doubtful)];
    assert_eq!(
        suspects(&test),
        expected.map(|(id, copy, why)| (id.to_owned(), copy, why))
    );
    let proofs = test.confirm(&[("before", 0), ("after", 0), ("after", 1)]);
    let proofs: Vec<_> = proofs.iter().map(Recorded::identity).collect();
    assert_eq!(proofs, [&identity("before", 0)]);
}

#[test]
fn a_trusted_message_may_be_deleted_again() {
    let test = TestLedger::new();
    let suspicions = test.ledger.suspicions();
    let mark = suspicions.mark().expect("the database can be read");
    deliver_in_doubt(&test, &[("a", 0), ("b", 0), ("c", 0)]);
    suspicions
        .set(&identity("a", 0), Suspicion::None)
        .expect("it can be written");
    assert_eq!(test.confirm(&[("a", 0), ("b", 0)]).len(), 1);
    suspicions
        .set(&identity("b", 0), Suspicion::Placeholder)
        .expect("it can be written");

    suspicions.trust_all(mark).expect("it can be written");

    assert_eq!(test.confirm(&[("a", 0), ("b", 0), ("c", 0)]).len(), 2);
}

#[test]
fn a_delivery_gets_the_unique_id_of_its_message() {
    let test = TestLedger::new();
    deliver_in_doubt(&test, &[("a", 0), ("b", 0)]);
    let suspicions = test.ledger.suspicions();
    let all = suspicions.all().expect("it can be read");
    let displaced: &Suspect = &all[1];
    let listed = stored("b", 0, "whatever");

    let apart = suspicions.reassign(&all[0].identity, &listed, Some(displaced), Suspicion::None);

    let apart = apart.expect("it can be written").expect("b was delivered");
    assert!(UniqueId::is_made_up(apart.unique_id.as_octets()));
    let names: Vec<_> = test.states().into_iter().map(|(id, ..)| id).collect();
    assert_eq!(names, ["b", &apart.unique_id.to_string()]);
    assert_eq!(test.confirm(&[("b", 0)]).len(), 1);
    assert_eq!(suspects(&test).len(), 1);
}

#[test]
fn the_search_for_names_ends_for_what_has_none() {
    let test = TestLedger::new();
    deliver_in_doubt(&test, &[("a", 0), ("b", 0), ("c", 0)]);
    let suspicions = test.ledger.suspicions();
    let all = suspicions.all().expect("it can be read");
    suspicions.set_apart(&all[0]).expect("it can be written");
    let absent = test.ledger.messages().note_missing(&[identity("b", 0)], []);
    absent.expect("it can be written");

    suspicions.end_search().expect("it can be written");

    let expected = [
        ("b".to_owned(), 0, Suspicion::OutOfStep),
        ("c".to_owned(), 0, Suspicion::OutOfStep),
    ];
    assert_eq!(suspects(&test), expected);
    assert!(suspicions.are_waiting().expect("it can be read"));
}

#[test]
fn a_server_with_wrong_sizes_frees_all_short_messages() {
    let test = TestLedger::new();
    let (suspicions, checks) = (test.ledger.suspicions(), test.ledger.size_checks());
    let mark = suspicions.mark().expect("the database can be read");
    let ids = [("a", 0), ("b", 0), ("c", 0)];
    test.deliver(&ids);
    suspicions
        .set(&identity("c", 0), Suspicion::Placeholder)
        .expect("it can be written");
    let messages = ids.map(|(id, copy)| Message {
        number: MessageNumber::new(1).expect("it is in range"),
        identity: identity(id, copy),
        size: None,
    });

    suspicions
        .explain(&messages, mark, Suspicion::Short)
        .expect("it can be written");

    suspicions.trust_all(mark).expect("it can be written");
    let short = suspicions.short(mark).expect("it can be read");
    assert_eq!(short, Some((identity("a", 0), 2)));
    assert_eq!(test.confirm(&ids).len(), 0);
    let again = ShortAgain {
        parts: 1,
        ..ShortAgain::default()
    };
    for trusted in [0, 0, 2] {
        checks.note_short_again(again).expect("it can be written");
        assert_eq!(test.confirm(&ids).len(), trusted, "c is a placeholder");
    }
}

#[test]
fn right_sizes_put_short_messages_in_doubt_again() {
    let test = TestLedger::new();
    let checks = test.ledger.size_checks();
    let again = ShortAgain {
        parts: 3,
        ..ShortAgain::default()
    };
    let history = checks.note_short_again(again).expect("it can be written");
    assert!(history.excuses(Deviation::Shorter));

    checks.note_right_sizes().expect("it can be written");

    let history = checks.history().expect("it can be read");
    assert!(!history.excuses(Deviation::Shorter));
}
