//! Checks `tests/FAULTS.md`: every fault has one row, and every test in it exists.

use crate::support::claims::{exists, read};

/// The faults of the first plan. Those that users reported came later, in groups of rows.
const ROWS: usize = 73;

/// The statuses that a fault can have.
const STATUSES: [&str; 5] = ["changed", "in part", "not done", "not testable", "tested"];

struct FaultRow {
    number: usize,
    fault: String,
    tests: Vec<String>,
    /// One of [`STATUSES`].
    status: String,
    /// The text after the status.
    remark: String,
}

impl FaultRow {
    /// Reads a line of the file. Returns `None` if it is not a row of the table.
    fn read(line: &str) -> Option<Self> {
        let cells: Vec<_> = line
            .strip_prefix("| ")?
            .strip_suffix(" |")?
            .split(" | ")
            .collect();
        let [number, fault, tests, status] = cells[..] else {
            return None;
        };
        let number = number.parse().ok()?;
        let names = tests.split('`').skip(1).step_by(2);
        let (status, remark) = status.split_once(": ").unwrap_or((status, ""));
        Some(Self {
            number,
            fault: fault.to_owned(),
            tests: names.map(str::to_owned).collect(),
            status: status.to_owned(),
            remark: remark.to_owned(),
        })
    }

    /// Lists the mistakes in the row.
    fn mistakes(&self) -> Vec<String> {
        let is_claimed = ["in part", "tested"].contains(&&*self.status);
        let may_be_claimed = ["not testable", "changed"].contains(&&*self.status);
        let rules = [
            (STATUSES.contains(&&*self.status), "the status is unknown"),
            (!self.fault.is_empty(), "the fault is missing"),
            (
                is_claimed != self.tests.is_empty() || may_be_claimed,
                "the status and the tests contradict each other",
            ),
            (
                (self.status == "tested") == self.remark.is_empty(),
                "every status but \"tested\" needs a reason",
            ),
        ];
        let broken = rules.iter().filter(|(is_kept, _)| !is_kept);
        let missing = self.tests.iter().filter(|test| !exists(test));
        broken
            .map(|(_, rule)| (*rule).to_owned())
            .chain(missing.map(|test| format!("there is no test {test}")))
            .map(|mistake| format!("row {}: {mistake}", self.number))
            .collect()
    }
}

fn rows() -> Vec<FaultRow> {
    let table = read("tests/FAULTS.md").expect("the file exists");
    table.lines().filter_map(FaultRow::read).collect()
}

#[test]
fn every_fault_has_one_row() {
    let numbers: Vec<_> = rows().iter().map(|row| row.number).collect();
    assert!(numbers.is_sorted_by(|row, next| row < next), "{numbers:?}");
    assert!((1..=ROWS).all(|row| numbers.contains(&row)), "{numbers:?}");
}

#[test]
fn every_row_names_existing_tests_or_a_reason() {
    let mistakes: Vec<_> = rows().iter().flat_map(FaultRow::mistakes).collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(line: &str) -> usize {
        FaultRow::read(line)
            .expect("the line is a row of the table")
            .mistakes()
            .len()
    }

    #[test]
    fn a_row_that_breaks_a_rule_is_found() {
        let test = "`fault_table::every_fault_has_one_row`";
        for (cells, count) in [
            (format!("x | {test} | tested"), 0),
            (format!("x | {test} | in part: the rest"), 0),
            ("x | – | not done: why".to_owned(), 0),
            ("x | – | not testable: why".to_owned(), 0),
            (format!("x | {test} | not testable: why"), 0),
            ("x | – | tested".to_owned(), 1),
            ("x | – | not done".to_owned(), 1),
            (format!("x | {test} | in part"), 1),
            (format!("x | {test} | tested: mostly"), 1),
            (format!("x | {test} | not done: why"), 1),
            (format!("x | {test} | perhaps: why"), 2),
            ("x | `fault_table::no_such_test` | tested".to_owned(), 1),
            ("x | `fault_table::rows` | tested".to_owned(), 1),
            ("x | `no_such_module::rows` | tested".to_owned(), 1),
        ] {
            assert_eq!(mistakes(&format!("| 1 | {cells} |")), count, "{cells}");
        }
    }
}
