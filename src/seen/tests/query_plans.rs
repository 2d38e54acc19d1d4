//! The plan of every statement: none reads a large table from one end to the other.

use rusqlite::Connection;

use super::super::import::TEMPORARY_TABLES;
use super::super::schema;
use super::*;

/// The statements whose purpose is to read all rows of all accounts.
const READ_EVERYTHING: [&str; 3] = ["ALL", "COUNT_UNRECORDED", "INTEGRITY"];

/// The tables that may be read from one end to the other: accounts are few, and an import is read as a
/// whole.
const SMALL: [&str; 5] = [
    "account",
    "a",
    "temp.new_seen",
    "temp.new_delivery",
    "temp.new_notice",
];

/// Explains how SQLite carries out a statement, one line for each step.
fn plan(connection: &Connection, sql: &Sql) -> rusqlite::Result<Vec<String>> {
    let sql = format!("EXPLAIN QUERY PLAN {}", sql.text());
    let mut explain = connection.prepare(&sql)?;
    // Parameters that are not bound are null, on which no plan depends.
    let mut rows = explain.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push(row.get(3)?);
    }
    Ok(steps)
}

#[test]
fn no_statement_scans_a_large_table() {
    let test = TestLedger::new();
    let database = test.home.path().join("seen.db");
    let connection = schema::open(&database).expect("the database was opened before");
    connection
        .execute_batch(TEMPORARY_TABLES)
        .expect("the tables can be made");
    let mut scans = Vec::new();
    for (name, sql) in statements() {
        let plan = plan(&connection, sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        for step in plan {
            let table = step.strip_prefix("SCAN ");
            let table = table.map(|rest| rest.split(' ').next().expect("a table has a name"));
            if let Some(table) = table
                && !SMALL.contains(&table)
                && !READ_EVERYTHING.contains(&name)
                && !step.contains("CONSTANT ROW")
            {
                scans.push(format!("{name}: {step}"));
            }
        }
    }
    assert!(scans.is_empty(), "{scans:#?}");
}

#[test]
fn every_statement_that_reads_everything_exists() {
    for name in READ_EVERYTHING {
        let count = statements().filter(|(other, _)| *other == name).count();
        assert_eq!(count, 1, "{name}");
    }
}
