//! Hand-overs to programs and mail servers.

use super::super::Deliveries;
use super::*;
use crate::mail::known::Delivery;

fn log(test: &TestLedger) -> Vec<Delivery> {
    let deliveries = Deliveries::open(&test.folder()).expect("it was opened before");
    let mut log = Vec::new();
    let read = deliveries.for_each::<crate::seen::Error>(None, 0, |delivery| {
        log.push(delivery);
        Ok(())
    });
    read.expect("it can be read");
    log
}

fn recall(test: &TestLedger) -> Vec<Staged> {
    test.ledger.custody().staged().expect("it can be read")
}

#[test]
fn the_log_names_the_target_that_took_a_message() {
    let test = TestLedger::new();
    let refused = test.announce(test.stage(&[("a", 0)]), "procmail");
    test.record(&[refused[0].kept(not_delivered(false))]);

    let taken = test.announce(recall(&test), "maildrop");
    test.record(&taken.into_iter().map(delivered).collect::<Vec<_>>());

    let [delivery] = &log(&test)[..] else {
        panic!("one message was delivered");
    };
    assert_eq!(delivery.takers[0].name, "maildrop");
    assert!(!delivery.was_repeated);
}

#[test]
fn a_message_that_a_target_may_have_twice_is_marked() {
    let test = TestLedger::new();
    test.announce(test.stage(&[("a", 0)]), "procmail");

    let again = test.announce(recall(&test), "procmail");
    test.record(&again.into_iter().map(delivered).collect::<Vec<_>>());

    assert!(log(&test)[0].was_repeated);
}

#[test]
fn a_message_that_the_former_target_may_have_is_marked() {
    let test = TestLedger::new();
    test.announce(test.stage(&[("a", 0)]), "procmail");

    let again = test.announce(recall(&test), "maildrop");
    test.record(&again.into_iter().map(delivered).collect::<Vec<_>>());

    let log = log(&test);
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].takers[0].name, "maildrop");
    assert!(log[0].was_repeated);
}

#[test]
fn nothing_is_left_of_the_hand_over_of_a_lost_message() {
    let test = TestLedger::new();
    let staged = test.announce(test.stage(&[("a", 0)]), "procmail");
    test.record(&[staged[0].lost()]);

    test.stage(&[("a", 0)]);

    assert!(!recall(&test)[0].history().was_handed_over);
}

#[test]
fn a_message_that_a_search_took_for_an_equal_one_is_handed_over_again() {
    let test = TestLedger::new();
    let equal = ["sought", "stored"].map(|id| durable(id, 0, "equal"));
    let staged = test.ledger.custody().stage(equal.into(), &place(), &[]);
    let announced = test.announce(staged.expect("they are new").0, "imap");
    let [sought, stored] = <[Staged; 2]>::try_from(announced).expect("there are two");
    let location = Location("1/2".to_owned());
    let claim = || test.ledger.custody().claim(sought.outcome_key(), &location);
    assert!(claim().expect("it can be written"));

    // The server answers only now.
    let taken = Delivered::new(stored, ServerText::default());
    test.record(&[Outcome::Delivered(taken.at(Some(location.clone())))]);

    let states = test.states();
    assert!(
        states.iter().all(|(_, _, state)| *state == "staged"),
        "{states:?}"
    );
    let again = recall(&test);
    let in_doubt = again
        .iter()
        .filter(|staged| staged.history().was_handed_over);
    let in_doubt: Vec<_> = in_doubt.map(|staged| &staged.stored().identity).collect();
    assert_eq!(in_doubt, [&identity("sought", 0)]);
}

/// Lets each target take the messages that wait for it.
fn take(test: &TestLedger, target: &str) -> usize {
    let staged = test.ledger.custody().staged_for(test.target(target));
    let taken = test.announce(staged.expect("it can be read"), target);
    let outcomes: Vec<_> = taken.into_iter().map(delivered).collect();
    test.record(&outcomes);
    outcomes.len()
}

/// Sets the targets of the account.
fn set_targets(test: &TestLedger, names: &[&str]) {
    let targets: Vec<_> = names.iter().map(|name| test.target(name)).collect();
    let set = test.ledger.custody().set_targets(&targets, targets.len());
    set.expect("it can be written");
}

/// Stages a message in the spool.
fn spool(test: &TestLedger, id: &str) {
    let place = TargetPlace {
        program: Some("spool".to_owned()),
        ..place()
    };
    let custody = test.ledger.custody();
    let staged = custody.stage(vec![durable(id, 0, id)], &place, &[]);
    staged.expect("no other message has this key");
}

fn state(test: &TestLedger) -> &'static str {
    test.states()[0].2
}

#[test]
fn a_message_is_delivered_when_the_last_target_has_taken_it() {
    let test = TestLedger::new();
    set_targets(&test, &["one", "two"]);
    spool(&test, "a");
    assert_eq!((take(&test, "one"), state(&test)), (1, "staged"));
    assert_eq!((take(&test, "one"), state(&test)), (0, "staged"));
    assert_eq!((take(&test, "two"), state(&test)), (1, "delivered"));
    let log = log(&test);
    let names: Vec<_> = log[0].takers.iter().map(|taker| &*taker.name).collect();
    assert_eq!((log.len(), names), (1, vec!["one", "two"]));
}

#[test]
fn a_message_waits_for_no_target_that_was_removed() {
    let test = TestLedger::new();
    set_targets(&test, &["one", "two"]);
    spool(&test, "a");
    take(&test, "one");
    set_targets(&test, &["one"]);
    assert_eq!(state(&test), "delivered");
}

#[test]
fn a_message_that_no_target_has_is_not_delivered_by_a_removal() {
    let test = TestLedger::new();
    set_targets(&test, &["one", "two"]);
    spool(&test, "a");
    set_targets(&test, &["two"]);
    assert_eq!(state(&test), "staged");
}

#[test]
fn a_refusal_of_one_target_postpones_nothing_at_another() {
    let test = TestLedger::new();
    set_targets(&test, &["one", "two"]);
    spool(&test, "a");
    for _ in 0..5 {
        let staged = test.ledger.custody().staged_for(test.target("one"));
        let refused = test.announce(staged.expect("it can be read"), "one");
        test.record(&[refused[0].kept(not_delivered(false))]);
    }
    let history = |target: &str| {
        let staged = test.ledger.custody().staged_for(test.target(target));
        *staged.expect("it can be read")[0].history()
    };
    assert_eq!((history("one").failures, history("two").failures), (5, 0));
    assert!(history("one").next_try > Moment::now());
    assert!(history("two").next_try <= Moment::now());
}

/// Stages a message in the spool for a target that a rule has chosen.
fn spool_for(test: &TestLedger, id: &str, target: &str) {
    let place = TargetPlace {
        program: Some("spool".to_owned()),
        ..place()
    };
    let mut chosen = stored(id, 0, id);
    chosen.chosen = vec![test.target(target)];
    let staged = test
        .ledger
        .custody()
        .stage(vec![durable_of(chosen)], &place, &[]);
    staged.expect("no other message has this key");
}

#[test]
fn a_message_goes_only_to_the_target_that_a_rule_has_chosen() {
    let test = TestLedger::new();
    let targets = [test.target("usual"), test.target("chosen")];
    let set = test.ledger.custody().set_targets(&targets, 1);
    set.expect("it can be written");
    spool(&test, "a");
    spool_for(&test, "b", "chosen");

    assert_eq!((take(&test, "usual"), take(&test, "chosen")), (1, 1));

    let takers = |delivery: &Delivery| {
        delivery
            .takers
            .iter()
            .map(|taker| taker.name.clone())
            .collect::<Vec<_>>()
    };
    let taken: Vec<_> = log(&test).iter().map(takers).collect();
    assert_eq!(taken, [["usual"], ["chosen"]]);
    assert!(
        test.states()
            .iter()
            .all(|(.., state)| *state == "delivered")
    );
}

#[test]
fn a_message_whose_chosen_target_was_removed_goes_to_the_usual_one() {
    let test = TestLedger::new();
    let targets = [test.target("usual"), test.target("chosen")];
    let custody = test.ledger.custody();
    custody.set_targets(&targets, 1).expect("it can be written");
    spool_for(&test, "a", "chosen");
    assert_eq!(take(&test, "usual"), 0);

    custody
        .set_targets(&targets[..1], 1)
        .expect("it can be written");

    assert_eq!((take(&test, "usual"), state(&test)), (1, "delivered"));
}

#[test]
fn a_target_gets_no_message_again_whose_file_was_lost() {
    let test = TestLedger::new();
    set_targets(&test, &["one", "two"]);
    spool(&test, "a");
    take(&test, "one");
    let staged = test.ledger.custody().staged_for(test.target("two"));
    let announced = test.announce(staged.expect("it can be read"), "two");
    test.record(&[announced[0].lost()]);
    assert!(test.states().is_empty());

    spool(&test, "a");
    assert_eq!((take(&test, "one"), state(&test)), (0, "staged"));
    assert_eq!((take(&test, "two"), state(&test)), (1, "delivered"));
}
