//! The live schema against the expected one, difference by difference.
//!
//! The expected picture is drawn by the server itself: the applied steps run once more, in
//! the session's temporary schema and in a transaction that is never committed, and the two
//! descriptions in the catalog are compared. Whatever a version of PostgreSQL writes
//! differently it writes differently in both.
//!
//! Only our tables are looked at. Of an adopted `users` the columns of before may be as the
//! predecessor made them, with its own indexes, constraints and triggers.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Transaction;

use super::super::{Migration, MigrationError};
use super::adoption::Users;
use super::error::other;
use super::predecessor::{self, EMAIL_LENGTH, Fit};
use super::record::Facts;

/// What differs from what `applied` makes, for a person; empty when nothing does. The
/// transaction is of no use for anything else afterwards.
pub(super) async fn differences(
    tx: &Transaction<'_>,
    applied: &[Migration],
    users: &Users,
) -> Result<Vec<String>, MigrationError> {
    require_temporary(tx).await?;
    // Temporary tables hide others of the same name: the live ones are described first.
    let mut found = Picture::of(tx, "current_schema()").await?;
    tx.batch_execute("SET LOCAL search_path = pg_temp")
        .await
        .map_err(other)?;
    for step in applied {
        tx.batch_execute(step.up).await.map_err(other)?;
    }
    let temporary =
        "(SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = pg_catalog.pg_my_temp_schema())";
    let mut wanted = Picture::of(tx, temporary).await?;

    let mut differences = Vec::new();
    if let Some(facts) = users.facts() {
        differences.extend(predecessors(&mut found, &mut wanted, &facts));
    }
    differences.extend(compare(&found, &wanted));
    Ok(differences)
}

/// Refuses a role that may not make temporary tables.
async fn require_temporary(tx: &Transaction<'_>) -> Result<(), MigrationError> {
    let query = "SELECT current_user::text, pg_catalog.current_database()::text, \
                 pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')";
    let row = tx.query_one(query, &[]).await.map_err(other)?;
    if row.get(2) {
        return Ok(());
    }
    let (role, database): (String, String) = (row.get(0), row.get(1));
    Err(MigrationError::Database(
        format!(
            "the role {role:?} may not make the temporary tables that the schema is compared with: \
             run GRANT TEMPORARY ON DATABASE {database:?} TO {role:?}"
        )
        .into(),
    ))
}

/// What the catalog says about the tables of a schema.
#[derive(Debug, Default)]
struct Picture {
    /// By table and column: type, nullability, default.
    columns: BTreeMap<(String, String), String>,
    /// By table and name: kind and definition of indexes, constraints, triggers.
    objects: BTreeMap<(String, String), (String, String)>,
}

impl Picture {
    async fn of(tx: &Transaction<'_>, schema: &str) -> Result<Self, MigrationError> {
        let columns = format!(
            "SELECT c.relname::text, a.attname::text, concat_ws(' ', \
                pg_catalog.format_type(a.atttypid, a.atttypmod), \
                CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || l.collname END, \
                CASE WHEN a.attnotnull THEN 'NOT NULL' END, \
                CASE WHEN a.attidentity <> '' THEN 'GENERATED AS IDENTITY' END, \
                CASE WHEN a.attgenerated = '' THEN 'DEFAULT ' ELSE 'GENERATED AS ' END \
                    || pg_catalog.pg_get_expr(d.adbin, d.adrelid)) \
             FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
             JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
             LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation \
             LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
             WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p') \
             AND a.attnum > 0 AND NOT a.attisdropped"
        );
        let rows = tx.query(&columns, &[]).await.map_err(other)?;
        let columns = rows
            .iter()
            .map(|row| ((row.get(0), row.get(1)), row.get(2)))
            .collect();

        // The definition of an index names the schema of its table, and that of a
        // constraint's index is said by the constraint. Since PostgreSQL 18 a NOT NULL is a
        // constraint too, and the columns say it already.
        let objects = format!(
            "WITH tables AS ( \
                SELECT c.oid, c.relname::text AS name, pg_catalog.quote_ident(n.nspname) || '.' AS schema \
                FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p')) \
             SELECT t.name, o.conname::text, 'constraint', pg_catalog.pg_get_constraintdef(o.oid) \
                FROM tables t JOIN pg_catalog.pg_constraint o ON o.conrelid = t.oid \
                WHERE o.contype <> 'n' \
             UNION ALL \
             SELECT t.name, i.relname::text, 'index', \
                    replace(replace(pg_catalog.pg_get_indexdef(i.oid), \
                        ' ON ' || t.schema, ' ON '), ' ON pg_temp.', ' ON ') \
                FROM tables t JOIN pg_catalog.pg_index x ON x.indrelid = t.oid \
                JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid \
                WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o \
                    WHERE o.conindid = i.oid AND o.conrelid = t.oid AND o.contype IN ('p', 'u', 'x')) \
             UNION ALL \
             SELECT t.name, g.tgname::text, 'trigger', pg_catalog.pg_get_triggerdef(g.oid) \
                FROM tables t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid \
                WHERE NOT g.tgisinternal"
        );
        let rows = tx.query(&objects, &[]).await.map_err(other)?;
        let objects = rows
            .iter()
            .map(|row| ((row.get(0), row.get(1)), (row.get(2), row.get(3))))
            .collect();
        Ok(Self { columns, objects })
    }

    fn tables(&self) -> BTreeSet<&str> {
        self.columns
            .keys()
            .map(|(table, _)| table.as_str())
            .collect()
    }
}

/// Takes what may be the predecessor's out of both pictures; says what it may not be.
fn predecessors(found: &mut Picture, wanted: &mut Picture, facts: &Facts) -> Vec<String> {
    let mut differences = Vec::new();
    let mut of_before = vec!["user_id", "name", "email", "password"];
    for (name, added) in [
        ("age", facts.age_added),
        ("created_at", facts.created_at_added),
        ("updated_at", facts.updated_at_added),
    ] {
        if !added {
            of_before.push(name);
        }
    }
    for name in of_before {
        let key = ("users".to_owned(), name.to_owned());
        // What is not wanted yet is that of a later step.
        if wanted.columns.remove(&key).is_none() {
            found.columns.remove(&key);
            continue;
        }
        let Some(have) = found.columns.remove(&key) else {
            differences.push(format!("table users: column {name} is missing"));
            continue;
        };
        let kind = have.split(" NOT NULL").next().unwrap_or_default();
        let kind = kind.split(" DEFAULT").next().unwrap_or_default();
        let kind = kind.split(" COLLATE").next().unwrap_or_default();
        let narrow = name == "email" && predecessor::is_shorter(kind, EMAIL_LENGTH);
        match predecessor::fits(name, kind) {
            Fit::Yes if narrow => differences.push(format!(
                "table users: column {name} is `{kind}`, expected `character varying({EMAIL_LENGTH})`"
            )),
            Fit::Yes | Fit::Unknown => {}
            Fit::No(expected) => differences.push(format!(
                "table users: column {name} is `{kind}`, expected `{expected}`"
            )),
        }
    }
    let key = "PRIMARY KEY (user_id)";
    let is_key = |((table, _), (_, definition)): (&(String, String), &(String, String))| {
        table == "users" && definition == key
    };
    if !found.objects.iter().any(is_key) {
        differences.push(format!("table users: {key} is missing"));
    }
    wanted
        .objects
        .retain(|(table, _), (_, definition)| table != "users" || definition != key);
    let ours: BTreeSet<_> = wanted.objects.keys().cloned().collect();
    found
        .objects
        .retain(|key, _| key.0 != "users" || ours.contains(key));
    differences
}

fn compare(found: &Picture, wanted: &Picture) -> Vec<String> {
    let mut differences = Vec::new();
    let (have, want) = (found.tables(), wanted.tables());
    for table in want.difference(&have) {
        differences.push(format!("table {table} is missing"));
    }
    for ((table, column), want) in &wanted.columns {
        match found.columns.get(&(table.clone(), column.clone())) {
            Some(have) if have == want => {}
            Some(have) => differences.push(format!(
                "table {table}: column {column} is `{have}`, expected `{want}`"
            )),
            None if have.contains(table.as_str()) => {
                differences.push(format!("table {table}: column {column} is missing"));
            }
            None => {}
        }
    }
    for key in found.columns.keys() {
        let (table, column) = key;
        if want.contains(table.as_str()) && !wanted.columns.contains_key(key) {
            differences.push(format!("table {table}: column {column} is not expected"));
        }
    }
    for (key, (kind, want)) in &wanted.objects {
        let (table, name) = key;
        match found.objects.get(key) {
            Some((_, have)) if have == want => {}
            Some((_, have)) => differences.push(format!(
                "{kind} {name} on {table} is `{have}`, expected `{want}`"
            )),
            None if have.contains(table.as_str()) => {
                differences.push(format!("{kind} {name} on {table} is missing"));
            }
            None => {}
        }
    }
    for (key, (kind, _)) in &found.objects {
        let (table, name) = key;
        if want.contains(table.as_str()) && !wanted.objects.contains_key(key) {
            differences.push(format!("{kind} {name} on {table} is not expected"));
        }
    }
    differences
}
