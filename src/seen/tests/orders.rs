//! The user's orders to delete messages.

use super::*;
use crate::exit::Exit;
use crate::mail::headers::HeaderReader;
use crate::mail::order::DeletionOrder;
use crate::seen::RunEnd;

fn order(id: &str) -> DeletionOrder {
    DeletionOrder {
        unique_id: identity(id, 0).unique_id,
        size: Some(17),
        header: None,
        quit_was_unanswered: false,
    }
}

impl TestLedger {
    fn order(&self, ids: &[&str]) {
        let orders: Vec<_> = ids.iter().map(|id| order(id)).collect();
        let given = self.ledger.orders().give(&orders);
        given.expect("the database can be written");
    }

    fn orders(&self) -> Vec<DeletionOrder> {
        let orders = self.ledger.orders().all();
        orders.expect("the database can be read")
    }

    fn confirm_ordered(&self, ids: &[&str]) -> Vec<Deletable> {
        let messages = ids.iter().map(|id| (number(), identity(id, 0)));
        let proofs = self.ledger.orders().confirm(messages);
        let proofs = proofs.expect("the database can be read");
        proofs.into_iter().map(Deletable::Ordered).collect()
    }
}

#[test]
fn an_order_is_read_as_it_was_given() {
    let test = TestLedger::new();
    let mut reader = HeaderReader::default();
    reader.push(
        b"Message-ID: <1@a>\nDate: today\nFrom: Ann\nSubject: lunch\nReceived: by b\nStatus: O\n",
    );
    let full = DeletionOrder {
        header: Some(reader.finish_listed()),
        ..order("b")
    };
    let bare = DeletionOrder {
        size: None,
        ..order("a")
    };
    let given = test.ledger.orders().give(&[full.clone(), bare.clone()]);
    given.expect("the database can be written");

    let [first, second] = &test.orders()[..] else {
        panic!("there are two orders: {:?}", test.orders());
    };

    assert_eq!(first, &bare);
    let (read, header) = (second.header.as_ref(), full.header.as_ref());
    let (read, header) = (read.expect("it was given"), header.expect("it was given"));
    assert!(read.is_same_as(header) && header.is_same_as(read));
    assert_eq!(read.header.subject, header.header.subject);
    assert_eq!(read.may_be_of_many(), header.may_be_of_many());
}

#[test]
fn only_an_order_that_stands_is_a_proof() {
    let test = TestLedger::new();
    test.order(&["a", "b"]);
    let ended = test.ledger.orders().end([&identity("a", 0).unique_id]);
    assert_eq!(ended.expect("the database can be written"), 1);

    let proofs = test.confirm_ordered(&["a", "b", "c"]);

    let named: Vec<_> = proofs
        .iter()
        .map(|proof| proof.identity().clone())
        .collect();
    assert_eq!(named, [identity("b", 0)]);
}

#[test]
fn a_carried_out_order_leaves_a_gone_message() {
    let test = TestLedger::new();
    test.deliver(&[("delivered", 0)]);
    test.stage(&[("staged", 0)]);
    test.change(
        "INSERT INTO seen (account, unique_id, copy, state, listed) VALUES (1, x'73', 0, 0, 0)",
    );
    let ids = ["delivered", "new", "s", "staged"];
    test.order(&ids);
    let proofs = test.confirm_ordered(&ids);
    let marked: Vec<_> = proofs.iter().collect();

    let deletions = test.ledger.deletions();
    deletions.note_quit(&marked).expect("it can be written");
    assert!(test.orders().iter().all(|order| order.quit_was_unanswered));
    deletions.mark_gone(&marked).expect("it can be written");

    let state = |id: &'static str| match id {
        // It is still to be delivered.
        "staged" => (id.to_owned(), 0, "staged"),
        _ => (id.to_owned(), 0, "gone"),
    };
    assert_eq!(test.states(), ids.map(state));
    assert_eq!(test.orders(), []);
}

#[test]
fn a_failed_deletion_is_remembered_while_its_order_stands() {
    let test = TestLedger::new();
    let undeleted = || {
        let undeleted = test.ledger.causes().undeleted();
        undeleted.expect("the database can be read").len()
    };
    test.order(&["a"]);
    let causes = test.ledger.causes();
    let counted = causes.count(FailedStep::Deletion, &[refused("a", "no")], Successes::None);
    counted.expect("the database can be written");
    let ended = test
        .ledger
        .runs()
        .end(&RunEnd::without_session(Exit::Temporary));
    ended.expect("the database can be written");
    assert_eq!(undeleted(), 1);

    test.order(&["a"]);
    assert_eq!(undeleted(), 0, "a new order is tried at once");
}
