//! Fuzzes UIDL and LIST: the lines before a single dot, and those after it. A listing is refused,
//! or it has every message once, by rising number, as it was listed.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use mailpull::limits;
use mailpull::mail::maildrop::{Listing, UniqueId};
use mailpull::pop3::listing_line::{scan_line, unique_id_line};

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|&octet| octet == b'\n');
    let mut listing = Listing::default();
    let mut listed = BTreeMap::new();
    let mut is_twice = false;
    for line in lines.by_ref().take_while(|line| line != b".") {
        let Ok(Some((number, unique_id))) = unique_id_line(line) else {
            continue;
        };
        listing
            .push(number, unique_id)
            .expect("an input is shorter than the limits");
        is_twice |= listed.insert(number, unique_id).is_some();
    }
    let mut listing = match listing.finish() {
        Err(_) => return assert!(is_twice),
        Ok(listing) => listing,
    };
    assert!(!is_twice);

    let mut sizes = BTreeMap::new();
    for line in lines {
        if let Ok(Some((number, Some(size)))) = scan_line(line) {
            listing.set_size(number, size);
            sizes.insert(number, size.min(limits::CLAIMED_SIZE));
        }
    }

    let mut counts: BTreeMap<&[u8], usize> = BTreeMap::new();
    let mut positions = listing.positions();
    for (&number, &unique_id) in listed.iter().filter(|(_, id)| UniqueId::is_valid(id)) {
        let position = positions.next().expect("every message has its position");
        assert_eq!(listing.number(position), number);
        assert_eq!(listing.unique_id(position), unique_id);
        assert_eq!(listing.size(position), sizes.get(&number).copied());
        *counts.entry(unique_id).or_default() += 1;
    }
    assert_eq!(positions.next(), None);
    let groups: Vec<_> = listing.groups().collect();
    assert_eq!(groups.len(), counts.len());
    for (group, (unique_id, &count)) in groups.into_iter().zip(&counts) {
        assert_eq!(group.len(), count);
        assert_eq!(group, listing.under(unique_id));
        assert!(group.is_sorted());
        for &position in group {
            assert_eq!(listing.unique_id(position), *unique_id);
        }
    }
    assert_eq!(listing.len() + listing.nameless().len(), listed.len());
});
