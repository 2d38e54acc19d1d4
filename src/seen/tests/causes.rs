//! Failures of several messages: which are counted, and what takes the counts back.

use super::*;

fn count(test: &TestLedger, step: FailedStep, failed: &[FailedMessage]) -> Vec<Cause> {
    let causes = test.ledger.causes();
    let causes = causes.count(step, failed, Successes::None);
    causes.expect("the database can be written")
}

#[test]
fn three_messages_that_fail_alike_have_a_common_cause() {
    for step in [FailedStep::Retrieval, FailedStep::Deletion] {
        let test = TestLedger::new();
        let two = ["a", "b"].map(|id| refused(id, "quota"));
        let counted = count(&test, step, &two);
        assert_eq!(counted, [Cause::Message(1), Cause::Message(1)]);
        let other = count(&test, step, &[refused("c", "broken")]);
        assert_eq!(other, [Cause::Message(1)]);

        let third = count(&test, step, &[refused("d", "quota")]);

        assert_eq!(third, [Cause::Common]);
        // What was counted before is taken back.
        assert_eq!(
            count(&test, step, &[refused("c", "broken")]),
            [Cause::Message(2)]
        );
        let again = count(&test, step, &two);
        assert_eq!(again, [Cause::Common, Cause::Common]);
    }
}

#[test]
fn a_message_that_others_outlived_is_counted_itself() {
    for step in [FailedStep::Retrieval, FailedStep::Deletion] {
        let test = TestLedger::new();
        let three = ["a", "b", "c"].map(|id| refused(id, "no"));
        assert_eq!(count(&test, step, &three), [Cause::Common; 3]);
        let causes = test.ledger.causes();
        causes.succeed(step).expect("the database can be written");

        let counted = count(&test, step, &three);

        assert_eq!(counted, [Cause::Message(1); 3]);
    }
}

#[test]
fn a_success_lets_messages_set_aside_be_tried_at_once() {
    let test = TestLedger::new();
    for _ in 0..5 {
        count(&test, FailedStep::Retrieval, &[refused("a", "no")]);
    }
    let next_try = || test.ledger.messages().all()[0].1.next_try;
    assert!(next_try() > Moment::now());

    let causes = test.ledger.causes();
    causes
        .succeed(FailedStep::Retrieval)
        .expect("the database can be written");

    assert!(next_try() <= Moment::now());
}

#[test]
fn another_target_lets_staged_messages_be_tried_again() {
    let test = TestLedger::new();
    let causes = test.ledger.causes();
    let [one, other] = [b"one", b"two"].map(|text| Digest::of(text));
    assert!(!causes.note_target(None, &one).expect("it can be written"));
    test.deliver(&[("a", 0)]);
    assert!(causes.note_target(None, &one).expect("it can be written"));

    assert!(!causes.note_target(None, &other).expect("it can be written"));
}

#[test]
fn a_retry_counts_as_one_failure_less_than_too_many() {
    let test = TestLedger::new();
    for _ in 0..7 {
        test.fail("a");
    }

    test.ledger.causes().retry_all().expect("it can be written");

    assert_eq!(test.failures("a"), 4);
    assert_eq!(test.fail("a"), 5);
}
