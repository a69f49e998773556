//! The live schema against the expected one, difference by difference.
//!
//! Only what belongs to our tables is looked at: other programs may keep tables of their
//! own in the database, but an index or a trigger on one of ours is our business.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Result};

/// What differs in `live`, for a person; empty when nothing does.
pub(super) fn differences(live: &Connection, expected: &Connection) -> Result<Vec<String>> {
    let found = objects(live)?;
    let wanted = objects(expected)?;
    let mut differences = Vec::new();
    for (name, want) in &wanted {
        let kind = &want.kind;
        match found.get(name) {
            None => differences.push(format!("{kind} {name} is missing")),
            Some(have) if have.sql == want.sql => {}
            Some(have) if have.kind == "table" && kind == "table" => {
                let columns = column_differences(name, live, expected)?;
                if columns.is_empty() {
                    differences.push(format!("table {name} {}", unlike(have, want)));
                }
                differences.extend(columns);
            }
            Some(have) => differences.push(format!("{kind} {name} {}", unlike(have, want))),
        }
    }
    let tables: BTreeSet<&str> = wanted.values().map(|want| want.table.as_str()).collect();
    for (name, have) in &found {
        if !wanted.contains_key(name) && tables.contains(have.table.as_str()) {
            let Object { kind, table, .. } = have;
            differences.push(format!("{kind} {name} on {table} is not expected"));
        }
    }
    Ok(differences)
}

/// A table, an index, a view or a trigger.
struct Object {
    kind: String,
    table: String,
    sql: String,
}

fn unlike(have: &Object, want: &Object) -> String {
    format!("is `{}`, expected `{}`", have.sql, want.sql)
}

/// Every object that has SQL of its own, by name. An index that a constraint implies has
/// none: its table says it.
fn objects(connection: &Connection) -> Result<BTreeMap<String, Object>> {
    connection
        .prepare(
            "SELECT name, type, tbl_name, sql FROM sqlite_schema \
             WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )?
        .query_map([], |row| {
            let object = Object {
                kind: row.get(1)?,
                table: row.get(2)?,
                sql: normalised(&row.get::<_, String>(3)?),
            };
            Ok((row.get(0)?, object))
        })?
        .collect()
}

fn column_differences(
    table: &str,
    live: &Connection,
    expected: &Connection,
) -> Result<Vec<String>> {
    let found = columns(live, table)?;
    let wanted = columns(expected, table)?;
    let mut differences = Vec::new();
    for (name, want) in &wanted {
        match found.get(name) {
            None => differences.push(format!("table {table}: column {name} is missing")),
            Some(have) if have != want => differences.push(format!(
                "table {table}: column {name} is `{have}`, expected `{want}`"
            )),
            Some(_) => {}
        }
    }
    for name in found.keys().filter(|name| !wanted.contains_key(*name)) {
        differences.push(format!("table {table}: column {name} is not expected"));
    }
    Ok(differences)
}

/// The columns of a table by name, each as type, nullability and default.
fn columns(connection: &Connection, table: &str) -> Result<BTreeMap<String, String>> {
    connection
        .prepare(
            "SELECT name, concat_ws(' ', type, iif(\"notnull\", 'NOT NULL', NULL), \
             'DEFAULT ' || dflt_value, iif(pk, 'PRIMARY KEY', NULL)) \
             FROM pragma_table_xinfo(?1)",
        )?
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// The text of a definition without what has no meaning: comments, the kind and amount of
/// white space, the case of words, quotes around names.
fn normalised(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (length, kept) = match first {
            '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), " "),
            '/' if rest.starts_with("/*") => (rest.find("*/").map_or(rest.len(), |at| at + 2), " "),
            '\'' => {
                let length = literal_length(rest);
                (length, &rest[..length])
            }
            '"' | '`' | '[' | ']' => (1, ""),
            _ if first.is_whitespace() => (first.len_utf8(), " "),
            '(' | ')' | ',' => {
                trim_end(&mut text);
                (1, &rest[..1])
            }
            _ => {
                let length = first.len_utf8();
                text.extend(first.to_lowercase());
                rest = &rest[length..];
                continue;
            }
        };
        if kept != " " {
            text.push_str(kept);
        } else if !text.ends_with([' ', '(', ',', ')']) {
            text.push(' ');
        }
        rest = &rest[length..];
    }
    trim_end(&mut text);
    text
}

/// How many bytes the string literal is long that `text` begins with. A doubled quote
/// inside reads as the end of one literal and the beginning of the next.
fn literal_length(text: &str) -> usize {
    text[1..].find('\'').map_or(text.len(), |at| at + 2)
}

fn trim_end(text: &mut String) {
    text.truncate(text.trim_end().len());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(sql: &str) -> Connection {
        let connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch(sql).expect("valid SQL");
        connection
    }

    fn compare(live: &str, expected: &str) -> Vec<String> {
        differences(&database(live), &database(expected)).expect("compares")
    }

    const USERS: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, age INTEGER CHECK (age > 0), kind TEXT DEFAULT 'A  b');
        CREATE INDEX users_age ON users (age);";

    #[test]
    fn spelling_is_no_difference() {
        let same = "create  table \"users\"(id integer primary key,age INTEGER check(age > 0 ) , -- years\n kind TEXT DEFAULT 'A  b' /* x */);
            CREATE INDEX users_age\n ON users(age);
            CREATE TABLE somebody_elses (x);
            CREATE INDEX somebody_elses_x ON somebody_elses (x);";
        assert_eq!(compare(same, USERS), Vec::<String>::new());
    }

    #[test]
    fn each_difference_is_named() {
        for (live, expected) in [
            ("", "table users is missing"),
            (
                "CREATE TABLE users (id INTEGER PRIMARY KEY, kind TEXT DEFAULT 'A  b');",
                "table users: column age is missing",
            ),
            (
                "CREATE TABLE users (id INTEGER PRIMARY KEY, age TEXT CHECK (age > 0), kind TEXT DEFAULT 'A  b');",
                "table users: column age is `TEXT`, expected `INTEGER`",
            ),
            (
                "CREATE TABLE users (id INTEGER PRIMARY KEY, age INTEGER CHECK (age > 0), kind TEXT DEFAULT 'a b');",
                "table users: column kind is `TEXT DEFAULT 'a b'`, expected `TEXT DEFAULT 'A  b'`",
            ),
            (
                "CREATE TABLE users (id INTEGER PRIMARY KEY, age INTEGER CHECK (age > 0), kind TEXT DEFAULT 'A  b', extra);",
                "table users: column extra is not expected",
            ),
            (
                "CREATE TABLE users (id INTEGER PRIMARY KEY, age INTEGER, kind TEXT DEFAULT 'A  b');",
                "table users is `create table users(id integer primary key,age integer,kind text default 'A  b')`, expected `create table users(id integer primary key,age integer check(age > 0),kind text default 'A  b')`",
            ),
        ] {
            let found = compare(live, USERS);
            assert!(found.iter().any(|line| line == expected), "{found:#?}");
        }
        let trigger = format!(
            "{USERS} CREATE TRIGGER spy AFTER UPDATE ON users BEGIN SELECT 1; END; DROP INDEX users_age;"
        );
        assert_eq!(
            compare(&trigger, USERS),
            [
                "index users_age is missing",
                "trigger spy on users is not expected"
            ]
        );
    }
}
