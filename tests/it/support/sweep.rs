//! What a sweep of kills, power cuts or errors came to.
//! Compares octets; knows no Maildir and no MDA.

use std::fmt;

use crate::support::mail::TestMessage;
use crate::support::strace::Point;
use crate::support::tools;

/// The counts of a sweep, and what went wrong at which point.
pub(crate) struct Sweep {
    sweep: String,
    tried: usize,
    reached: usize,
    lost: usize,
    duplicated: usize,
    undeleted: usize,
    complaints: Vec<String>,
}

impl Sweep {
    pub(crate) fn new(sweep: impl Into<String>) -> Self {
        Self {
            sweep: sweep.into(),
            tried: 0,
            reached: 0,
            lost: 0,
            duplicated: 0,
            undeleted: 0,
            complaints: Vec::new(),
        }
    }

    /// Counts a run in which something was to happen at a point.
    pub(crate) fn try_at(&mut self, point: &Point, was_reached: bool) {
        self.tried += 1;
        if !was_reached {
            eprintln!("{}: {point} was not reached", self.sweep);
        }
        self.reached += usize::from(was_reached);
    }

    /// Counts how often each message is there; `allowed` of them may be there twice.
    pub(crate) fn compare(
        &mut self,
        point: &Point,
        messages: &[TestMessage],
        copies: impl Fn(&[u8]) -> usize,
        allowed: usize,
    ) -> usize {
        let copies = messages.iter().map(|message| copies(&message.stored()));
        let copies: Vec<_> = copies.collect();
        let lost = copies.iter().filter(|&&count| count == 0).count();
        let duplicated: usize = copies.iter().map(|count| count.saturating_sub(1)).sum();
        self.lost += lost;
        self.duplicated += duplicated;
        if lost > 0 || duplicated > allowed {
            self.complain(point, format_args!("{lost} lost, {duplicated} duplicated"));
        }
        duplicated
    }

    /// Counts messages that the server still has although they were to be deleted.
    pub(crate) fn find_undeleted(&mut self, point: &Point, left: usize) {
        self.undeleted += left;
        if left > 0 {
            self.complain(point, format_args!("{left} left on the server"));
        }
    }

    pub(crate) fn complain(&mut self, point: &Point, what: impl fmt::Display) {
        self.complaints.push(format!("at {point}: {what}"));
    }

    /// Says the counts, and fails if anything went wrong.
    #[track_caller]
    pub(crate) fn conclude(self) {
        let Self {
            sweep,
            tried,
            reached,
            lost,
            duplicated,
            undeleted,
            complaints,
        } = self;
        tools::report(format_args!(
            "{sweep}: {tried} points, {lost} lost, {duplicated} duplicated, {undeleted} left{}",
            match tried - reached {
                0 => String::new(),
                missed => format!("; {missed} not reached"),
            }
        ));
        assert!(complaints.is_empty(), "{sweep}: {complaints:#?}");
        // A sweep that misses the program proves nothing.
        assert!(reached * 10 >= tried * 9, "{sweep}: {reached} of {tried}");
    }
}
