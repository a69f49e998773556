//! `better-auth` on Node.js: e-mail and password, sessions in PostgreSQL, scrypt as it comes.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use latchkey_test_postgres::Database;

use super::install;
use super::process::{Process, free_address};
use super::subject::{Clients, Subject, each, first_number};
use super::{PASSWORD, SECRET};
use crate::load::ask_once;
use crate::load::script::{Numbered, Repeat, get, post};
use crate::service::scenario::Scenario;

/// How many accounts its clients share.
const ACCOUNTS: usize = 8;

/// A running one.
pub(crate) struct BetterAuth {
    process: Process,
    /// The header line with the cookie of each account.
    cookies: Vec<String>,
}

impl BetterAuth {
    pub(crate) fn start(database: &Database) -> Result<Self> {
        let folder = install::npm("better-auth")?;
        let address = free_address()?;
        let mut command = Command::new("node");
        command
            .arg("server.mjs")
            .current_dir(&folder)
            .env("NODE_ENV", "production")
            .env("DATABASE_URL", database.url())
            .env("PORT", address.port().to_string())
            .env("JWT_SECRET_KEY", SECRET);
        let log = folder.join("server.log");
        let process = Process::on(address, "/api/auth/ok", &command, &log)?;
        let sign_up = |number: usize| {
            let answer = ask_once(address, &sign_up(&format!("somebody{number}@example.org")))?;
            ensure!(answer.status == 200, "{answer:?}");
            let cookie = answer.header("set-cookie").context("no cookie")?;
            let cookie = cookie.split(';').next().unwrap_or_default();
            Ok(format!("cookie: {cookie}\r\n"))
        };
        let cookies: Result<Vec<_>> = (0..ACCOUNTS).map(sign_up).collect();
        Ok(Self {
            cookies: cookies?,
            process,
        })
    }
}

fn sign_up(email: &str) -> Vec<u8> {
    let body = format!(r#"{{"name":"Somebody","email":"{email}","password":"{PASSWORD}"}}"#);
    post("/api/auth/sign-up/email", "", "application/json", &body)
}

fn sign_in(number: usize) -> Vec<u8> {
    let body = format!(r#"{{"email":"somebody{number}@example.org","password":"{PASSWORD}"}}"#);
    post("/api/auth/sign-in/email", "", "application/json", &body)
}

impl Subject for BetterAuth {
    fn name(&self) -> String {
        "better-auth".to_owned()
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn clients(&self, scenario: Scenario, count: usize) -> Result<Option<Clients>> {
        Ok(Some(match scenario {
            Scenario::SignUp => each(count, |client| {
                Numbered::new(first_number(client), |number| {
                    sign_up(&format!("new{number}@example.org"))
                })
            }),
            Scenario::SignIn => each(count, |client| {
                Repeat::from((0..ACCOUNTS).map(sign_in).collect(), client)
            }),
            Scenario::Me => each(count, |client| {
                let cookie = &self.cookies[client % ACCOUNTS];
                Repeat::one(get("/api/auth/get-session", cookie))
            }),
            _ => return Ok(None),
        }))
    }
}
