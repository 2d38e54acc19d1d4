//! The order staged, delivered, recorded, gone; and the state after each failure.

use super::*;

#[test]
fn a_message_is_staged_then_delivered_then_gone() {
    let test = TestLedger::new();

    let staged = test.stage(&[("a", 0)]);
    assert_eq!(test.states(), [("a".to_owned(), 0, "staged")]);

    test.record(&staged.into_iter().map(delivered).collect::<Vec<_>>());
    assert_eq!(test.states(), [("a".to_owned(), 0, "delivered")]);

    test.delete(&[("a", 0)]);
    assert_eq!(test.states(), [("a".to_owned(), 0, "gone")]);
}

#[test]
fn a_delivery_is_recorded_with_its_time() {
    let test = TestLedger::new();

    test.deliver(&[("a", 0)]);

    let (_, message) = test.ledger.messages().all()[0];
    assert!(matches!(message.state, State::Delivered(when) if is_recent(when)));
    assert_eq!(message.size, Some(100));
}

#[test]
fn no_message_may_be_deleted_before_its_delivery_is_recorded() {
    let test = TestLedger::new();
    test.stage(&[("staged", 0)]);
    test.fail("failed");
    let seen = [listed("seen")].into_iter();
    test.ledger
        .messages()
        .mark_seen(seen)
        .expect("it can be written");

    let proofs = test.confirm(&[("staged", 0), ("failed", 0), ("seen", 0), ("unknown", 0)]);

    assert!(proofs.is_empty(), "{proofs:?}");
}

#[test]
fn a_recorded_message_may_be_deleted() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0), ("a", 1)]);

    let proofs = test.confirm(&[("a", 0), ("a", 1), ("a", 2)]);

    let copies: Vec<_> = proofs.iter().map(|proof| proof.identity().copy).collect();
    assert_eq!(copies, [0, 1]);
}

#[test]
fn a_known_message_cannot_be_staged_again() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0)]);

    let again = vec![durable("b", 0, "b"), durable("a", 0, "a")];
    let staged = test.ledger.custody().stage(again, &place(), &[]);

    // Nothing of the batch was written, not even the message that is new.
    staged.expect_err("the key of the second message is taken");
    assert_eq!(test.states(), [("a".to_owned(), 0, "delivered")]);
}

#[test]
fn a_message_that_has_only_failed_can_be_staged() {
    let test = TestLedger::new();
    test.fail("a");

    test.stage(&[("a", 0)]);

    assert_eq!(test.states(), [("a".to_owned(), 0, "staged")]);
    assert_eq!(test.failures("a"), 0);
}

#[test]
fn a_staged_message_is_recalled_as_it_was_staged() {
    let test = TestLedger::new();
    test.stage(&[("a", 1)]);

    let recalled = test.ledger.custody().staged().expect("it can be read");

    let [staged] = &recalled[..] else {
        panic!("one message was staged: {recalled:?}");
    };
    let expected = stored("a", 1, "a");
    let actual = staged.stored();
    assert_eq!(staged.place(), &place());
    assert_eq!(actual.identity, expected.identity);
    assert_eq!(actual.file_name, expected.file_name);
    assert_eq!(actual.digest, expected.digest);
    assert_eq!(actual.header.digest, expected.header.digest);
    assert_eq!((actual.size, actual.octets), (Some(100), 102));
    assert!(!staged.history().is_fresh);
    assert!(!staged.history().was_handed_over);
}

#[test]
fn a_kept_message_stays_staged_and_counts_its_failures() {
    let test = TestLedger::new();
    for failures in 1..=3 {
        let staged = match failures {
            1 => test.stage(&[("a", 0)]),
            _ => test.ledger.custody().staged().expect("it can be read"),
        };
        let kept = staged[0].kept(not_delivered(false));

        test.record(&[kept]);

        assert_eq!(test.states(), [("a".to_owned(), 0, "staged")]);
        assert_eq!(test.failures("a"), failures);
    }
}

#[test]
fn a_lost_message_is_forgotten_and_may_be_staged_again() {
    let test = TestLedger::new();
    let staged = test.stage(&[("a", 0), ("b", 0)]);

    test.record(&[staged[0].lost()]);

    assert_eq!(test.states(), [("b".to_owned(), 0, "staged")]);
    test.stage(&[("a", 0)]);
}

#[test]
fn outcomes_are_recorded_together_with_the_next_batch() {
    let test = TestLedger::new();
    let staged = test.stage(&[("a", 0)]);
    let outcomes: Vec<_> = staged.into_iter().map(delivered).collect();

    let next = vec![durable("b", 0, "b")];
    let next = test.ledger.custody().stage(next, &place(), &outcomes);

    assert_eq!(next.expect("it can be written").0.len(), 1);
    let expected = [
        ("a".to_owned(), 0, "delivered"),
        ("b".to_owned(), 0, "staged"),
    ];
    assert_eq!(test.states(), expected);
}

#[test]
fn a_message_that_an_mda_may_have_is_remembered_as_handed_over() {
    let test = TestLedger::new();
    let staged = test.stage(&[("a", 0)]);

    test.announce(staged, "procmail");

    // The next run reads this after a kill.
    let recalled = test.ledger.custody().staged().expect("it can be read");
    assert!(recalled[0].history().was_handed_over);
}

#[test]
fn an_outcome_belongs_to_its_message_also_after_that_has_got_another_name() {
    let delivered_late = |staged: &Staged, test: &TestLedger| {
        let staged = Staged::recalled(
            staged.key(),
            staged.stored().clone(),
            staged.place().clone(),
            *staged.history(),
        );
        test.record(&[delivered(staged)]);
    };
    for (end, expected) in [
        (
            &delivered_late as &dyn Fn(&Staged, &TestLedger),
            &[("a", "staged"), ("z", "delivered")][..],
        ),
        (
            &|staged, test| test.record(&[staged.lost()]),
            &[("a", "staged")],
        ),
    ] {
        let test = TestLedger::new();
        let staged = test.stage(&[("a", 0)]);
        // While another thread has it, a session lists it under another unique-id, and a new one under its own.
        let renamed = [(identity("a", 0), identity("z", 0))];
        let renamed = test.ledger.recognition().rename(&renamed);
        renamed.expect("it can be written");
        test.stage(&[("a", 0)]);

        let staged = test.announce(staged, "procmail");
        let recalled = test.ledger.custody().staged().expect("it can be read");
        let marked = recalled
            .iter()
            .filter(|staged| staged.history().was_handed_over);
        let marked: Vec<_> = marked.map(|staged| &staged.stored().identity).collect();
        assert_eq!(marked, [&identity("z", 0)]);

        end(&staged[0], &test);

        let states = expected
            .iter()
            .map(|(id, state)| ((*id).to_owned(), 0, *state));
        assert_eq!(test.states(), states.collect::<Vec<_>>());
    }
}

#[test]
fn a_message_whose_delivery_failed_clearly_is_not_in_doubt() {
    let test = TestLedger::new();
    let staged = test.stage(&[("clear", 0), ("doubt", 0)]);
    let staged = test.announce(staged, "procmail");

    test.record(&[
        staged[0].kept(not_delivered(true)),
        staged[1].kept_in_doubt("stopped", None),
    ]);

    let recalled = test.ledger.custody().staged().expect("it can be read");
    for staged in recalled {
        let is_doubt = staged.stored().identity == identity("doubt", 0);
        assert_eq!(staged.history().was_handed_over, is_doubt);
    }
}
