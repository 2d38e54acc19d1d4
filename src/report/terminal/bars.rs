//! Progress bars as rows of text. Pure. The rows are ours: indicatif cannot erase rows that a narrower terminal has
//! wrapped. The times are its own.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use indicatif::HumanDuration;

use super::screen::ScreenSize;
use crate::report::Octets;
use crate::report::columns::{cut, filled, width};

/// The most bars that are shown. More accounts have one bar together, and one for the slowest.
const MOST_BARS: usize = 10;
/// The rows above the bars that stay free for lines.
const FREE_ROWS: usize = 2;
/// The columns at the right that stay free. A terminal takes a row that fills it as one that goes on in the next.
const FREE_COLUMNS: usize = 1;
/// The most columns of a name before its bar.
const NAME_WIDTH: usize = 24;
/// The fewest columns of a bar. If there is less room, words are left out.
const LEAST_BAR_WIDTH: usize = 6;
/// The time over which a rate is averaged.
const RATE_TIME: Duration = Duration::from_secs(3);

/// The accounts that fetch.
#[derive(Debug, Default)]
pub(super) struct Bars {
    at_work: Vec<AccountBar>,
    finished: usize,
    /// The progress of the finished accounts together.
    done: BarProgress,
}

/// The progress of an account.
#[derive(Debug)]
pub(super) struct AccountBar {
    name: String,
    progress: BarProgress,
    arrivals: ArrivalRate,
}

/// The progress of an account, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct BarProgress {
    retrieved: usize,
    messages: usize,
    received: u64,
    /// The octets of all messages; `None` if the server has not said them all.
    octets: Option<u64>,
    /// The octets that arrive in a second.
    rate: f64,
}

/// A rate that is averaged over some seconds.
#[derive(Debug)]
struct ArrivalRate {
    begun: Instant,
    last: Instant,
    last_received: u64,
}

impl Bars {
    pub(super) fn is_empty(&self) -> bool {
        self.at_work.is_empty()
    }

    pub(super) fn add(&mut self, bar: AccountBar) {
        if self.at_work.is_empty() {
            self.finished = 0;
            self.done = BarProgress {
                octets: Some(0),
                ..BarProgress::default()
            };
        }
        self.at_work.push(bar);
    }

    /// Removes the bar of an account whose session begins anew.
    pub(super) fn remove(&mut self, account: &str) -> Option<AccountBar> {
        let index = self.at_work.iter().position(|bar| bar.name == account)?;
        Some(self.at_work.remove(index))
    }

    /// Removes the bar of an account that is done.
    pub(super) fn finish(&mut self, account: &str) {
        if let Some(bar) = self.remove(account) {
            self.finished += 1;
            self.done = self.done.and(BarProgress {
                rate: 0.0,
                ..bar.progress
            });
        }
    }

    pub(super) fn receive(&mut self, account: &str, octets: u64) {
        if let Some(bar) = self.bar(account) {
            bar.progress.received += octets;
        }
    }

    pub(super) fn retrieve(&mut self, account: &str) {
        if let Some(bar) = self.bar(account) {
            bar.progress.retrieved += 1;
        }
    }

    /// Renews the rates.
    pub(super) fn tick(&mut self, now: Instant) {
        for bar in &mut self.at_work {
            bar.arrivals.renew(&mut bar.progress, now);
        }
    }

    /// Returns the rows, each shorter than the screen is wide.
    pub(super) fn rows(&self, size: ScreenSize) -> Vec<String> {
        let columns = size.columns.saturating_sub(FREE_COLUMNS).max(1);
        let room = size.rows.saturating_sub(FREE_ROWS).clamp(1, MOST_BARS);
        let mut rows: Vec<(String, BarProgress)> = Vec::new();
        if self.at_work.len() <= room {
            let named = |bar: &AccountBar| (bar.name.clone(), bar.progress);
            rows.extend(self.at_work.iter().map(named));
        } else {
            rows.push((self.counts(), self.total()));
            let slowest = self.at_work.iter().max_by(|a, b| slower(a, b));
            let named = |bar: &AccountBar| (format!("slowest: {}", bar.name), bar.progress);
            rows.extend(slowest.map(named));
            rows.truncate(room);
        }
        lay_out(&rows, columns)
    }

    fn counts(&self) -> String {
        let at_work = self.at_work.len();
        match self.finished {
            0 => format!("{at_work} accounts"),
            finished => format!("{at_work} accounts, {finished} done"),
        }
    }

    fn total(&self) -> BarProgress {
        let progress = self.at_work.iter().map(|bar| bar.progress);
        progress.fold(self.done, BarProgress::and)
    }

    fn bar(&mut self, account: &str) -> Option<&mut AccountBar> {
        self.at_work.iter_mut().find(|bar| bar.name == account)
    }
}

impl AccountBar {
    pub(super) fn new(name: &str, messages: usize, octets: Option<u64>, now: Instant) -> Self {
        Self {
            name: name.to_owned(),
            progress: BarProgress {
                messages,
                octets,
                ..BarProgress::default()
            },
            arrivals: ArrivalRate {
                begun: now,
                last: now,
                last_received: 0,
            },
        }
    }
}

impl BarProgress {
    fn and(self, other: Self) -> Self {
        Self {
            retrieved: self.retrieved + other.retrieved,
            messages: self.messages + other.messages,
            received: self.received + other.received,
            octets: self.octets.zip(other.octets).map(|(a, b)| a + b),
            rate: self.rate + other.rate,
        }
    }

    /// Returns the part that is done, from 0 to 1. A server may send more than it has announced.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a bar has less than 2^53 columns"
    )]
    fn part(&self) -> f64 {
        let (done, all) = match self.octets {
            Some(octets) if octets > 0 => (self.received as f64, octets as f64),
            _ => (self.retrieved as f64, self.messages.max(1) as f64),
        };
        (done / all).min(1.0)
    }

    /// Returns the seconds that are left at this rate, if that can be said.
    #[expect(
        clippy::cast_precision_loss,
        reason = "an estimate need not be exact to the second"
    )]
    fn left(&self) -> Option<f64> {
        let left = match self.octets {
            Some(octets) => octets.saturating_sub(self.received) as f64,
            // The messages that are left are taken to be as large as those that came.
            None if self.retrieved > 0 => {
                let mean = self.received as f64 / self.retrieved as f64;
                mean * (self.messages - self.retrieved.min(self.messages)) as f64
            }
            None => return None,
        };
        (self.rate >= 1.0).then(|| left / self.rate)
    }

    /// Returns what is said after the bar: the first word is the most important one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive, and far below 2^64"
    )]
    fn words(&self) -> [String; 4] {
        let eta = self.left().map_or_else(|| "-".to_owned(), shown_time);
        [
            format!("{}/{}", self.retrieved, self.messages),
            format!("  {}", Octets(self.received)),
            format!("  {}/s", Octets(self.rate as u64)),
            format!("  eta {eta}"),
        ]
    }
}

impl ArrivalRate {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate need not be exact to the octet"
    )]
    fn renew(&mut self, progress: &mut BarProgress, now: Instant) {
        let since_last = now.saturating_duration_since(self.last).as_secs_f64();
        if since_last <= 0.0 {
            return;
        }
        let since_begin = now.saturating_duration_since(self.begun).as_secs_f64();
        let arrived = progress.received - self.last_received;
        let current = arrived as f64 / since_last;
        let weight = since_last / RATE_TIME.as_secs_f64().min(since_begin);
        progress.rate += (current - progress.rate) * weight.min(1.0);
        (self.last, self.last_received) = (now, progress.received);
    }
}

/// Orders bars by the time that they still take. One whose time is unknown may take the longest.
fn slower(a: &AccountBar, b: &AccountBar) -> Ordering {
    let left = |bar: &AccountBar| bar.progress.left().unwrap_or(f64::INFINITY);
    left(a).total_cmp(&left(b))
}

/// Lays out rows so that their bars stand below each other. Where the screen is narrow the last words are left
/// out, and then the bars.
fn lay_out(rows: &[(String, BarProgress)], columns: usize) -> Vec<String> {
    let names = rows.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let names = names.min(NAME_WIDTH).min(columns / 3);
    let words: Vec<_> = rows.iter().map(|(_, progress)| progress.words()).collect();
    let widest = |index: usize| words.iter().map(|words| width(&words[index])).max();
    let widths: [usize; 4] = std::array::from_fn(|index| widest(index).unwrap_or(0));
    let room = columns.saturating_sub(names + 1 + LEAST_BAR_WIDTH + 1);
    let fitting = (1..=widths.len()).rev();
    let mut fitting = fitting.filter(|count| widths[..*count].iter().sum::<usize>() <= room);
    let Some(count) = fitting.next() else {
        let short = |((name, _), words): (&(String, BarProgress), &[String; 4])| {
            cut(&format!("{name} {}", words[0]), columns)
        };
        return rows.iter().zip(&words).map(short).collect();
    };
    let bar_width = columns - names - 2 - widths[..count].iter().sum::<usize>();
    let row = |((name, progress), words): (&(String, BarProgress), &[String; 4])| {
        let name = filled(name, names);
        let bar = bar(progress.part(), bar_width);
        let words = words.iter().zip(widths).take(count);
        let words: String = words.map(|(word, columns)| filled(word, columns)).collect();
        format!("{name} {bar} {}", words.trim_end())
    };
    rows.iter().zip(&words).map(row).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a part of the columns of a screen is a small positive number"
)]
fn bar(part: f64, columns: usize) -> String {
    let full = ((part * columns as f64) as usize).min(columns);
    "█".repeat(full) + &"░".repeat(columns - full)
}

/// Returns a time as one number with its unit. One that no clock can show is unknown.
fn shown_time(seconds: f64) -> String {
    let time = Duration::try_from_secs_f64(seconds.ceil());
    time.map_or_else(
        |_| "-".to_owned(),
        |time| format!("{:#}", HumanDuration(time)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(names: &[&str]) -> Bars {
        let now = Instant::now();
        let mut bars = Bars::default();
        for name in names {
            bars.add(AccountBar::new(name, 200, Some(1_000_000), now));
            bars.receive(name, 500_000);
            bars.retrieve(name);
        }
        bars.tick(now + Duration::from_secs(1));
        bars
    }

    fn rows(bars: &Bars, columns: usize, rows: usize) -> Vec<String> {
        bars.rows(ScreenSize { columns, rows })
    }

    #[test]
    fn a_narrow_screen_shows_fewer_words() {
        let bars = bars(&["work"]);
        for (columns, row) in [
            (
                58,
                "work ████████░░░░░░░░ 1/200  500.0 kB  500.0 kB/s  eta 1s",
            ),
            (47, "work ██████░░░░░░░ 1/200  500.0 kB  500.0 kB/s"),
            (38, "work ████████░░░░░░░░ 1/200  500.0 kB"),
            (23, "work █████░░░░░░ 1/200"),
            (13, "work 1/200"),
            (8, "work 1…"),
            (2, "…"),
            (1, "…"),
        ] {
            assert_eq!(rows(&bars, columns, 24), [row], "{columns}");
        }
    }

    #[test]
    fn no_row_reaches_the_last_columns_of_the_screen() {
        let names = [
            "a",
            "日本語の長い名前のアカウントです",
            "a-name-of-more-than-24-columns",
        ];
        let bars = bars(&names);
        for columns in 2..200 {
            let rows = rows(&bars, columns, 24);
            assert_eq!(rows.len(), names.len());
            for row in rows {
                assert!(width(&row) + FREE_COLUMNS <= columns, "{columns}: {row}");
            }
        }
    }

    #[test]
    fn bars_stand_below_each_other() {
        let mut bars = bars(&["a", "長い"]);
        bars.receive("a", 12);
        let begins: Vec<_> = rows(&bars, 80, 24)
            .iter()
            .map(|row| width(row.split_once('█').expect("there is a bar").0))
            .collect();
        assert_eq!(begins, [5, 5]);
    }

    #[test]
    fn many_accounts_share_a_bar() {
        let names: Vec<_> = (1..=12).map(|n| format!("account{n}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let mut bars = bars(&names);
        bars.finish("account1");
        bars.receive("account7", 400_000);
        for name in &names {
            bars.receive(name, 10);
        }
        bars.at_work[3].progress.rate = 1000.0;
        let shown = rows(&bars, 100, 40);
        assert!(shown[0].starts_with("11 accounts, 1 done █"), "{shown:?}");
        assert!(shown[0].contains("░ 12/2400  6.4 MB  "), "{shown:?}");
        assert!(shown[1].starts_with("slowest: account5   █"), "{shown:?}");
        assert_eq!(shown.len(), 2);
    }

    #[test]
    fn bars_leave_room_on_a_low_screen() {
        let bars = bars(&["a", "b", "c", "d"]);
        for (height, shown) in [(6, 4), (5, 2), (4, 2), (3, 1), (1, 1)] {
            assert_eq!(rows(&bars, 80, height).len(), shown, "{height}");
        }
    }

    #[test]
    fn a_rate_falls_while_nothing_arrives() {
        let begun = Instant::now();
        let mut bars = Bars::default();
        bars.add(AccountBar::new("a", 1, None, begun));
        bars.receive("a", 1000);
        let mut rates = Vec::new();
        for seconds in [1, 2, 4, 20] {
            bars.tick(begun + Duration::from_secs(seconds));
            rates.push(bars.at_work[0].progress.rate);
        }
        assert!((rates[0] - 1000.0).abs() < 1.0, "{rates:?}");
        assert!(rates.is_sorted_by(|a, b| a > b), "{rates:?}");
    }

    #[test]
    fn a_time_is_shown_by_one_number() {
        for (seconds, shown) in [
            (0.0, "0s"),
            (0.2, "1s"),
            (80.0, "80s"),
            (101.0, "2m"),
            (6001.0, "2h"),
            (f64::INFINITY, "-"),
        ] {
            assert_eq!(shown_time(seconds), shown);
        }
    }
}
