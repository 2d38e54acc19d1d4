//! The counts of a sweep: many runs, each with a fault at another point.
//! Every sweep counts with [`Cost`] and prints one line of the same form.

use std::fmt;

use super::cost::Cost;
use super::tools;

/// The counts of a sweep, and what went wrong at which point. A point is a system call, or
/// whatever else the sweep varies.
pub(crate) struct Sweep {
    name: String,
    runs: usize,
    reached: usize,
    cost: Cost,
    problems: Vec<String>,
}

/// The cost that a sweep allows at a point.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowed {
    /// The number of copies beyond the first of each message.
    pub(crate) duplicated: usize,
    /// The number of messages that the program has to leave on the server.
    pub(crate) kept: usize,
}

impl Sweep {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            runs: 0,
            reached: 0,
            cost: Cost::default(),
            problems: Vec::new(),
        }
    }

    /// Counts a run. In some runs the fault does not happen, because the program takes another way
    /// and never gets to the point.
    pub(crate) fn count_run(&mut self, point: impl fmt::Display, was_reached: bool) {
        self.runs += 1;
        if !was_reached {
            eprintln!("{}: {point} was not reached", self.name);
        }
        self.reached += usize::from(was_reached);
    }

    /// Adds the cost of the fault at a point, after a run without a fault. That run must have
    /// fetched everything.
    pub(crate) fn add(&mut self, point: impl fmt::Display, cost: Cost, allowed: Allowed) {
        let Cost {
            lost,
            duplicated,
            damaged,
            undeleted,
            unfetched,
        } = cost;
        if lost + unfetched + damaged > 0
            || duplicated > allowed.duplicated
            || undeleted != allowed.kept
        {
            self.problem(&point, format_args!("{cost:?}, allowed: {allowed:?}"));
        }
        self.cost += Cost {
            undeleted: undeleted.saturating_sub(allowed.kept),
            ..cost
        };
    }

    pub(crate) fn problem(&mut self, point: impl fmt::Display, what: impl fmt::Display) {
        self.problems.push(format!("at {point}: {what}"));
    }

    /// Prints the counts, and fails the test if there was a problem.
    #[track_caller]
    pub(crate) fn finish(self) {
        let Cost {
            lost,
            duplicated,
            undeleted,
            unfetched,
            ..
        } = self.cost;
        let missed = match self.runs - self.reached {
            0 => String::new(),
            missed => format!("; {missed} not reached"),
        };
        tools::report(format_args!(
            "{}: {} points, {} lost, {duplicated} duplicated, {} left{missed}",
            self.name,
            self.runs,
            lost + unfetched,
            undeleted + unfetched
        ));
        if let Err(why) = self.judge() {
            panic!("{}: {why}", self.name);
        }
    }

    fn judge(&self) -> Result<(), String> {
        let (runs, reached) = (self.runs, self.reached);
        if !self.problems.is_empty() {
            return Err(format!("{:#?}", self.problems));
        }
        // A sweep whose faults do not happen proves nothing.
        match reached * 10 >= runs * 9 {
            true => Ok(()),
            false => Err(format!("{reached} of {runs} points were reached")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(cost: Cost, allowed: Allowed, was_reached: bool) -> bool {
        let mut sweep = Sweep::new("a sweep");
        sweep.count_run("here", was_reached);
        sweep.add("here", cost, allowed);
        sweep.judge().is_ok()
    }

    #[test]
    fn a_sweep_fails_for_every_cost_that_is_not_allowed() {
        let free = Cost::default();
        let none = Allowed::default();
        let one_copy = Allowed {
            duplicated: 1,
            kept: 0,
        };
        let one_kept = Allowed {
            duplicated: 0,
            kept: 1,
        };
        let undeleted = Cost {
            undeleted: 1,
            ..free
        };
        let duplicated = Cost {
            duplicated: 1,
            ..free
        };
        for (cost, allowed, is_right) in [
            (free, none, true),
            (Cost { lost: 1, ..free }, none, false),
            (Cost { damaged: 1, ..free }, none, false),
            (
                Cost {
                    unfetched: 1,
                    ..free
                },
                one_kept,
                false,
            ),
            (duplicated, none, false),
            (duplicated, one_copy, true),
            (undeleted, none, false),
            (undeleted, one_kept, true),
            (free, one_kept, false),
        ] {
            assert_eq!(
                passes(cost, allowed, true),
                is_right,
                "{cost:?} {allowed:?}"
            );
        }
    }

    #[test]
    fn a_sweep_that_misses_its_points_fails() {
        assert!(!passes(Cost::default(), Allowed::default(), false));
    }
}
