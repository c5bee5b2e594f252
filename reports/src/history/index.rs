//! The index: what is known of all runs and series, in SQLite, so that nobody reads all records to show a series.
//!
//! Invariant: it holds nothing that the records do not say. It is changed in transactions, one a run, so that
//! a run is in it whole or not at all; where it is missing, damaged or of another version, it is made again.

use super::folder::{Copy, Look};
use super::night::{Night, Run};
use super::series::{Key, Number, Point, Series};
use super::steps::reached;
use rusqlite::{Connection, Error, OpenFlags, OptionalExtension, Row, Statement, Transaction, params};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The version of the tables. Since 2 a run has the time at which its copy was written.
const VERSION: i64 = 2;

const TABLES: &str = "
    CREATE TABLE run (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL, written INTEGER NOT NULL,
        started INTEGER NOT NULL, revision TEXT NOT NULL, machines TEXT NOT NULL, suites TEXT NOT NULL, records INTEGER NOT NULL,
        void INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE series (
        id INTEGER PRIMARY KEY, machine TEXT NOT NULL, suite TEXT NOT NULL, cell TEXT NOT NULL,
        parameters TEXT NOT NULL, metric TEXT NOT NULL, UNIQUE (machine, suite, cell, parameters, metric)
    ) STRICT;
    CREATE TABLE point (
        series INTEGER NOT NULL REFERENCES series, run INTEGER NOT NULL REFERENCES run, median REAL NOT NULL,
        n INTEGER NOT NULL, spread REAL, PRIMARY KEY (series, run)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE record (
        hash BLOB PRIMARY KEY, run INTEGER NOT NULL REFERENCES run
    ) STRICT, WITHOUT ROWID;
";

/// An index, open.
#[derive(Debug)]
pub(super) struct Index {
    connection: Connection,
}

/// How an index was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Whole.
    Whole,
    /// Not at all.
    Missing,
    /// Unusable, with the reason.
    Unusable(String),
}

impl Index {
    /// Opens the index at `path`, or makes an empty one, and says how it was found.
    pub(super) fn open(path: &Path) -> Result<(Self, Found), Error> {
        if !path.exists() {
            return Ok((Self::make(path)?, Found::Missing));
        }
        let why = match Self::opened(path) {
            Ok((index, None)) => return Ok((index, Found::Whole)),
            Ok((_, Some(why))) => why,
            Err(error) if is_damage(&error) => error.to_string(),
            Err(error) => return Err(error),
        };
        remove(path).map_err(|e| failed(&e.to_string()))?;
        Ok((Self::make(path)?, Found::Unusable(why)))
    }

    /// A copy in memory of the index at `path`, which stays as it is, and how that was found: an empty one where it cannot
    /// be read, for instance because a kill has left a transaction to be undone.
    pub(super) fn copied(path: &Path) -> Result<(Self, Found), Error> {
        let empty = || Self::made(Connection::open_in_memory()?);
        if !path.exists() {
            return Ok((empty()?, Found::Missing));
        }
        let index = empty()?;
        Ok(match index.take_over(path) {
            Ok(None) => (index, Found::Whole),
            Ok(Some(why)) => (empty()?, Found::Unusable(why)),
            Err(error) => (empty()?, Found::Unusable(error.to_string())),
        })
    }

    /// Copies all that is in the index at `path`, or says why that is none.
    fn take_over(&self, path: &Path) -> Result<Option<String>, Error> {
        let name = path.to_str().ok_or_else(|| failed("its path is not UTF-8"))?;
        let why = unusable(&Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?)?;
        if why.is_none() {
            self.connection.execute("ATTACH DATABASE ?1 AS kept", [name])?;
            self.connection.execute_batch(
                "BEGIN;
                 INSERT INTO run SELECT * FROM kept.run; INSERT INTO series SELECT * FROM kept.series;
                 INSERT INTO point SELECT * FROM kept.point; INSERT INTO record SELECT * FROM kept.record;
                 COMMIT; DETACH DATABASE kept;",
            )?;
        }
        Ok(why)
    }

    fn opened(path: &Path) -> Result<(Self, Option<String>), Error> {
        let connection = Connection::open(path)?;
        let why = unusable(&connection)?;
        Ok((Self { connection }, why))
    }

    fn make(path: &Path) -> Result<Self, Error> {
        Self::made(Connection::open(path)?)
    }

    fn made(mut connection: Connection) -> Result<Self, Error> {
        let change = connection.transaction()?;
        change.execute_batch(TABLES)?;
        change.pragma_update(None, "user_version", VERSION)?;
        reached();
        change.commit()?;
        reached();
        Ok(Self { connection })
    }

    /// The names of all runs, with what their copies looked like.
    pub(super) fn looks(&self) -> Result<BTreeMap<String, Look>, Error> {
        let mut rows = self.connection.prepare("SELECT name, bytes, written FROM run")?;
        let rows = rows.query_map([], |row| {
            Ok((row.get(0)?, Look { bytes: natural(row, 1)?, written: natural(row, 2)? }))
        })?;
        rows.collect()
    }

    /// The hashes of a run's records; none of a run that is not there.
    pub(super) fn hashes(&self, name: &str) -> Result<BTreeSet<[u8; 16]>, Error> {
        let sql = "SELECT hash FROM record JOIN run ON run.id = record.run WHERE name = ?1";
        let mut rows = self.connection.prepare(sql)?;
        let rows = rows.query_map([name], |row| row.get(0))?;
        rows.collect()
    }

    /// The run that one of the records is in, but for the run `name`: the record's number and the run's name.
    pub(super) fn holder(&self, night: &Night) -> Result<Option<(usize, String)>, Error> {
        let sql = "SELECT name FROM record JOIN run ON run.id = record.run WHERE hash = ?1 AND name <> ?2";
        let mut find = self.connection.prepare(sql)?;
        for (i, hash) in night.hashes.iter().enumerate() {
            let found = find.query_row(params![hash, night.run.name], |row| row.get(0)).optional()?;
            if let Some(run) = found {
                return Ok(Some((i + 1, run)));
            }
        }
        Ok(None)
    }

    /// Puts a run in, in the place of what the index had under its name.
    pub(super) fn put(&mut self, night: &Night, copy: &Copy) -> Result<(), Error> {
        let change = self.connection.transaction()?;
        remove_run(&change, &night.run.name)?;
        reached();
        let run = insert_run(&change, &night.run, copy)?;
        insert_records(&change, run, night)?;
        reached();
        insert_points(&change, run, night)?;
        reached();
        change.commit()?;
        reached();
        Ok(())
    }

    /// Takes a run out.
    pub(super) fn remove(&mut self, name: &str) -> Result<(), Error> {
        let change = self.connection.transaction()?;
        remove_run(&change, name)?;
        change.commit()
    }

    /// All runs, the oldest first.
    pub(super) fn runs(&self) -> Result<Vec<Run>, Error> {
        let sql = "SELECT name, started, revision, machines, suites, records, void FROM run ORDER BY name";
        let mut rows = self.connection.prepare(sql)?;
        let rows = rows.query_map([], |row| {
            Ok(Run {
                name: row.get(0)?,
                started: natural(row, 1)?,
                revision: row.get(2)?,
                machines: parsed(row, 3)?,
                suites: parsed(row, 4)?,
                records: natural(row, 5)?,
                void: natural(row, 6)?,
                unfinished: None,
            })
        })?;
        rows.collect()
    }

    /// All series that `wanted` chooses, by their keys.
    pub(super) fn series(&self, wanted: &dyn Fn(&Key) -> bool) -> Result<Vec<Series>, Error> {
        let sql = "SELECT machine, suite, cell, parameters, metric, id FROM series
                   WHERE EXISTS (SELECT 1 FROM point WHERE series = id)";
        let mut rows = self.connection.prepare(sql)?;
        let keys = rows.query_map([], |row| {
            let parameters = parsed(row, 3)?;
            let (machine, suite, cell) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((Key { machine, suite, cell, parameters, metric: row.get(4)? }, row.get(5)?))
        })?;
        let keys: Vec<(Key, i64)> = keys.collect::<Result<_, _>>()?;
        let wanted = keys.into_iter().filter(|(key, _)| wanted(key));
        let sql = "SELECT name, started, revision, median, n, spread
                   FROM point JOIN run ON run.id = point.run WHERE series = ?1 ORDER BY name";
        let mut nights = self.connection.prepare(sql)?;
        let found = wanted.map(|(key, id)| Ok(Series { key, points: points(&mut nights, id)? }));
        let mut series: Vec<Series> = found.collect::<Result<_, Error>>()?;
        series.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(series)
    }
}

fn points(nights: &mut Statement, series: i64) -> Result<Vec<Point>, Error> {
    let rows = nights.query_map([series], |row| {
        let number = Number { median: row.get(3)?, n: row.get(4)?, spread: row.get(5)? };
        Ok(Point { run: row.get(0)?, started: natural(row, 1)?, revision: row.get(2)?, number })
    })?;
    rows.collect()
}

fn insert_run(change: &Transaction, run: &Run, copy: &Copy) -> Result<i64, Error> {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    change.execute(
        "INSERT INTO run (name, bytes, written, started, revision, machines, suites, records, void)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            run.name,
            whole(copy.look.bytes),
            whole(copy.look.written),
            whole(run.started),
            run.revision,
            text(&run.machines)?,
            text(&run.suites)?,
            whole(run.records),
            whole(run.void),
        ],
    )?;
    Ok(change.last_insert_rowid())
}

fn insert_records(change: &Transaction, run: i64, night: &Night) -> Result<(), Error> {
    let mut insert = change.prepare("INSERT INTO record (hash, run) VALUES (?1, ?2)")?;
    night.hashes.iter().try_for_each(|hash| insert.execute(params![hash, run]).map(|_| ()))
}

fn insert_points(change: &Transaction, run: i64, night: &Night) -> Result<(), Error> {
    let names = "machine, suite, cell, parameters, metric";
    let sql = format!("INSERT INTO series ({names}) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING");
    let mut new = change.prepare(&sql)?;
    let sql = format!(
        "INSERT INTO point (series, run, median, n, spread)
         VALUES ((SELECT id FROM series WHERE ({names}) = (?1, ?2, ?3, ?4, ?5)), ?6, ?7, ?8, ?9)"
    );
    let mut point = change.prepare(&sql)?;
    for (key, number) in &night.numbers {
        let parameters = text(&key.parameters)?;
        new.execute(params![key.machine, key.suite, key.cell, parameters, key.metric])?;
        point.execute(params![
            key.machine,
            key.suite,
            key.cell,
            parameters,
            key.metric,
            run,
            number.median,
            number.n,
            number.spread,
        ])?;
    }
    Ok(())
}

fn remove_run(change: &Transaction, name: &str) -> Result<(), Error> {
    for table in ["point", "record"] {
        let sql = format!("DELETE FROM {table} WHERE run = (SELECT id FROM run WHERE name = ?1)");
        change.execute(&sql, [name])?;
    }
    change.execute("DELETE FROM run WHERE name = ?1", [name]).map(|_| ())
}

/// The index's file and what SQLite keeps beside it; the file first, since a journal without one counts for nothing.
fn remove(path: &Path) -> std::io::Result<()> {
    std::fs::remove_file(path)?;
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    match std::fs::remove_file(journal) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Why an index that was opened is none of this version; nothing where it is one.
fn unusable(connection: &Connection) -> Result<Option<String>, Error> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let check: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    Ok(if check != "ok" {
        Some(check)
    } else if version == VERSION {
        None
    } else {
        Some(format!("version {version} instead of {VERSION}"))
    })
}

/// Whether an error says that the file is no index, rather than that it cannot be reached.
fn is_damage(error: &Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

fn natural(row: &Row, column: usize) -> Result<u64, Error> {
    row.get::<_, i64>(column).map(|n| u64::try_from(n).unwrap_or(0))
}

fn text(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::ToSqlConversionFailure(Box::new(e)))
}

fn parsed<T: serde::de::DeserializeOwned>(row: &Row, column: usize) -> Result<T, Error> {
    let text: String = row.get(column)?;
    let kind = rusqlite::types::Type::Text;
    serde_json::from_str(&text).map_err(|e| Error::FromSqlConversionFailure(column, kind, Box::new(e)))
}

fn failed(why: &str) -> Error {
    Error::ToSqlConversionFailure(why.to_owned().into())
}
