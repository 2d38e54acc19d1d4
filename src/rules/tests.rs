//! A table of rules, messages and what becomes of these.

use std::time::Duration;

use super::*;
use crate::mail::headers::HeaderReader;
use crate::moment::Moment;

const NOW: Moment = Moment(1_800_000_000);

fn field(name: &str, pattern: &str) -> RuleCondition {
    let pattern = Pattern::new(pattern).expect(pattern);
    RuleCondition::Field(vec![name.to_owned()], Some(pattern))
}

fn rules(list: impl IntoIterator<Item = (RuleCondition, RuleAction)>) -> Rules {
    let rule = |(condition, action)| AccountRule {
        condition,
        action,
        origin: String::new(),
    };
    Rules::new(list.into_iter().map(rule).collect())
}

fn one(condition: RuleCondition) -> Rules {
    rules([(condition, RuleAction::Leave)])
}

/// Returns the number of the rule that takes a message with this header, or 0.
fn taken_by(rules: &Rules, header: &str, size: u64) -> usize {
    let mut reader = HeaderReader::for_rules();
    reader.push(header.as_bytes());
    let fields = reader.fields(&rules.field_names(), NOW);
    let facts = MessageFacts {
        size: Some(size),
        fields: Some(&fields),
        now: NOW,
    };
    match rules.decide(&facts) {
        RuleVerdict::Rule(number, _) => number,
        RuleVerdict::None => 0,
        RuleVerdict::Open { .. } => panic!("all is known"),
    }
}

#[test]
fn a_pattern_is_looked_for_in_the_decoded_value() {
    for (name, pattern, header, is_taken) in [
        ("subject", "sale", "Subject: Big SALE\n\n", true),
        ("subject", "(?-i)sale", "Subject: Big SALE\n\n", false),
        (
            "subject",
            "^grüße$",
            "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\n",
            true,
        ),
        ("subject", "^a b$", "Subject: a\n b\n\n", true),
        ("subject", "x", "Subject : x\n\n", true),
        ("subject", "x", "SUBJECT: x\n\n", true),
        ("subject", "x", "From: x\n\nSubject: x\n", false),
        (
            "from",
            "@spam\\.example",
            "From: Joe <joe@spam.example>\n\n",
            true,
        ),
        (
            "from",
            "@spam\\.example",
            "From: Joe <joe@spamXexample>\n\n",
            false,
        ),
        ("received", "two", "Received: one\nReceived: two\n\n", true),
        ("list-id", "rust-.*", "Subject: a\n\n", false),
        ("subject", "", "Subject:\n\n", true),
        ("subject", "", "\n", false),
    ] {
        let taken = taken_by(&one(field(name, pattern)), header, 1);
        assert_eq!(taken == 1, is_taken, "{pattern} {header}");
    }
}

#[test]
fn long_fields_are_decoded_in_pieces() {
    let addresses: Vec<_> = (0..200)
        .map(|n| format!("=?utf-8?q?J=C3=B6rg_{n}?= <j{n}@example.org>"))
        .collect();
    let header = format!("To: {}\n\n", addresses.join(",\n "));
    for n in 0..200 {
        let pattern = format!("(^|, )Jörg {n} <j{n}@");
        assert_eq!(taken_by(&one(field("to", &pattern)), &header, 1), 1, "{n}");
    }
    let words = ["=?utf-8?q?aaaaaaaaaaaaaaaa?="; 40].join("\n ");
    let rules = one(field("subject", "^a{640}$"));
    assert_eq!(taken_by(&rules, &format!("Subject: {words}\n\n"), 1), 1);
}

#[test]
fn octets_that_are_no_text_hide_nothing() {
    let rules = one(field("subject", "caf"));
    let mut reader = HeaderReader::for_rules();
    reader.push(b"Subject: caf\xe9 \xff\0\nX: \xff\n\n");
    let fields = reader.fields(&rules.field_names(), NOW);
    let facts = MessageFacts {
        size: None,
        fields: Some(&fields),
        now: NOW,
    };
    assert!(matches!(rules.decide(&facts), RuleVerdict::Rule(1, _)));
}

#[test]
fn a_field_behind_ten_thousand_others_counts() {
    let header = "X-Filler: nothing to see here\n".repeat(10_000) + "Subject: found\n\n";
    assert_eq!(taken_by(&one(field("subject", "found")), &header, 1), 1);
}

#[test]
fn a_hostile_header_takes_no_longer_than_its_length() {
    let rules = one(field("subject", "(a*)*b"));
    for value in [
        "a".repeat(900_000),
        "=?".repeat(450_000),
        "=?utf-8?q?a?= ".repeat(60_000),
    ] {
        assert_eq!(taken_by(&rules, &format!("Subject: {value}\n\n"), 1), 0);
    }
}

#[test]
fn conditions_are_combined() {
    use RuleCondition::{All, Any, Not, OlderThan, SizeOver, SizeUnder};
    let (a, b) = (|| field("subject", "a"), || field("subject", "b"));
    let week = Duration::from_secs(7 * 24 * 3600);
    for (condition, header, size, is_taken) in [
        (All(vec![a(), b()]), "Subject: ab\n\n", 1, true),
        (All(vec![a(), b()]), "Subject: a\n\n", 1, false),
        (Any(vec![a(), b()]), "Subject: b\n\n", 1, true),
        (Any(vec![a(), b()]), "Subject: c\n\n", 1, false),
        (Not(Box::new(a())), "Subject: b\n\n", 1, true),
        (Not(Box::new(a())), "Subject: a\n\n", 1, false),
        (All(Vec::new()), "\n", 1, true),
        (SizeOver(10), "\n", 10, false),
        (SizeOver(10), "\n", 11, true),
        (SizeUnder(10), "\n", 10, false),
        (SizeUnder(10), "\n", 9, true),
        (
            RuleCondition::Field(vec!["list-id".to_owned()], None),
            "List-Id: x\n\n",
            1,
            true,
        ),
        (
            RuleCondition::Field(vec!["list-id".to_owned()], None),
            "Subject: x\n\n",
            1,
            false,
        ),
        // NOW is 15 January 2027.
        (
            OlderThan(week),
            "Date: Fri, 1 Jan 2027 00:00:00 +0000\n\n",
            1,
            true,
        ),
        (
            OlderThan(week),
            "Date: Thu, 14 Jan 2027 00:00:00 +0000\n\n",
            1,
            false,
        ),
        (
            OlderThan(week),
            "Received: by a; Thu, 14 Jan 2027 00:00:00 +0000\nDate: Fri, 1 Jan 2027 00:00:00 +0000\n\n",
            1,
            false,
        ),
        (OlderThan(week), "Subject: no date\n\n", 1, false),
    ] {
        let shown = condition.to_string();
        assert_eq!(
            taken_by(&one(condition), header, size) == 1,
            is_taken,
            "{shown} {header}"
        );
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let rules = rules([
        (field("subject", "a"), RuleAction::Discard),
        (field("subject", "b"), RuleAction::Leave),
        (field("subject", "."), RuleAction::Delete),
    ]);
    for (header, number) in [("ab", 1), ("b", 2), ("c", 3)] {
        assert_eq!(
            taken_by(&rules, &format!("Subject: {header}\n\n"), 1),
            number
        );
    }
    assert_eq!(taken_by(&rules, "\n", 1), 0);
}

/// Returns what is known before anything but the size is: the number of a rule, 0 for none, -1 if the header
/// is worth asking for, and -2 if it is not.
fn before(rules: &Rules, size: Option<u64>) -> isize {
    let facts = MessageFacts {
        size,
        fields: None,
        now: NOW,
    };
    match rules.decide(&facts) {
        RuleVerdict::Rule(number, _) => number.cast_signed(),
        RuleVerdict::None => 0,
        RuleVerdict::Open { may_stay: true } => -1,
        RuleVerdict::Open { may_stay: false } => -2,
    }
}

#[test]
fn a_size_decides_without_a_header_where_it_can() {
    use RuleCondition::{All, Any, SizeOver};
    let a = || field("subject", "a");
    let deliver = || RuleAction::Deliver(vec!["t".to_owned()]);
    for (list, size, expected) in [
        (vec![(SizeOver(10), RuleAction::Leave)], Some(11), 1),
        (vec![(SizeOver(10), RuleAction::Leave)], Some(9), 0),
        (vec![(SizeOver(10), RuleAction::Leave)], None, -1),
        (
            vec![(All(vec![SizeOver(10), a()]), RuleAction::Leave)],
            Some(9),
            0,
        ),
        (
            vec![(All(vec![SizeOver(10), a()]), RuleAction::Leave)],
            Some(11),
            -1,
        ),
        (
            vec![(Any(vec![SizeOver(10), a()]), RuleAction::Delete)],
            Some(11),
            1,
        ),
        (vec![(a(), RuleAction::Discard)], Some(1), -2),
        (
            vec![(a(), deliver()), (SizeOver(10), RuleAction::Leave)],
            Some(11),
            -1,
        ),
        (
            vec![(a(), deliver()), (SizeOver(10), RuleAction::Leave)],
            Some(9),
            -2,
        ),
        (
            vec![
                (a(), deliver()),
                (SizeOver(10), deliver()),
                (a(), RuleAction::Leave),
            ],
            Some(11),
            -2,
        ),
    ] {
        let rules = rules(list);
        assert_eq!(before(&rules, size), expected, "{rules:?}");
    }
}

#[test]
fn other_rules_have_another_mark() {
    let list = [
        rules([]),
        one(field("subject", "a")),
        one(field("subject", "b")),
        one(field("from", "a")),
        rules([(field("subject", "a"), RuleAction::Delete)]),
        one(RuleCondition::Any(vec![field("subject", "a")])),
    ];
    for (index, one) in list.iter().enumerate() {
        let same = list
            .iter()
            .filter(|other| other.mark(None) == one.mark(None));
        assert_eq!(same.count(), 1, "{index}");
    }
    assert_eq!(rules([]).mark(None), RulesMark::default());
}

#[test]
fn a_rule_that_can_never_match_is_found() {
    use RuleCondition::{All, Any, Not, SizeOver, SizeUnder};
    let a = || field("subject", "a");
    let leave = |condition| (condition, RuleAction::Leave);
    for (list, found) in [
        (vec![leave(a()), leave(a())], None),
        (vec![leave(All(vec![])), leave(a())], Some(1)),
        (vec![leave(All(vec![SizeOver(10), SizeUnder(10)]))], Some(0)),
        (vec![leave(All(vec![SizeOver(10), SizeUnder(11)]))], Some(0)),
        (vec![leave(All(vec![SizeOver(10), SizeUnder(12)]))], None),
        (vec![leave(Not(Box::new(All(vec![]))))], Some(0)),
        (
            vec![leave(Any(vec![a(), All(vec![])])), leave(a())],
            Some(1),
        ),
    ] {
        assert_eq!(rules(list).unreachable(), found);
    }
}

#[test]
fn a_mistake_in_a_pattern_is_said_in_one_line() {
    for pattern in ["(", "a{", "[z-a]", "(?P<n", "\\", "a{1000}{1000}"] {
        let mistake = Pattern::new(pattern).expect_err(pattern);
        assert!(!mistake.contains('\n') && !mistake.is_empty(), "{mistake}");
    }
}
