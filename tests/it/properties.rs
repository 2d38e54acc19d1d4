//! Properties of pure functions that hold for every input. Each is tried with hundreds of random
//! inputs, which are the same in every run.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::time::Duration;

use proptest::arbitrary::any;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::ProptestConfig;
use proptest::sample::select;
use proptest::strategy::{Just, Strategy};
use proptest::test_runner::RngSeed;
use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};

use mailpull::config::{Config, Overrides, Selector};
use mailpull::delivery::unique_name::UniqueNames;
use mailpull::digest::Digest;
use mailpull::mail::headers::{Header, HeaderReader};
use mailpull::mail::known::{KnownFacts, KnownMessage, State};
use mailpull::mail::maildrop::{Listing, MessageNumber, UniqueId};
use mailpull::mail::mark::{FileMarks, Mark};
use mailpull::mail::policy::{Keep, Order, Policy};
use mailpull::mail::suspicion::Suspicion;
use mailpull::moment::Moment;
use mailpull::poll::join::join;
use mailpull::poll::plan::{Pick, Plan, Planner};
use mailpull::pop3::unstuff::Unstuffer;

use crate::support::mail::byte_stuffed;
use crate::support::reference::{self, Unstuffed, pieces, unstuffed};

/// The number of cases keeps all properties within two seconds. Failing inputs are not written into
/// the source tree.
fn settings() -> ProptestConfig {
    ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1939),
        ..ProptestConfig::default()
    }
}

/// Octets in which the ones with a meaning are frequent.
fn octets(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        Just(b'\r'),
        Just(b'\n'),
        Just(b'.'),
        Just(b':'),
        Just(b' '),
        Just(b'a'),
        any::<u8>()
    ];
    vec(octet, 0..longest)
}

/// The lengths of the pieces in which octets arrive. Some pieces are empty.
fn lengths() -> impl Strategy<Value = Vec<u8>> {
    vec(0u8..9, 0..6)
}

fn unstuff(wire: &[u8], lengths: &[u8], bare_lf: bool) -> Unstuffed {
    let mut unstuffer = Unstuffer::new(bare_lf);
    let mut stored = Vec::new();
    let pieces = pieces(wire, lengths);
    let taken = pieces
        .iter()
        .map(|piece| unstuffer.push(piece, &mut stored))
        .sum();
    Unstuffed {
        stored,
        taken,
        is_done: unstuffer.is_done(),
    }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn a_response_does_not_depend_on_how_it_is_split(
        wire in octets(60),
        lengths in lengths(),
        bare_lf in any::<bool>(),
    ) {
        prop_assert_eq!(unstuff(&wire, &lengths, bare_lf), unstuffed(&wire, bare_lf));
    }

    #[test]
    fn unstuffing_changes_only_crlf_to_lf(
        lines in vec(octets(20), 0..8),
        lengths in lengths(),
        behind in octets(10),
    ) {
        let message = lines.join(&b"\r\n"[..]);
        let message = [&message[..], b"\r\n"].concat();
        let response = byte_stuffed(&message);
        let wire = [&response[..], &behind].concat();

        let read = unstuff(&wire, &lengths, false);

        let stored = crate::support::mail::TestMessage::new("a", message).stored();
        let taken = response.len();
        prop_assert_eq!(read, Unstuffed { stored, taken, is_done: true });
    }
}

fn read_header(stored: &[u8], lengths: &[u8]) -> Header {
    let mut reader = HeaderReader::default();
    for piece in pieces(stored, lengths) {
        reader.push(piece);
    }
    reader.finish()
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn a_header_does_not_depend_on_how_it_is_split(
        start in select(vec!["", "From: a\n", "Subject: =?utf-8?q?a", "\n", "Return-Path: <"]),
        rest in octets(60),
        lengths in lengths(),
    ) {
        let stored = [start.as_bytes(), &rest].concat();

        let header = read_header(&stored, &lengths);

        prop_assert_eq!(&header, &read_header(&stored, &[]));
        prop_assert_eq!(header.digest, Digest::of(reference::header(&stored)));
    }
}

/// Lines of a listing. Numbers and unique-ids are few, so that some come twice, and two unique-ids
/// are invalid.
fn lines() -> impl Strategy<Value = Vec<(u32, &'static str)>> {
    let unique_id = select(vec!["a", "b", "ab", "c", "\r", ""]);
    vec((1u32..30, unique_id), 0..12)
}

fn listing(lines: impl IntoIterator<Item = (u32, &'static str)>) -> Option<Listing> {
    let mut listing = Listing::default();
    for (n, unique_id) in lines {
        let pushed = listing.push(number(n), unique_id.as_bytes());
        pushed.expect("the listing is far below the limits");
    }
    listing.finish().ok()
}

fn number(n: u32) -> MessageNumber {
    MessageNumber::new(n).expect("the number is above 0")
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn a_listing_has_each_message_once_or_is_refused(
        lines in lines(),
        sizes in vec((1u32..30, any::<u64>()), 0..12),
    ) {
        let listed: BTreeMap<_, _> = lines.iter().copied().collect();
        let Some(mut listing) = listing(lines.clone()) else {
            prop_assert!(listed.len() < lines.len());
            return Ok(());
        };
        prop_assert_eq!(listed.len(), lines.len());
        for &(n, size) in &sizes {
            listing.set_size(number(n), size);
        }
        let sizes: BTreeMap<_, _> = sizes.into_iter().collect();

        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        let mut positions = listing.positions();
        let named = listed.iter().filter(|(_, id)| UniqueId::is_valid(id.as_bytes()));
        for (&n, &unique_id) in named {
            let at = positions.next().expect("every message has its position");
            prop_assert_eq!(listing.number(at).value(), n);
            prop_assert_eq!(listing.unique_id(at), unique_id.as_bytes());
            prop_assert_eq!(listing.size(at).is_some(), sizes.contains_key(&n));
            prop_assert!(listing.size(at) <= sizes.get(&n).copied());
            *count.entry(unique_id).or_default() += 1;
        }
        prop_assert_eq!(positions.next(), None);
        let groups: Vec<_> = listing.groups().collect();
        prop_assert_eq!(groups.len(), count.len());
        for (group, (unique_id, &count)) in groups.into_iter().zip(&count) {
            prop_assert_eq!(group.len(), count);
            prop_assert_eq!(group, listing.under(unique_id.as_bytes()));
            prop_assert!(group.is_sorted());
            for &at in group {
                prop_assert_eq!(listing.unique_id(at), unique_id.as_bytes());
                prop_assert_eq!(listing.is_repeated(at), count > 1);
            }
        }
    }
}

/// A row of the database: a unique-id and the record of its message.
type KnownRow = (&'static str, KnownMessage);

const NOW: Moment = Moment(1_000_000);

fn state() -> impl Strategy<Value = State> {
    let moment = (-3i64..=3).prop_map(|seconds| Moment(NOW.0 + seconds));
    prop_oneof![
        3 => moment.clone().prop_map(State::Delivered),
        2 => Just(State::Gone),
        1 => Just(State::Seen),
        1 => Just(State::Staged),
        1 => moment.prop_map(State::Failed),
    ]
}

/// Rows as the database returns them, sorted by unique-id and copy number.
fn rows() -> impl Strategy<Value = Vec<KnownRow>> {
    let size = option::of(1u64..4);
    let known = (0u32..4, state(), size, any::<bool>()).prop_map(|(copy, state, size, flag)| {
        KnownMessage {
            copy,
            state,
            size,
            next_try: Moment(0),
            is_absent: !flag,
            is_undeletable: flag,
            quit_was_unanswered: false,
            suspicion: Suspicion::None,
        }
    });
    vec((select(vec!["a", "ab", "b", "x"]), known), 0..8).prop_map(|rows| {
        let sorted: BTreeMap<_, _> = rows
            .into_iter()
            .map(|row| ((row.0, row.1.copy), row))
            .collect();
        sorted.into_values().collect()
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let keep = prop_oneof![
        Just(Keep::Always),
        Just(Keep::Never),
        (1u64..4).prop_map(|seconds| Keep::For(Duration::from_secs(seconds))),
    ];
    let order = select(vec![Order::NewestFirst, Order::OldestFirst]);
    let limit = || option::of(0u64..5);
    (keep, limit(), limit(), limit(), order).prop_map(
        |(keep, max_messages, max_size, max_total, order)| Policy {
            keep,
            max_messages,
            max_size,
            max_total,
            order,
            ..Policy::default()
        },
    )
}

/// A listing in which some messages have a size.
fn maildrop() -> impl Strategy<Value = Listing> {
    let line = (select(vec!["a", "ab", "b", "c"]), option::of(1u64..4));
    vec(line, 0..8).prop_map(|lines| {
        let names = lines.iter().map(|(unique_id, _)| *unique_id);
        let mut listing = listing((1..).zip(names)).expect("every number is used once");
        for (n, (_, size)) in (1..).zip(&lines) {
            if let Some(size) = size {
                listing.set_size(number(n), *size);
            }
        }
        listing
    })
}

/// Plans for a listing of which these messages are known, in the order of the database.
fn plan(listing: &Listing, rows: &[(&[u8], KnownMessage)], policy: &Policy) -> Plan {
    let facts = KnownFacts {
        has_messages: !rows.is_empty(),
        ..KnownFacts::default()
    };
    let mut planner = Planner::new(listing, facts, policy, NOW);
    let known = |each: &mut dyn FnMut(&[u8], KnownMessage)| {
        rows.iter()
            .for_each(|(unique_id, row)| each(unique_id, *row));
        Ok::<_, Infallible>(())
    };
    let Ok(()) = join(listing, known, |group| planner.decide(&group));
    planner.finish()
}

fn known(rows: &[KnownRow]) -> Vec<(&[u8], KnownMessage)> {
    let rows = rows.iter();
    rows.map(|(unique_id, row)| (unique_id.as_bytes(), *row))
        .collect()
}

/// Returns the row that a pick refers to.
fn row<'a>(rows: &'a [KnownRow], listing: &Listing, pick: &Pick) -> Option<&'a KnownMessage> {
    let unique_id = listing.unique_id(pick.position);
    rows.iter()
        .find(|(id, row)| id.as_bytes() == unique_id && row.copy == pick.copy)
        .map(|(_, row)| row)
}

fn picks(plan: &Plan) -> impl Iterator<Item = &Pick> {
    plan.fetch
        .iter()
        .chain(&plan.compare)
        .chain(&plan.verify)
        .chain(&plan.delete)
        .chain(&plan.too_large)
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn a_plan_has_exactly_one_place_for_each_message(
        listing in maildrop(),
        rows in rows(),
        policy in policy(),
    ) {
        let plan = plan(&listing, &known(&rows), &policy);

        let places: HashSet<_> = picks(&plan).map(|pick| listing.number(pick.position)).collect();
        prop_assert_eq!(places.len(), picks(&plan).count());
        prop_assert_eq!(places.len() + plan.postponed + plan.kept, listing.len());
        let identities: HashSet<_> = picks(&plan)
            .map(|pick| (listing.unique_id(pick.position), pick.copy))
            .collect();
        prop_assert_eq!(identities.len(), places.len(), "two messages have the same identity");
    }

    #[test]
    fn a_plan_deletes_only_messages_delivered_without_doubt(
        listing in maildrop(),
        rows in rows(),
        policy in policy(),
    ) {
        let plan = plan(&listing, &known(&rows), &policy);

        for pick in &plan.delete {
            let row = row(&rows, &listing, pick).expect("a message to delete is known");
            prop_assert!(matches!(row.state, State::Delivered(_)) && !row.is_undeletable);
            prop_assert!(row.size.is_some() && row.size == listing.size(pick.position));
            prop_assert!(!listing.is_repeated(pick.position));
            prop_assert!(policy.keep != Keep::Always);
        }
        for pick in &plan.compare {
            let unique_id = listing.unique_id(pick.position);
            let known = rows.iter().filter(|(other, _)| other.as_bytes() == unique_id).count();
            let is_one_of_many = known > 1 || listing.is_repeated(pick.position);
            let is_doubtful = row(&rows, &listing, pick).is_some_and(|row| {
                let is_ours = matches!(row.state, State::Delivered(_) | State::Gone);
                let is_resized = row.size.is_some_and(|size| listing.size(pick.position) != Some(size));
                row.state != State::Staged
                    && (row.is_absent || is_resized || is_ours && !row.is_undeletable)
            });
            prop_assert!(is_one_of_many || is_doubtful);
        }
        for pick in plan.fetch.iter().chain(&plan.too_large) {
            let row = row(&rows, &listing, pick);
            prop_assert!(row.is_none_or(|row| matches!(row.state, State::Failed(_))));
        }
    }

    #[test]
    fn two_runs_fetch_or_compare_every_message(
        listing in maildrop(),
        limit in 0u64..5,
        order in select(vec![Order::NewestFirst, Order::OldestFirst]),
    ) {
        let policy = Policy { max_messages: Some(limit), order, ..Policy::default() };
        let first = plan(&listing, &[], &policy);
        let mut rows: Vec<_> = first.fetch.iter().map(|pick| {
            let row = KnownMessage {
                copy: pick.copy,
                state: State::Delivered(NOW),
                size: None,
                next_try: Moment(0),
                is_absent: false,
                is_undeletable: false,
                quit_was_unanswered: false,
                suspicion: Suspicion::None,
            };
            (listing.unique_id(pick.position), row)
        }).collect();
        rows.sort_by_key(|(unique_id, row)| (*unique_id, row.copy));

        let second = plan(&listing, &rows, &Policy::default());

        let numbers = |picks: &[Pick]| -> HashSet<_> {
            picks.iter().map(|pick| listing.number(pick.position)).collect()
        };
        let (first, again) = (numbers(&first.fetch), numbers(&second.fetch));
        prop_assert!(first.is_disjoint(&again), "a message is fetched twice without a comparison");
        let compared = numbers(&second.compare);
        let all: HashSet<_> = first.union(&again).chain(&compared).collect();
        prop_assert_eq!(all.len(), listing.len());
    }

    #[test]
    fn every_file_name_is_unique(unique_ids in vec(octets(20), 1..20)) {
        let names = UniqueNames::new(&FileMarks { own: Mark([7; 16]), tag: "0badcafe".to_owned() });
        let unique_ids: Vec<_> = unique_ids.iter().filter_map(|id| UniqueId::new(id)).collect();

        let made: Vec<_> = unique_ids.iter().map(|id| names.next(id)).collect();

        let all: HashSet<_> = made.iter().collect();
        prop_assert_eq!(all.len(), unique_ids.len());
        for name in made {
            prop_assert!(name.bytes().all(|octet| octet.is_ascii_graphic()), "{}", name);
            prop_assert!(!name.contains(['/', ':']) && name.len() < 255, "{}", name);
            prop_assert!(names.is_own(name.as_bytes()));
        }
    }

    #[test]
    fn a_foreign_file_name_is_never_own(name in octets(60)) {
        let names = UniqueNames::new(&FileMarks { own: Mark([7; 16]), tag: "0badcafe".to_owned() });
        prop_assert!(!names.is_own(&name));
    }

    #[test]
    fn a_size_is_number_times_unit_or_an_error(
        n in prop_oneof![0u64..100_000, any::<u64>()],
        blanks in " {0,3}",
        (unit, octets) in select(vec![("", 1), ("B", 1), ("kb", 1_000), ("GB", 1_000_000_000), ("TiB", 1 << 40)]),
    ) {
        prop_assert_eq!(max_size(&format!("{n}{blanks}{unit}")), n.checked_mul(octets));
    }

    #[test]
    fn parsing_a_size_never_panics(text in "[0-9]{0,30}[ kKmMiIbB.+-]{0,5}\\PC{0,3}") {
        let _: Option<u64> = max_size(&text);
    }
}

/// Reads a text as the value of `max-size`. Returns `None` if it is not a size.
fn max_size(text: &str) -> Option<u64> {
    let text = text.replace(['\\', '"'], "x");
    let toml =
        format!("[accounts.a]\nserver = 'h'\nuser = 'u'\nmaildir = '/m'\nmax-size = \"{text}\"\n");
    let config = Config::parse(toml.as_bytes(), "f", None).ok()?;
    let selection = config.select(&Selector::default(), &Overrides::default());
    selection.expect("the account is complete").accounts[0]
        .policy
        .max_size
}
