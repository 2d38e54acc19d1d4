//! The plan of every statement: none reads a large table from one end to the other.

use rusqlite::{Connection, StatementStatus};

use super::super::import::TEMPORARY_TABLES;
use super::super::schema;
use super::*;

/// The statements whose purpose is to read all rows of all accounts, and two that read only the last of them.
const READ_EVERYTHING: [&str; 5] = [
    "ALL",
    "COUNT_UNRECORDED",
    "INTEGRITY",
    "LAST_DELIVERIES",
    "LAST_OF_ACCOUNT",
];

/// The tables that may be read from one end to the other: accounts are few, and an import is read as a
/// whole.
const SMALL: [&str; 6] = [
    "account",
    "a",
    "n",
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

/// Returns a connection on which every statement can be prepared.
fn connect(test: &TestLedger) -> Connection {
    let database = test.home.path().join("seen.db");
    let connection = schema::open(&database).expect("the database was opened before");
    connection
        .execute_batch(TEMPORARY_TABLES)
        .expect("the tables can be made");
    connection
}

#[test]
fn no_statement_scans_a_large_table() {
    let test = TestLedger::new();
    let connection = connect(&test);
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
fn no_statement_is_prepared_again_for_other_values() {
    let test = TestLedger::new();
    let connection = connect(&test);
    let transaction = connection.unchecked_transaction();
    let transaction = transaction.expect("no other transaction is open");
    let mut again = Vec::new();
    for (name, sql) in statements() {
        let statement = transaction.prepare(sql.text());
        let mut statement = statement.unwrap_or_else(|error| panic!("{name}: {error}"));
        if statement.parameter_count() == 0 {
            continue;
        }
        for value in [1, 2] {
            for parameter in 1..=statement.parameter_count() {
                let bound = statement.raw_bind_parameter(parameter, value);
                bound.expect("the statement has this parameter");
            }
            // The values may break a rule of the tables, which does not matter here.
            let mut rows = statement.raw_query();
            while let Ok(Some(_)) = rows.next() {}
        }
        if statement.get_status(StatementStatus::RePrepare) > 0 {
            again.push(name);
        }
    }
    assert!(again.is_empty(), "{again:?}");
}

#[test]
fn every_statement_that_reads_everything_exists() {
    for name in READ_EVERYTHING {
        let count = statements().filter(|(other, _)| *other == name).count();
        assert_eq!(count, 1, "{name}");
    }
}
