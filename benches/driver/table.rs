//! The table of results: a row for each case, with the ratios to mailpull and the goals.

use std::fmt::Write as _;

use crate::bench::Figure;
use crate::case::{Case, Frequency, Goal};
use crate::measured::Measured;
use crate::metric::{Metric, Sample};

const COLUMNS: [Measured; 6] = [
    Measured::Mpop,
    Measured::Fetchmail,
    Measured::Getmail,
    Measured::Fdm,
    Measured::Line,
    Measured::Disk,
];

const LEGEND: &str = "

The column mailpull is absolute. The other columns are multiples of mailpull's time; where the row
says memory, they are kB. In brackets: round trips to a distant server, or flushes. The line is a
plain reader of the same octets, and the disk a plain writer of the same files with one flush. The
limit is the slower of the two. ¹ measured once. ² measured once with a tenth of the messages, and
multiplied by ten. fetchmail delivers by procmail, because it cannot deliver into a Maildir.";

/// Formats the row of a case.
pub(crate) fn row(case: &Case, figures: &[Figure]) -> String {
    let mut row = format!("| {} | ", case.title);
    let own = match find(figures, Measured::Mailpull).map(|figure| &figure.result) {
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
    row += &match (case.metric, own.count) {
        (Metric::Memory, Some(count)) => format!("{count}"),
        (_, Some(count)) => format!("{} ({count})", duration(own.seconds)),
        (_, None) => duration(own.seconds),
    };
    for measured in COLUMNS {
        let cell =
            find(figures, measured).map_or_else(String::new, |figure| cell(case, own, figure));
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
    if let (Metric::Memory, Some(count)) = (case.metric, sample.count) {
        return count.to_string();
    }
    let mut cell = ratio(seconds(figure.frequency, *sample) / own.seconds);
    if let Some(count) = sample.count {
        let _ = write!(cell, " ({count})");
    }
    match figure.frequency {
        Frequency::Always => cell,
        Frequency::Once => cell + "¹",
        Frequency::Tenth => cell + "²",
    }
}

fn seconds(frequency: Frequency, sample: Sample) -> f64 {
    match frequency {
        Frequency::Always | Frequency::Once => sample.seconds,
        Frequency::Tenth => sample.seconds * 10.0,
    }
}

fn verdict(goal: Goal, own: Sample, figures: &[Figure]) -> String {
    let of = |measured| {
        let figure = find(figures, measured)?;
        let sample = *figure.result.as_ref().ok()?;
        Some(seconds(figure.frequency, sample))
    };
    let limit = || Some(of(Measured::Line)?.max(of(Measured::Disk).unwrap_or(0.0)));
    let (words, is_reached) = match goal {
        Goal::Count(most) => (format!("≤ {most}"), own.count.map(|count| count <= most)),
        Goal::Faster(measured, times) => (
            format!("≥ {times} × {measured}"),
            of(measured).map(|seconds| seconds / own.seconds >= times),
        ),
        Goal::Limit(times) => (
            format!("≤ {times} × the limit"),
            limit().map(|seconds| own.seconds / seconds <= times),
        ),
        Goal::Within(measured, times) => (
            format!("≤ {times} × {measured}"),
            of(measured).map(|seconds| own.seconds / seconds <= times),
        ),
    };
    match is_reached {
        Some(true) => words + " ✓",
        Some(false) => words + " ✗",
        None => words + " ?",
    }
}

fn find(figures: &[Figure], measured: Measured) -> Option<&Figure> {
    figures.iter().find(|figure| figure.measured == measured)
}

fn duration(seconds: f64) -> String {
    if seconds < 0.1 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{seconds:.2} s")
    }
}

/// Formats a ratio with as many digits as are significant.
fn ratio(ratio: f64) -> String {
    if ratio < 10.0 {
        format!("{ratio:.2}")
    } else {
        format!("{ratio:.0}")
    }
}

/// Formats the table with its head and its legend.
pub(crate) fn render(rows: &[String]) -> String {
    let mut table = "| | mailpull |".to_owned();
    for measured in COLUMNS {
        let _ = write!(table, " {measured} |");
    }
    table += " to reach |\n|---|---|";
    table += &"---|".repeat(COLUMNS.len() + 1);
    for row in rows {
        let _ = write!(table, "\n{row}");
    }
    table + LEGEND
}
