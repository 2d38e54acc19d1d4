//! The table of docs/proof.md: what each program lost, duplicated and so on, in Markdown.

use std::collections::BTreeMap;
use std::fmt;

use crate::fetcher::Fetcher;
use crate::matrix::Matrix;
use crate::support::cost::Cost;
use crate::trial::TrialResult;

#[derive(Default)]
pub(crate) struct Table {
    rows: BTreeMap<(Matrix, Fetcher), FetcherRow>,
}

#[derive(Default)]
struct FetcherRow {
    ran_away: usize,
    cost: Cost,
    tried: usize,
}

impl Table {
    pub(crate) fn add(&mut self, fetcher: Fetcher, matrix: Matrix, verdict: TrialResult) {
        let row = self.rows.entry((matrix, fetcher)).or_default();
        row.ran_away += usize::from(verdict.ran_away);
        row.cost += verdict.cost;
        row.tried += 1;
    }

    /// True if no fault cost this program anything.
    pub(crate) fn is_clean(&self, fetcher: Fetcher) -> bool {
        let mut rows = self.rows.iter().filter(|((_, of), _)| *of == fetcher);
        rows.all(|(_, row)| row.ran_away == 0 && row.cost == Cost::default())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", HEAD.join(" | "))?;
        writeln!(f, "|---|---|{}", "--:|".repeat(HEAD.len() - 2))?;
        for ((matrix, fetcher), row) in &self.rows {
            let FetcherRow {
                ran_away,
                cost,
                tried,
            } = row;
            let Cost {
                lost,
                duplicated,
                damaged,
                undeleted,
                unfetched,
            } = cost;
            writeln!(
                f,
                "| {} | {} | {tried} | {lost} | {duplicated} | {damaged} | {undeleted} | \
                 {unfetched} | {ran_away} |",
                matrix.name(),
                fetcher.name()
            )?;
        }
        Ok(())
    }
}

const HEAD: [&str; 9] = [
    "fault",
    "program",
    "points",
    "lost",
    "duplicated",
    "damaged",
    "left undeleted",
    "never fetched",
    "ran away",
];
