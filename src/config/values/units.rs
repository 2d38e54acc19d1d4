//! Sizes and durations as people write them: `15 MiB`, `14 days`.
//!
//! humantime would also read `5m` and `1M`, which people confuse, fractions of a second and several
//! units in a row, and it has no sizes.

use std::time::Duration;

use super::quoted;

/// Reads a size in octets: a whole number, optionally with a decimal unit (`KB`) or a binary one
/// (`KiB`).
///
/// # Errors
/// The text is not a size, or the size does not fit into 64 bits. The error is the rest of a
/// sentence.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "must be a size such as \"15 MiB\" or \"500 KB\", not {}",
            quoted(text)
        )
    };
    let (digits, unit) = split(text).ok_or_else(wrong)?;
    let octets = find(&SIZE_UNITS, unit).ok_or_else(wrong)?;
    multiply(digits, octets).ok_or_else(|| format!("is too large: {}", quoted(text)))
}

/// Reads a duration: a whole number and a unit from seconds to weeks.
///
/// # Errors
/// The text is not a duration, or it is zero or more than a hundred years. The error is the rest of a
/// sentence.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "must be a duration such as \"30s\", \"10 min\" or \"14 days\", not {}",
            quoted(text)
        )
    };
    let (digits, unit) = split(text).ok_or_else(wrong)?;
    let seconds = find(&DURATION_UNITS, unit).ok_or_else(wrong)?;
    match multiply(digits, seconds) {
        Some(0) => Err("must be longer than zero".to_owned()),
        Some(seconds @ ..=LONGEST) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("is longer than 100 years: {}", quoted(text))),
    }
}

/// Splits a text into digits and unit. The unit may be empty.
fn split(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_matches([' ', '\t']);
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    (!digits.is_empty()).then(|| (digits, unit.trim_start_matches([' ', '\t'])))
}

fn find(units: &[Unit], name: &str) -> Option<u64> {
    let name = name.to_ascii_lowercase();
    let unit = units.iter().find(|(unit, _)| *unit == name);
    unit.map(|(_, factor)| *factor)
}

fn multiply(digits: &str, factor: u64) -> Option<u64> {
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// A unit in lower case, and what it stands for. Users may write it in capitals.
type Unit = (&'static str, u64);

/// The units of a size, in octets.
pub(in crate::config) const SIZE_UNITS: [Unit; 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// The units of a duration, in seconds.
pub(in crate::config) const DURATION_UNITS: [Unit; 18] = [
    ("s", 1),
    ("sec", 1),
    ("secs", 1),
    ("second", 1),
    ("seconds", 1),
    ("min", 60),
    ("mins", 60),
    ("minute", 60),
    ("minutes", 60),
    ("h", 60 * 60),
    ("hour", 60 * 60),
    ("hours", 60 * 60),
    ("d", DAY),
    ("day", DAY),
    ("days", DAY),
    ("w", 7 * DAY),
    ("week", 7 * DAY),
    ("weeks", 7 * DAY),
];

const DAY: u64 = 24 * 60 * 60;

/// The longest duration, so that no sum of a clock and a duration can overflow.
const LONGEST: u64 = 36_525 * DAY;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_whole_number_and_a_unit() {
        for (text, octets) in [
            ("0", Some(0)),
            ("512", Some(512)),
            ("512B", Some(512)),
            ("500 KB", Some(500_000)),
            ("500kB", Some(500_000)),
            ("15 MiB", Some(15 << 20)),
            (" 1 \t gib ", Some(1 << 30)),
            ("2TB", Some(2_000_000_000_000)),
            ("3 TiB", Some(3 << 40)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("16777216 TiB", None),
            ("", None),
            ("MB", None),
            ("-1", None),
            ("+1", None),
            ("1.5 MB", None),
            ("1_000", None),
            ("1 M", None),
            ("1 KB x", None),
            ("1\n", None),
            ("١ KB", None),
        ] {
            assert_eq!(size(text).ok(), octets, "{text:?}");
        }
    }

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        for (text, seconds) in [
            ("30s", Some(30)),
            ("1 sec", Some(1)),
            ("2 Seconds", Some(2)),
            ("10 min", Some(600)),
            ("1minute", Some(60)),
            ("3h", Some(10_800)),
            ("14 days", Some(14 * 86_400)),
            ("1d", Some(86_400)),
            ("2 weeks", Some(14 * 86_400)),
            ("36525 days", Some(36_525 * 86_400)),
            ("36526 days", None),
            ("99999999999999999999 s", None),
            ("9999999999999999999 w", None),
            ("0s", None),
            ("-1 day", None),
            ("30", None),
            ("30 ms", None),
            ("5 m", None),
            ("1 month", None),
            ("1h30min", None),
            ("soon", None),
            ("", None),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(duration(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_error_is_one_short_line() {
        let long = "9".repeat(100_000);
        for problem in [size(&long), duration(&long).map(|_| 0), size("a\nb")] {
            let problem = problem.expect_err("the text is refused");
            assert!(problem.len() < 200 && !problem.contains('\n'), "{problem}");
        }
    }
}
