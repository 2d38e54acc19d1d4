//! The table: a row for a case, ratios for its cells, and whether each goal is reached.
//! Measures nothing.

use std::fmt::Write as _;

use crate::bench::Figure;
use crate::case::{Case, Frequency, Goal};
use crate::contender::Who;
use crate::gauge::{Gauge, Sample};

const COLUMNS: [Who; 6] = [
    Who::Mpop,
    Who::Fetchmail,
    Who::Getmail,
    Who::Fdm,
    Who::Line,
    Who::Disk,
];

const LEGEND: &str = "

The first column is mailpull's own; the others are how many times that long somebody took, or kB of
memory where the row says so. In brackets: how often a far server was waited for, or flushes. The
limit is the slower of a plain reader of the same octets (the line) and a plain writer of the same
files with one flush (the disk). ¹ measured once. ² measured once with a tenth of the messages, and
counted ten times. fetchmail delivers by procmail, as it has no Maildirs.";

/// Writes the row of a case.
pub(crate) fn row(case: &Case, figures: &[Figure]) -> String {
    let mut row = format!("| {} | ", case.title);
    let own = match find(figures, Who::Mailpull).map(|figure| &figure.result) {
        Some(Ok(own)) => *own,
        Some(Err(why)) => {
            eprintln!("{}: mailpull: {why}", case.name);
            row += &match (case.keys, case.flags) {
                ("", []) => "failed |".to_owned(),
                (keys, flags) => format!("not there yet: `{keys}{}` |", flags.join(" ")),
            };
            row += &" |".repeat(COLUMNS.len() + 1);
            return row;
        }
        None => unreachable!("mailpull takes part in every case"),
    };
    row += &match (case.gauge, own.count) {
        (Gauge::Memory, Some(count)) => format!("{count}"),
        (_, Some(count)) => format!("{} ({count})", duration(own.seconds)),
        (_, None) => duration(own.seconds),
    };
    for who in COLUMNS {
        let cell = find(figures, who).map_or_else(String::new, |figure| cell(case, own, figure));
        let _ = write!(row, " | {cell}");
    }
    let goals: Vec<_> = case
        .goals
        .iter()
        .map(|goal| verdict(*goal, own, figures))
        .collect();
    let _ = write!(row, " | {} |", goals.join(", "));
    row
}

fn cell(case: &Case, own: Sample, figure: &Figure) -> String {
    let sample = match &figure.result {
        Ok(sample) => sample,
        Err(why) => return format!("failed: {}", why.replace('|', "/")),
    };
    if let (Gauge::Memory, Some(count)) = (case.gauge, sample.count) {
        return count.to_string();
    }
    let mut cell = ratio(seconds(figure.pace, *sample) / own.seconds);
    if let Some(count) = sample.count {
        let _ = write!(cell, " ({count})");
    }
    match figure.pace {
        Frequency::Always => cell,
        Frequency::Once => cell + "¹",
        Frequency::Tenth => cell + "²",
    }
}

fn seconds(pace: Frequency, sample: Sample) -> f64 {
    match pace {
        Frequency::Always | Frequency::Once => sample.seconds,
        Frequency::Tenth => sample.seconds * 10.0,
    }
}

fn verdict(goal: Goal, own: Sample, figures: &[Figure]) -> String {
    let of = |who| {
        let figure = find(figures, who)?;
        let sample = *figure.result.as_ref().ok()?;
        Some(seconds(figure.pace, sample))
    };
    let limit = || Some(of(Who::Line)?.max(of(Who::Disk).unwrap_or(0.0)));
    let (words, is_reached) = match goal {
        Goal::Count(most) => (format!("≤ {most}"), own.count.map(|count| count <= most)),
        Goal::Faster(who, times) => (
            format!("≥ {times} × {who}"),
            of(who).map(|seconds| seconds / own.seconds >= times),
        ),
        Goal::Limit(times) => (
            format!("≤ {times} × the limit"),
            limit().map(|seconds| own.seconds / seconds <= times),
        ),
        Goal::Within(who, times) => (
            format!("≤ {times} × {who}"),
            of(who).map(|seconds| own.seconds / seconds <= times),
        ),
    };
    match is_reached {
        Some(true) => words + " ✓",
        Some(false) => words + " ✗",
        None => words + " ?",
    }
}

fn find(figures: &[Figure], who: Who) -> Option<&Figure> {
    figures.iter().find(|figure| figure.who == who)
}

fn duration(seconds: f64) -> String {
    if seconds < 0.1 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{seconds:.2} s")
    }
}

/// Two digits, and no more than that is known.
fn ratio(ratio: f64) -> String {
    if ratio < 10.0 {
        format!("{ratio:.2}")
    } else {
        format!("{ratio:.0}")
    }
}

/// Puts rows under their head.
pub(crate) fn render(rows: &[String]) -> String {
    let mut table = "| | mailpull |".to_owned();
    for who in COLUMNS {
        let _ = write!(table, " {who} |");
    }
    table += " to reach |\n|---|---|";
    table += &"---|".repeat(COLUMNS.len() + 1);
    for row in rows {
        let _ = write!(table, "\n{row}");
    }
    table + LEGEND
}
