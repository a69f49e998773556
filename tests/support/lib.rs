//! The fixture of the black-box suite: it knows the binary from outside and nothing of
//! the code within.
//!
//! A test starts from a [`Home`]: a directory of its own with a database of its own and
//! the settings to run with. [`Home::start`] gives a [`Server`] on a port that the system
//! chose, [`Home::cli`] runs a subcommand beside it. The server's verbs
//! ([`Server::sign_up`], [`Server::refresh`], …) give an [`Answer`], and every answer is
//! held against the server's own `/openapi.json` before a test sees it.
//!
//! A test is an `async fn(Backend)`. [`on_each_backend!`] lists those of a file, and runs
//! each once for each back end, whose name stands in the test's.
//!
//! What a test starts is gone when it ends, whether it passes or fails; what the server
//! logged is printed when it fails.

mod account;
mod answer;
mod backend;
mod binary;
mod browser;
mod call;
mod disk;
mod home;
mod load;
mod openapi;
mod output;
mod process;
mod proxy;
mod python;
mod raw;
mod redact;
mod server;
mod system;
mod token;
mod wait;

pub use account::{Account, ApiClient, Person, Tokens};
pub use answer::Answer;
pub use backend::{Backend, Database};
pub use browser::Browser;
pub use call::Call;
pub use disk::{DiskFault, Image, Survival};
pub use home::Home;
pub use load::{Ledger, Load};
pub use output::Output;
pub use process::{Failed, Signal};
pub use proxy::{Network, Proxy};
pub use python::Python;
pub use raw::{Raw, RawAnswer};
pub use server::Server;
pub use token::{Jwt, SigningKey, forge, hmac_sha256, unsigned};
pub use wait::{SAFETY_NET, eventually, within};

/// Runs one test against one back end, on the thread that the harness gave it, so that
/// what it prints is kept with the test.
///
/// # Panics
///
/// When the test does.
pub fn run(backend: Backend, test: impl AsyncFnOnce(Backend)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    // A snapshot is the same on each back end.
    insta::allow_duplicates! { runtime.block_on(test(backend)) }
}

/// Makes a test of each function for each back end: `on_each_backend![it_works]` becomes
/// `sqlite::it_works` and `postgres::it_works`. A function that is not listed is dead code,
/// which the compiler tells.
#[macro_export]
macro_rules! on_each_backend {
    ($($test:ident),+ $(,)?) => {
        $crate::on!(sqlite, Sqlite, $($test),+);
        $crate::on!(postgres, Postgres, $($test),+);
    };
}

/// Like [`on_each_backend!`], for what only SQLite has: a file.
#[macro_export]
macro_rules! on_sqlite {
    ($($test:ident),+ $(,)?) => {
        $crate::on!(sqlite_only, Sqlite, $($test),+);
    };
}

/// Like [`on_each_backend!`], for what only PostgreSQL has: a server and a network.
#[macro_export]
macro_rules! on_postgres {
    ($($test:ident),+ $(,)?) => {
        $crate::on!(postgres_only, Postgres, $($test),+);
    };
}

/// What the three have in common: a module with a test of each function.
#[doc(hidden)]
#[macro_export]
macro_rules! on {
    ($module:ident, $backend:ident, $($test:ident),+) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    $crate::run($crate::Backend::$backend, super::$test);
                }
            )+
        }
    };
}
