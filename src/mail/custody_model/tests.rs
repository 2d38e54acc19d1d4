//! The rules keep the promise, and each of them is needed.

use super::search::{Breach, Search, search};
use super::{
    CleanerHabit, DiskKind, Exception, PlacementProof, ReaderHabit, Rule, ServerKind, Setting,
    UserHabit,
};

/// The usual surroundings: two messages on a usual disk, and a reader that moves and removes messages.
const USUAL: Setting = Setting {
    messages: 2,
    disk: DiskKind::Ordered,
    cleaner: CleanerHabit::Absent,
    reader: ReaderHabit::MovesAndRemoves,
    has_power_cuts: true,
    server: ServerKind::Obedient,
    user: UserHabit::OrdersNothing,
    proof: PlacementProof::List,
    without: None,
    exceptions: &[Exception::RemovedAfterPowerCut],
};

/// One message, and a program that empties tmp/. This has more states than the usual setting.
const CLEANED: Setting = Setting {
    messages: 1,
    cleaner: CleanerHabit::Thorough,
    exceptions: &[Exception::Cleaned, Exception::RemovedAfterPowerCut],
    ..USUAL
};

/// Searches, and expects that nothing breaks the promise.
#[track_caller]
fn holds(setting: &Setting) {
    let Search { states, violation } = search(setting);
    assert!(violation.is_none(), "{}", violation.expect("it was found"));
    assert!(states > 100, "only {states} states were tried");
}

/// Searches, and expects that the promise is broken in this way.
#[track_caller]
fn is_broken(setting: &Setting, breach: Breach) {
    let violation = search(setting).violation;
    let violation = violation.unwrap_or_else(|| panic!("the promise holds with {setting:?}"));
    assert_eq!(violation.breach, breach, "{violation}");
}

#[test]
fn no_order_of_events_loses_or_repeats_a_message() {
    for disk in [DiskKind::Ordered, DiskKind::Loose] {
        holds(&Setting { disk, ..USUAL });
    }
}

/// Without power cuts there is no exception.
const KILLED: Setting = Setting {
    has_power_cuts: false,
    exceptions: &[],
    ..USUAL
};

#[test]
fn no_kill_repeats_a_message_whatever_a_reader_does() {
    holds(&KILLED);
}

#[test]
fn a_list_that_is_written_after_placing_repeats_messages() {
    without(Rule::ListBeforePlacing, KILLED, Breach::Repeated);
}

#[test]
fn a_server_that_deletes_what_was_retrieved_loses_no_message() {
    holds(&Setting {
        server: ServerKind::DeletesRetrieved,
        ..USUAL
    });
}

#[test]
fn a_program_that_empties_tmp_loses_no_message() {
    for cleaner in [CleanerHabit::Thorough, CleanerHabit::Halfway] {
        for server in [ServerKind::Obedient, ServerKind::DeletesRetrieved] {
            holds(&Setting {
                cleaner,
                server,
                ..CLEANED
            });
        }
    }
}

#[test]
fn each_exception_repeats_a_message() {
    for exceptions in [
        &[Exception::Cleaned][..],
        &[Exception::RemovedAfterPowerCut],
    ] {
        let setting = Setting {
            exceptions,
            ..CLEANED
        };
        is_broken(&setting, Breach::Repeated);
    }
}

#[test]
fn without_a_flush_before_staging_a_power_cut_damages_messages() {
    without(Rule::FlushBeforeStaging, USUAL, Breach::Damaged);
}

#[test]
fn without_staging_first_a_kill_repeats_messages() {
    without(Rule::StageBeforePlacing, USUAL, Breach::Repeated);
}

#[test]
fn without_a_flush_of_new_a_power_cut_loses_messages() {
    without(Rule::FlushNew, USUAL, Breach::Lost);
}

#[test]
fn without_a_proof_a_removed_message_is_delivered_again() {
    let setting = Setting {
        proof: PlacementProof::None,
        exceptions: &[],
        ..USUAL
    };
    is_broken(&setting, Breach::Repeated);
}

#[test]
fn a_proof_that_is_removed_before_the_record_proves_nothing() {
    without(Rule::RecordBeforeUnlisting, USUAL, Breach::Repeated);
}

#[test]
fn without_a_proof_a_message_that_is_only_moved_is_not_repeated() {
    let setting = Setting {
        proof: PlacementProof::None,
        reader: ReaderHabit::Moves,
        exceptions: &[],
        ..USUAL
    };
    holds(&setting);
    without(Rule::SearchCur, setting, Breach::Repeated);
}

#[test]
fn absence_as_a_proof_loses_messages_if_tmp_is_emptied() {
    without(Rule::AbsenceIsNoProof, CLEANED, Breach::Lost);
}

#[test]
fn quit_before_settling_loses_what_the_server_then_deletes() {
    let setting = Setting {
        server: ServerKind::DeletesRetrieved,
        ..USUAL
    };
    without(Rule::QuitAfterSettling, setting, Breach::Lost);
}

/// A power cut undoes the rename and not the list, and then another program removes `tmp/F`.
#[test]
fn a_list_that_counts_after_a_power_cut_loses_messages() {
    let setting = Setting {
        cleaner: CleanerHabit::Halfway,
        ..CLEANED
    };
    without(Rule::PowerCutEndsList, setting, Breach::Lost);
}

/// One message with everything that may happen to it, and two messages without power cuts.
const ORDERED: [Setting; 2] = [
    Setting {
        user: UserHabit::OrdersDeletions,
        ..CLEANED
    },
    Setting {
        user: UserHabit::OrdersDeletions,
        ..KILLED
    },
];

#[test]
fn an_order_deletes_its_message_and_loses_no_other() {
    for setting in ORDERED {
        for server in [ServerKind::Obedient, ServerKind::DeletesRetrieved] {
            holds(&Setting { server, ..setting });
        }
    }
}

#[test]
fn two_orders_and_a_power_cut_lose_and_repeat_nothing_else() {
    holds(&Setting {
        user: UserHabit::OrdersDeletions,
        ..USUAL
    });
}

#[test]
fn a_deletion_before_its_order_is_recorded_loses_messages() {
    for setting in ORDERED {
        without(Rule::RecordOrderBeforeDelete, setting, Breach::Lost);
    }
}

/// Leaves out a rule, and expects that the promise is broken.
#[track_caller]
fn without(rule: Rule, setting: Setting, breach: Breach) {
    let setting = Setting {
        without: Some(rule),
        ..setting
    };
    is_broken(&setting, breach);
}
