//! A sample of messages whose headers show what the others are.

use super::Pick;

/// The most messages of a sample.
const SAMPLE: usize = 16;

/// Returns a few of the messages, evenly spread over the listing.
pub(crate) fn spread_sample(picks: &[Pick]) -> impl Iterator<Item = Pick> + '_ {
    let count = picks.len().min(SAMPLE);
    (0..count).map(move |n| picks[n * picks.len() / count])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::maildrop::{Listing, MessageNumber};

    #[test]
    fn a_sample_is_spread_over_all_messages() {
        let mut listing = Listing::default();
        for number in (1..=40).filter_map(MessageNumber::new) {
            let unique_id = format!("{number}");
            listing.push(number, unique_id.as_bytes()).expect("valid");
        }
        let listing = listing.finish().expect("valid");
        let mut picks: Vec<_> = listing
            .groups()
            .flatten()
            .map(|&position| Pick { position, copy: 0 })
            .collect();
        picks.sort_unstable_by_key(|pick| pick.position);
        for (count, sample) in [
            (0, vec![]),
            (1, vec![0]),
            (16, (0..16).collect()),
            (40, (0..16).map(|n| n * 40 / 16).collect()),
        ] {
            let found: Vec<_> = spread_sample(&picks[..count]).collect();
            let expected: Vec<_> = sample.iter().map(|&n: &usize| picks[n]).collect();
            assert_eq!(found, expected, "{count}");
        }
    }
}
