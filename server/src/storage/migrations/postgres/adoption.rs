//! Whose database it is, and what has to hold before its table `users` is adopted.

use tokio_postgres::Transaction;

use super::super::history::Applied;
use super::super::{HISTORY, Migration, MigrationError};
use super::error::other;
use super::predecessor;
use super::record::{self, ADOPTION, Facts};

/// How many names an error lists.
const NAMED: usize = 5;

/// Why a database that has something in it is left alone. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdoptionError {
    /// The search path names no schema that exists.
    #[error(
        "no schema of the search path exists: make the one that `options` in database.url names with CREATE SCHEMA"
    )]
    NoSchema,
    /// There are tables, and none is named `users`.
    #[error(
        "the database is another program's, with the tables {0}: point database.url at an empty database, \
         or at a schema of Latchkey's own with ?options=-csearch_path%3DNAME"
    )]
    Stranger(String),
    /// The table `users` is not the predecessor's.
    #[error(
        "the table users is not the predecessor's ({0}): point database.url at another database, \
         or at a schema of Latchkey's own with ?options=-csearch_path%3DNAME"
    )]
    OtherUsers(String),
    /// The role may not change the table.
    #[error(
        "the role {role:?} may not change the table users, which belongs to {owner:?}: \
         connect as {owner:?}, or run ALTER TABLE users OWNER TO {role:?}"
    )]
    NotOwner {
        /// Who we are.
        role: String,
        /// Whose table it is.
        owner: String,
    },
    /// The role may not make tables.
    #[error(
        "the role {role:?} may not make tables in the schema {schema:?}: \
         run GRANT CREATE ON SCHEMA {schema:?} TO {role:?}"
    )]
    MayNotCreate {
        /// Who we are.
        role: String,
        /// Where our tables would be.
        schema: String,
    },
    /// PostgreSQL does not change the type of a column that a view shows.
    #[error(
        "users.email has to be widened, and PostgreSQL refuses that while a view shows it: \
         drop {0}, run `latchkey migrate up`, and make it again"
    )]
    Viewed(String),
    /// Another program has what the steps would make.
    #[error(
        "the database has {0} already, and Latchkey needs the name for its own: rename it with \
         ALTER TABLE … RENAME TO …, or move it to another schema with ALTER TABLE … SET SCHEMA …"
    )]
    Occupied(String),
    /// Two users have addresses that are one.
    #[error(
        "nothing was changed, because {} the same as another but for case or spelling: \
         {list}; change or delete one of each two",
        if *count == 1 { "1 e-mail address is".to_owned() } else { format!("{count} e-mail addresses are") }
    )]
    Collisions {
        /// How many.
        count: usize,
        /// The first of them.
        list: String,
    },
}

/// What a look at the database found.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) applied: Vec<Applied>,
    pub(super) users: Users,
}

/// Whose table `users` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Users {
    /// Made by our own steps, or not there yet.
    Ours,
    /// The predecessor's, adopted.
    Adopted(Facts),
    /// The predecessor's, and nothing has been done to it.
    Predecessors(Facts),
}

impl Users {
    /// What adoption found or will find; `None` for a table of our own.
    pub(super) const fn facts(&self) -> Option<Facts> {
        match self {
            Self::Ours => None,
            Self::Adopted(facts) | Self::Predecessors(facts) => Some(*facts),
        }
    }
}

/// Looks whose database it is.
///
/// # Errors
///
/// [`AdoptionError`] when it is a stranger's, or its record is damaged.
pub(super) async fn look(tx: &Transaction<'_>) -> Result<Look, MigrationError> {
    let query = "SELECT current_schema() IS NULL";
    if tx.query_one(query, &[]).await.map_err(other)?.get(0) {
        return Err(AdoptionError::NoSchema.into());
    }
    let applied = record::applied(tx).await?;
    if !applied.is_empty() {
        let users = match record::adoption(tx).await? {
            Some(facts) => Users::Adopted(facts),
            None => Users::Ours,
        };
        return Ok(Look { applied, users });
    }
    let tables = tables(tx).await?;
    let users = if tables.is_empty() {
        Users::Ours
    } else if tables.iter().any(|table| table == "users") {
        let table = predecessor::table(tx, "users").await?;
        let differences = table.differences();
        if !differences.is_empty() {
            return Err(AdoptionError::OtherUsers(first(&differences)).into());
        }
        Users::Predecessors(table.facts())
    } else {
        return Err(AdoptionError::Stranger(first(&tables)).into());
    };
    Ok(Look { applied, users })
}

/// Refuses to change anything when it could not be carried through.
pub(super) async fn require_rights(
    tx: &Transaction<'_>,
    users: &Users,
) -> Result<(), MigrationError> {
    let query = "SELECT current_user::text, current_schema()::text, \
                 pg_catalog.has_schema_privilege(current_schema(), 'CREATE')";
    let row = tx.query_one(query, &[]).await.map_err(other)?;
    let role: String = row.get(0);
    if !row.get::<_, bool>(2) {
        let schema = row.get(1);
        return Err(AdoptionError::MayNotCreate { role, schema }.into());
    }
    let Users::Predecessors(facts) = users else {
        return Ok(());
    };

    let query = "SELECT pg_catalog.pg_get_userbyid(c.relowner)::text, \
                 pg_catalog.pg_has_role(c.relowner, 'USAGE') \
                 FROM pg_catalog.pg_class c WHERE c.oid = 'users'::regclass";
    let row = tx.query_one(query, &[]).await.map_err(other)?;
    if !row.get::<_, bool>(1) {
        let owner = row.get(0);
        return Err(AdoptionError::NotOwner { role, owner }.into());
    }
    if facts.email_was.is_some() {
        let views = views_of_email(tx).await?;
        if !views.is_empty() {
            return Err(AdoptionError::Viewed(first(&views)).into());
        }
    }
    Ok(())
}

/// Refuses when something of another program has the name of what `statements` make.
pub(super) async fn require_names(
    tx: &Transaction<'_>,
    statements: &[String],
) -> Result<(), MigrationError> {
    let mut names: Vec<&str> = statements.iter().filter_map(|it| made(it)).collect();
    names.push(ADOPTION);
    let query = "SELECT c.relname::text \
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = current_schema() AND c.relname = ANY ($1) ORDER BY 1";
    let rows = tx.query(query, &[&names]).await.map_err(other)?;
    let taken: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if taken.is_empty() {
        return Ok(());
    }
    Err(AdoptionError::Occupied(first(&taken)).into())
}

/// The name of the table or index that a statement makes.
fn made(statement: &str) -> Option<&str> {
    let kinds = ["CREATE TABLE ", "CREATE UNIQUE INDEX ", "CREATE INDEX "];
    let rest = kinds.iter().find_map(|kind| statement.strip_prefix(kind))?;
    rest.split(' ').next()
}

/// What is lost when a step is taken back that adopted something, for a person.
pub(super) async fn handing_back_loses(
    tx: &Transaction<'_>,
    step: &Migration,
    facts: &Facts,
) -> Result<Vec<String>, MigrationError> {
    let mut loses = Vec::new();
    if step.name == "add_timestamps" {
        let added = facts.created_at_added || facts.updated_at_added;
        loses.extend(step.loses.filter(|_| added).map(str::to_owned));
        return Ok(loses);
    }
    if facts.age_added {
        let ages = count(tx, "SELECT count(age) FROM users").await?;
        if ages > 0 {
            loses.push(format!("the ages of {ages} of the users"));
        }
    }
    // The one hash is replaced at sign-in, and there is no way back from it.
    let query = "SELECT count(*) FROM users WHERE password NOT LIKE '$2%'";
    let replaced = count(tx, query).await?;
    if replaced > 0 {
        loses.push(format!(
            "for {replaced} of the users the sign-in at the predecessor, which knows only bcrypt hashes"
        ));
    }
    Ok(loses)
}

async fn count(tx: &Transaction<'_>, query: &str) -> Result<i64, MigrationError> {
    Ok(tx.query_one(query, &[]).await.map_err(other)?.get(0))
}

/// The views, and rules of other tables, that show `users.email`.
async fn views_of_email(tx: &Transaction<'_>) -> Result<Vec<String>, MigrationError> {
    let query = "SELECT DISTINCT r.ev_class::regclass::text \
                 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
                 WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass \
                 AND d.refobjid = 'users'::regclass AND a.attname = 'email' ORDER BY 1";
    let rows = tx.query(query, &[]).await.map_err(other)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What our schema has in it, but for our own records and what extensions brought.
async fn tables(tx: &Transaction<'_>) -> Result<Vec<String>, MigrationError> {
    let query = "SELECT c.relname::text \
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'f', 'v', 'm') \
                 AND c.relname NOT IN ($1, $2) \
                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
                     WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') \
                 ORDER BY 1";
    let rows = tx
        .query(query, &[&HISTORY, &ADOPTION])
        .await
        .map_err(other)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The first few, and how many more there are.
fn first(items: &[String]) -> String {
    let named = items[..items.len().min(NAMED)].join(", ");
    match items.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
