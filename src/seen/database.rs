//! One connection to the database, and the only way to run a statement on it.

use std::path::PathBuf;
use std::sync::{LazyLock, PoisonError};

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{
    CachedStatement, Connection, OptionalExtension, Params, ParamsFromIter, Row, Transaction,
    TransactionBehavior, params_from_iter,
};

use super::connections::BorrowedConnection;
use super::{Error, StateFolder};
use crate::digest::Digest;
use crate::mail::maildrop::{AccountKey, Identity, UniqueId};
use crate::moment::Moment;
use crate::os::sys;
use crate::text::ServerText;

/// A connection to the database of a state folder.
#[derive(Debug)]
pub(super) struct Database {
    connection: BorrowedConnection,
    pub(super) folder: StateFolder,
}

/// Runs statements, either in a transaction or each in one of its own.
pub(super) struct Queries<'a>(&'a Connection);

/// A statement. Only the macro `statements!` makes one: it also puts it on the list of its module,
/// from which a test explains the plan of every statement.
pub(super) struct Sql(LazyLock<String>);

impl Sql {
    /// Returns a statement whose text is put together when it is first used.
    pub(super) const fn new(text: fn() -> String) -> Self {
        Self(LazyLock::new(text))
    }

    /// Returns the text.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// Declares the statements of a module, and the list of them for the tests. In the text, `{NAME}`
/// stands for a constant: a state, or [`MESSAGE`].
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:literal;)+) => {
        $(
            $(#[$doc])*
            pub(super) static $name: $crate::seen::database::Sql =
                $crate::seen::database::Sql::new(|| format!($sql));
        )+

        #[cfg(test)]
        pub(super) static STATEMENTS: &[(&str, &$crate::seen::database::Sql)] =
            &[$((stringify!($name), &$name)),+];
    };
}
pub(super) use statements;

/// The condition that finds one message, in any table that has messages. Its parameters are those
/// of [`about`].
pub(super) const MESSAGE: &str = "account = ?1 AND unique_id = ?2 AND copy = ?3";

/// Returns the parameters of a statement about one message: ?1 to ?3 are its key, and `more` begins
/// with ?4.
pub(super) fn about<'a>(
    account: &'a AccountKey,
    identity: &'a Identity,
    more: &[&'a dyn ToSql],
) -> ParamsFromIter<Vec<&'a dyn ToSql>> {
    let mut values: Vec<&dyn ToSql> = vec![account, &identity.unique_id, &identity.copy];
    values.extend(more);
    params_from_iter(values)
}

impl Database {
    /// Opens the database of a state folder.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(super) fn open(folder: &StateFolder) -> Result<Self, Error> {
        Ok(Self {
            connection: folder.connect()?,
            folder: folder.clone(),
        })
    }

    /// Runs queries that change nothing, or that need no transaction.
    ///
    /// # Errors
    /// A statement fails.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Queries<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        work(&Queries(&self.connection)).map_err(|source| self.error(source))
    }

    /// Runs queries in one durable transaction.
    ///
    /// # Errors
    /// A statement or the commit fails. Nothing was written.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Queries<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        sys::crash_point("before a transaction");
        let written = sys::undivided(|| self.commit(work));
        sys::crash_point("after a transaction");
        written
    }

    fn commit<T>(
        &self,
        work: impl FnOnce(&Queries<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        // SQLite polls while another connection writes, and which one gets in next is chance. With
        // many workers one could wait past the busy timeout, so they queue here.
        let writing = self.folder.writing.lock();
        let _writing = writing.unwrap_or_else(PoisonError::into_inner);
        // Immediate: a transaction that begins as a reader cannot wait for another writer once it
        // wants to write. SQLite refuses it at once.
        Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)
            .and_then(|transaction| {
                let result = work(&Queries(&transaction))?;
                transaction.commit()?;
                Ok(result)
            })
            .map_err(|source| self.error(source))
    }

    /// Gives the rows of a query to `each`, one at a time, so that they need not fit into memory.
    ///
    /// # Errors
    /// The query fails, or `each` does.
    pub(super) fn for_each<T, E: From<Error>>(
        &self,
        sql: &Sql,
        params: impl Params,
        map: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
        mut each: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let cannot = |source| E::from(self.error(source));
        let mut statement = Queries(&self.connection).prepare(sql).map_err(cannot)?;
        let mut rows = statement.query(params).map_err(cannot)?;
        while let Some(row) = rows.next().map_err(cannot)? {
            each(map(row).map_err(cannot)?)?;
        }
        Ok(())
    }

    /// Returns the path of the database's file.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.database()
    }

    fn error(&self, source: rusqlite::Error) -> Error {
        Error::open(&self.path(), source)
    }
}

impl<'a> Queries<'a> {
    /// Prepares a statement. A loop over many messages prepares its statements once, before it: to
    /// find one in the cache takes as long as to run it.
    ///
    /// # Errors
    /// The statement does not fit the database.
    pub(super) fn prepare(&self, sql: &Sql) -> rusqlite::Result<CachedStatement<'a>> {
        self.0.prepare_cached(sql.text())
    }

    /// Changes rows, and returns how many.
    pub(super) fn execute(&self, sql: &Sql, params: impl Params) -> rusqlite::Result<usize> {
        self.prepare(sql)?.execute(params)
    }

    /// Inserts a row, and returns its row id.
    pub(super) fn insert(&self, sql: &Sql, params: impl Params) -> rusqlite::Result<i64> {
        self.prepare(sql)?.insert(params)
    }

    /// Returns all rows.
    pub(super) fn all<T, C: FromIterator<T>>(
        &self,
        sql: &Sql,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<C> {
        self.prepare(sql)?.query_map(params, map)?.collect()
    }

    /// Returns the rows for which `map` returns something.
    pub(super) fn some<T, C: FromIterator<T>>(
        &self,
        sql: &Sql,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<Option<T>>,
    ) -> rusqlite::Result<C> {
        let mut statement = self.prepare(sql)?;
        let rows = statement.query_map(params, map)?;
        rows.filter_map(Result::transpose).collect()
    }

    /// Returns the first row, or `None` if there is no row.
    pub(super) fn first<T>(
        &self,
        sql: &Sql,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.prepare(sql)?.query_row(params, map).optional()
    }

    /// Returns the only column of the only row of a query that always has one.
    pub(super) fn value<T: FromSql>(&self, sql: &Sql, params: impl Params) -> rusqlite::Result<T> {
        self.prepare(sql)?.query_row(params, |row| row.get(0))
    }

    /// Returns true if the query has a row.
    pub(super) fn exists(&self, sql: &Sql, params: impl Params) -> rusqlite::Result<bool> {
        self.prepare(sql)?.exists(params)
    }

    /// Runs statements that create or drop temporary tables.
    pub(super) fn batch(&self, sql: &str) -> rusqlite::Result<()> {
        self.0.execute_batch(sql)
    }
}

/// Reads an identity from its two columns; `None` if the unique-id is invalid. No version has ever
/// written such a row, and one that exists anyway must not make the others unreadable.
pub(super) fn identity(
    row: &Row<'_>,
    unique_id: usize,
    copy: usize,
) -> rusqlite::Result<Option<Identity>> {
    let unique_id = UniqueId::new(row.get_ref(unique_id)?.as_blob()?);
    let copy = row.get(copy)?;
    Ok(unique_id.map(|unique_id| Identity { unique_id, copy }))
}

/// Reads the name of a message's file. It becomes part of a path, and somebody else may have written it.
pub(super) fn file_name(row: &Row<'_>, index: usize) -> rusqlite::Result<String> {
    let name: String = row.get(index)?;
    match is_file_name(&name) {
        true => Ok(name),
        false => Err(rusqlite::Error::FromSqlConversionFailure(
            index,
            Type::Text,
            "a file of a message has an impossible name".into(),
        )),
    }
}

/// Returns true if a message's file can have this name: no version has ever made another one.
pub(super) fn is_file_name(name: &str) -> bool {
    const LONGEST: usize = 255;
    let is_allowed = |c: char| c.is_ascii_graphic() && c != '/';
    (1..=LONGEST).contains(&name.len()) && !name.starts_with('.') && name.chars().all(is_allowed)
}

/// Reads a size. SQLite has signed numbers only, so sizes are stored as signed ones of the same bits.
pub(super) fn size(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(i64::cast_unsigned))
}

impl ToSql for AccountKey {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0))
    }
}

impl FromSql for AccountKey {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

impl ToSql for UniqueId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_octets()))
    }
}

impl ToSql for Moment {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0))
    }
}

impl FromSql for Moment {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

impl ToSql for Digest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(&self.0[..]))
    }
}

impl FromSql for Digest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        FromSql::column_result(value).map(Self)
    }
}

impl ToSql for ServerText {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_octets()))
    }
}

impl FromSql for ServerText {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self::new(value.as_blob()?))
    }
}

#[cfg(test)]
mod tests {
    use super::is_file_name;

    #[test]
    fn the_name_of_a_file_leads_nowhere() {
        let long = "n".repeat(256);
        for (name, is_allowed) in [
            ("1764500000.M1P2Q3.host,S=5,a=1a2b3c4d", true),
            ("f", true),
            ("", false),
            (".", false),
            ("..", false),
            (".hidden", false),
            ("../../etc/passwd", false),
            ("/etc/passwd", false),
            ("a/b", false),
            ("a\0", false),
            ("a\n", false),
            ("a b", false),
            (&long, false),
        ] {
            assert_eq!(is_file_name(name), is_allowed, "{name:?}");
        }
    }
}
