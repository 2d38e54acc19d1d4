//! The connections of this process to the database. An account borrows one and gives it back, so
//! that the next account need not open the database and prepare its statements again.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::Error;

/// The number of prepared statements that a connection keeps. There are about 170; by default 16
/// are kept.
const STATEMENTS: usize = 192;

/// The connections that nobody uses at the moment.
///
/// There is at least one connection, used or not, as long as this exists. When the last connection
/// is closed, SQLite copies the write-ahead log back into the database and removes it. Otherwise
/// that would happen at the end of every account.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<Mutex<Vec<Connection>>>);

/// A connection that is given back when it is dropped.
#[derive(Debug)]
pub(super) struct BorrowedConnection {
    /// `None` only while it is dropped.
    connection: Option<Connection>,
    lender: Connections,
}

impl Connections {
    /// Begins with the first connection of this process.
    pub(super) fn new(first: Connection) -> Self {
        first.set_prepared_statement_cache_capacity(STATEMENTS);
        Self(Arc::new(Mutex::new(vec![first])))
    }

    /// Borrows a connection to the database, and opens another one if all are in use.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(super) fn borrow(
        &self,
        open: impl FnOnce() -> Result<Connection, Error>,
    ) -> Result<BorrowedConnection, Error> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let connection = open()?;
                connection.set_prepared_statement_cache_capacity(STATEMENTS);
                connection
            }
        };
        Ok(BorrowedConnection {
            connection: Some(connection),
            lender: self.clone(),
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for BorrowedConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        let connection = self.connection.as_ref();
        connection.expect("it is there until it is dropped")
    }
}

impl Drop for BorrowedConnection {
    fn drop(&mut self) {
        self.lender.idle().extend(self.connection.take());
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{self, AssertUnwindSafe};

    use super::super::StateFolder;
    use super::super::database::Database;

    /// Marks a connection.
    fn mark(connection: &super::Connection) {
        let marked = connection.execute_batch("CREATE TEMP TABLE mark (n)");
        marked.expect("the connection has no mark yet");
    }

    fn is_marked(connection: &super::Connection) -> bool {
        connection.prepare("SELECT n FROM temp.mark").is_ok()
    }

    #[test]
    fn the_next_account_gets_the_connection_of_the_last() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let folder = StateFolder::open(home.path()).expect("a new state folder can be opened");
        let connect = || folder.connect().expect("the database can be opened");
        let first = connect();
        mark(&first);

        let other = connect();
        drop(first);
        let next = connect();

        assert!(!is_marked(&other));
        assert!(is_marked(&next));
    }

    #[test]
    fn a_connection_comes_back_without_a_transaction() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let folder = StateFolder::open(home.path()).expect("a new state folder can be opened");
        let open = || Database::open(&folder).expect("the database can be opened");
        let broken = panic::catch_unwind(AssertUnwindSafe(|| {
            open().write::<()>(|queries| {
                queries.batch("CREATE TABLE half (n)")?;
                panic::resume_unwind(Box::new(()))
            })
        }));
        assert!(broken.is_err());

        let again = open().write(|queries| queries.batch("CREATE TABLE half (n)"));

        again.expect("the first attempt was rolled back");
    }
}
