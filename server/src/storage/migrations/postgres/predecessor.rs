//! Whether a table `users` is the predecessor's, and what it lacks.
//!
//! The predecessor made one table, in this shape and in a few variants of it. A table that
//! differs is somebody else's: a mistyped `DB_NAME` must never migrate a stranger's
//! database, so whatever was not foreseen is refused.

use tokio_postgres::Transaction;

use super::super::MigrationError;
use super::error::other;
use super::record::Facts;

/// The characters that `email` takes after adoption, as in a table of our own.
pub(super) const EMAIL_LENGTH: i32 = 254;

/// A table as the catalog describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// What sort of relation it is, when it is no ordinary table.
    pub(super) unusual: Option<&'static str>,
    /// Name and type, as `format_type` writes it.
    pub(super) columns: Vec<(String, String)>,
    /// The columns of the primary key.
    pub(super) primary_key: Vec<String>,
    /// The other unique indexes: name, columns, and whether they hold for each row.
    pub(super) unique: Vec<Unique>,
}

/// A unique index that is not the primary key's; a constraint has one as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unique {
    pub(super) name: String,
    /// The columns that it covers or computes from.
    pub(super) columns: Vec<String>,
    /// It covers the columns themselves, in every row.
    pub(super) plain: bool,
    /// The key is among what has to be unique, so that it always is.
    pub(super) with_key: bool,
}

impl Table {
    /// In what the table is not the predecessor's; nothing when it is.
    pub(super) fn differences(&self) -> Vec<String> {
        if let Some(unusual) = self.unusual {
            return vec![format!("it is {unusual}")];
        }
        let mut found = Vec::new();
        for name in ["user_id", "name", "email", "password"] {
            if self.column(name).is_none() {
                found.push(format!("column {name} is missing"));
            }
        }
        for (name, kind) in &self.columns {
            match fits(name, kind) {
                Fit::Yes => {}
                Fit::No(expected) => {
                    found.push(format!("column {name} is {kind}, expected {expected}"));
                }
                Fit::Unknown => found.push(format!("column {name} is not the predecessor's")),
            }
        }
        if self.primary_key != ["user_id"] {
            found.push(match &self.primary_key[..] {
                [] => "it has no primary key, expected user_id".to_owned(),
                others => format!("the primary key is {}, expected user_id", others.join(", ")),
            });
        }
        let of_email = |index: &&Unique| index.columns == ["email"];
        if !self.unique.iter().filter(of_email).any(|index| index.plain) {
            found.push("email is not unique".to_owned());
        }
        let refused = |index: &&Unique| !of_email(index) && !index.with_key;
        for index in self.unique.iter().filter(refused) {
            let Unique { name, columns, .. } = index;
            found.push(format!("{} is unique by {name}", columns.join(", ")));
        }
        found
    }

    /// What adopting the table will find.
    pub(super) fn facts(&self) -> Facts {
        let missing = |name| self.column(name).is_none();
        Facts {
            age_added: missing("age"),
            created_at_added: missing("created_at"),
            updated_at_added: missing("updated_at"),
            email_was: self
                .column("email")
                .and_then(length)
                .filter(|length| *length < EMAIL_LENGTH),
            email_fits: true,
        }
    }

    fn column(&self, name: &str) -> Option<&str> {
        let mut columns = self.columns.iter();
        columns
            .find(|(column, _)| column == name)
            .map(|(_, kind)| kind.as_str())
    }
}

/// Whether a column is one of the predecessor's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    /// It has another type; this is the expected one.
    No(&'static str),
    /// The predecessor has no such column.
    Unknown,
}

/// Whether the predecessor's table may have a column of this name and type.
pub(super) fn fits(name: &str, kind: &str) -> Fit {
    let long =
        |least: i32| kind == "text" || is_varchar(kind) && length(kind).is_none_or(|n| n >= least);
    let (right, expected) = match name {
        "user_id" => (kind == "uuid", "uuid"),
        "name" => (long(100), "character varying(100)"),
        // Too short a one is widened.
        "email" => (long(1), "character varying(100)"),
        "password" => (long(255), "character varying(255)"),
        "age" => (kind == "integer", "integer"),
        "created_at" | "updated_at" => (
            kind.starts_with("timestamp") && kind.ends_with("without time zone"),
            "timestamp without time zone",
        ),
        _ => return Fit::Unknown,
    };
    if right { Fit::Yes } else { Fit::No(expected) }
}

fn is_varchar(kind: &str) -> bool {
    kind.starts_with("character varying")
}

/// Whether a column of this type takes fewer than `least` characters.
pub(super) fn is_shorter(kind: &str, least: i32) -> bool {
    length(kind).is_some_and(|length| length < least)
}

/// How many characters a `character varying` takes; `None` for any number.
fn length(kind: &str) -> Option<i32> {
    kind.strip_prefix("character varying(")?
        .strip_suffix(')')?
        .parse()
        .ok()
}

/// Reads what the catalog says about the table of this name in our schema.
pub(super) async fn table(tx: &Transaction<'_>, name: &str) -> Result<Table, MigrationError> {
    let query = "SELECT c.oid, c.relkind::text, c.relpersistence::text, c.relrowsecurity, \
                    c.relispartition OR EXISTS ( \
                        SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)) \
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = current_schema() AND c.relname = $1";
    let row = tx.query_one(query, &[&name]).await.map_err(other)?;
    let oid: u32 = row.get(0);
    let unusual = match (row.get(1), row.get(2)) {
        ("r", "p") if row.get(4) => Some("part of an inheritance tree"),
        ("r", "p") if row.get(3) => Some("under row-level security"),
        ("r", "p") => None,
        ("r", _) => Some("an unlogged table"),
        ("p", _) => Some("a partitioned table"),
        ("f", _) => Some("a foreign table"),
        _ => Some("a view"),
    };

    let query = "SELECT attname, pg_catalog.format_type(atttypid, atttypmod) \
                 FROM pg_catalog.pg_attribute \
                 WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
    let rows = tx.query(query, &[&oid]).await.map_err(other)?;
    let columns = rows.iter().map(|row| (row.get(0), row.get(1))).collect();

    // What an index computes from, or is limited by, is among its dependencies.
    let query = "SELECT c.relname, i.indisprimary, \
                    i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indimmediate, \
                    ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a \
                        WHERE a.attrelid = i.indrelid AND (a.attnum = ANY (i.indkey::int2[]) \
                            OR EXISTS (SELECT FROM pg_catalog.pg_depend d \
                                WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid \
                                AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum)) \
                        ORDER BY a.attnum), \
                    EXISTS (SELECT FROM pg_catalog.pg_attribute a \
                        WHERE a.attrelid = i.indrelid AND a.attname = 'user_id' \
                        AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) \
                 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
                 WHERE i.indrelid = $1 AND i.indisunique ORDER BY c.relname";
    let mut primary_key = Vec::new();
    let mut unique = Vec::new();
    for row in tx.query(query, &[&oid]).await.map_err(other)? {
        if row.get(1) {
            primary_key = row.get(3);
        } else {
            unique.push(Unique {
                name: row.get(0),
                plain: row.get(2),
                columns: row.get(3),
                with_key: row.get(4),
            });
        }
    }
    Ok(Table {
        unusual,
        columns,
        primary_key,
        unique,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predecessors() -> Table {
        let columns = [
            ("user_id", "uuid"),
            ("name", "character varying(100)"),
            ("email", "character varying(100)"),
            ("password", "character varying(255)"),
            ("age", "integer"),
            ("created_at", "timestamp without time zone"),
            ("updated_at", "timestamp without time zone"),
        ];
        Table {
            unusual: None,
            columns: columns.map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
            primary_key: vec!["user_id".to_owned()],
            unique: vec![unique("ix_users_email", &["email"])],
        }
    }

    fn unique(name: &str, columns: &[&str]) -> Unique {
        Unique {
            name: name.to_owned(),
            columns: columns.iter().map(ToString::to_string).collect(),
            plain: true,
            with_key: columns.contains(&"user_id"),
        }
    }

    fn with(change: impl FnOnce(&mut Table)) -> Table {
        let mut table = predecessors();
        change(&mut table);
        table
    }

    fn set(table: &mut Table, name: &str, kind: &str) {
        table.columns.retain(|(column, _)| column != name);
        table.columns.push((name.to_owned(), kind.to_owned()));
    }

    #[test]
    fn its_variants_are_the_predecessors() {
        for table in [
            predecessors(),
            with(|it| it.columns.truncate(4)),
            with(|it| it.columns.truncate(5)),
            with(|it| set(it, "email", "text")),
            with(|it| set(it, "name", "character varying")),
            with(|it| set(it, "created_at", "timestamp(6) without time zone")),
            with(|it| it.unique.push(unique("users_email_key", &["email"]))),
            with(|it| it.unique.push(unique("users_user_id_key", &["user_id"]))),
            with(|it| {
                it.unique
                    .push(unique("users_id_name", &["user_id", "name"]));
            }),
            with(|it| {
                it.unique.push(Unique {
                    plain: false,
                    ..unique("users_lower_email", &["email"])
                });
            }),
        ] {
            assert_eq!(table.differences(), [""; 0], "{table:?}");
        }
    }

    #[test]
    fn anything_else_is_a_strangers() {
        for (table, difference) in [
            (
                with(|it| set(it, "user_id", "integer")),
                "column user_id is integer, expected uuid",
            ),
            (
                with(|it| set(it, "created_at", "timestamp with time zone")),
                "column created_at is timestamp with time zone, expected timestamp without time zone",
            ),
            (
                with(|it| set(it, "password", "character varying(60)")),
                "column password is character varying(60), expected character varying(255)",
            ),
            (
                with(|it| set(it, "role", "text")),
                "column role is not the predecessor's",
            ),
            (
                with(|it| it.columns.retain(|(name, _)| name != "email")),
                "column email is missing",
            ),
            (
                with(|it| it.primary_key.clear()),
                "it has no primary key, expected user_id",
            ),
            (
                with(|it| it.primary_key.push("email".to_owned())),
                "the primary key is user_id, email, expected user_id",
            ),
            (with(|it| it.unique.clear()), "email is not unique"),
            (with(|it| it.unique[0].plain = false), "email is not unique"),
            (
                with(|it| it.unique.push(unique("one_name", &["name"]))),
                "name is unique by one_name",
            ),
            (with(|it| it.unusual = Some("a view")), "it is a view"),
        ] {
            assert_eq!(table.differences(), [difference]);
        }
    }

    #[test]
    fn what_it_lacks_is_found() {
        assert_eq!(
            predecessors().facts(),
            Facts {
                age_added: false,
                created_at_added: false,
                updated_at_added: false,
                email_was: Some(100),
                email_fits: true,
            }
        );
        let old = with(|it| {
            it.columns.truncate(4);
            set(it, "email", "text");
        });
        let facts = old.facts();
        assert!(facts.age_added && facts.created_at_added && facts.updated_at_added);
        assert_eq!(facts.email_was, None);
        let wide = with(|it| set(it, "email", "character varying(320)"));
        assert_eq!(wide.facts().email_was, None);
    }
}
