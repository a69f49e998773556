//! Units of work of more than one statement.
//!
//! A transaction takes two round trips: BEGIN goes out together with the statement that
//! takes the lock, and COMMIT together with those that change something. COMMIT may go out
//! before they are answered because it turns into a ROLLBACK if one of them failed.

use futures_util::FutureExt as _;
use futures_util::future::{join, try_join};
use tokio_postgres::{Error, Row, Statement};

use super::error::Failure;
use super::pool::Connection;
use super::rows::Parameter;

/// Whatever the server's default is: the units rely on each statement seeing what was
/// committed before it.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// A transaction that is rolled back unless it is committed.
pub(super) struct Transaction<'c> {
    connection: &'c Connection,
    is_over: bool,
}

impl<'c> Transaction<'c> {
    /// Begins with the statement that takes the lock, and gives the row that it found.
    pub(super) async fn begin(
        connection: &'c Connection,
        lock: &Statement,
        parameters: &[Parameter<'_>],
    ) -> Result<(Self, Option<Row>), Failure> {
        let transaction = Self {
            connection,
            is_over: false,
        };
        // The first future is polled, and with that sent, first.
        let (_, row) = try_join(
            connection.batch_execute(BEGIN),
            connection.query_opt(lock, parameters),
        )
        .await
        .map_err(Failure::before_any_change)?;
        Ok((transaction, row))
    }

    /// Commits what `changes` does. Its statements have been prepared: whatever waits for
    /// an answer before it sends would come after the COMMIT.
    pub(super) async fn commit<T>(
        mut self,
        changes: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        self.is_over = true;
        // Not `try_join`: where a change has failed before COMMIT was sent, that would never
        // be, and whoever uses the connection next would be in the failed transaction.
        let (done, committed) = join(changes, self.connection.batch_execute("COMMIT")).await;
        let done = done?;
        committed?;
        Ok(done)
    }
}

/// Sends the ROLLBACK and does not wait: whoever uses the connection next comes after it.
impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = self.connection.batch_execute("ROLLBACK").now_or_never();
        }
    }
}
