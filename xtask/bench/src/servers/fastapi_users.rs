//! `fastapi-users`: SQLAlchemy, argon2 by pwdlib at our cost, HS256.

use anyhow::{Result, ensure};

use super::database::Store;
use super::process::Process;
use super::subject::{Clients, Subject, each, first_number};
use super::uvicorn::{self, App};
use super::{PASSWORD, post_json, text};
use crate::load::ask_once;
use crate::load::script::{Numbered, Repeat, bearer, get, post};
use crate::service::scenario::Scenario;

/// How many accounts its clients share.
const ACCOUNTS: usize = 8;

const REGISTER: &str = "/auth/register";

/// A running one.
pub(crate) struct FastapiUsers {
    process: Process,
    tokens: Vec<String>,
}

impl FastapiUsers {
    pub(crate) fn start(store: &Store) -> Result<Self> {
        let process = uvicorn::start(&App {
            peer: "fastapi-users",
            database: store.sqlalchemy("sqlite+aiosqlite", "postgresql+asyncpg"),
            variables: Vec::new(),
        })?;
        let sign_up = |number: usize| {
            let email = format!("somebody{number}@example.org");
            post_json(process.address, REGISTER, &account(&email))?;
            let answer = ask_once(process.address, &sign_in(number))?;
            ensure!(answer.status == 200, "{answer:?}");
            text(&answer.body, "access_token")
        };
        let tokens: Result<Vec<_>> = (0..ACCOUNTS).map(sign_up).collect();
        Ok(Self {
            tokens: tokens?,
            process,
        })
    }
}

fn account(email: &str) -> String {
    format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#)
}

fn sign_in(number: usize) -> Vec<u8> {
    let form = format!("username=somebody{number}%40example.org&password={PASSWORD}");
    let form_type = "application/x-www-form-urlencoded";
    post("/auth/jwt/login", "", form_type, &form)
}

impl Subject for FastapiUsers {
    fn name(&self) -> String {
        "fastapi-users".to_owned()
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn clients(&self, scenario: Scenario, count: usize) -> Result<Option<Clients>> {
        Ok(Some(match scenario {
            Scenario::SignUp => each(count, |client| {
                Numbered::new(first_number(client), |number| {
                    let body = account(&format!("new{number}@example.org"));
                    post(REGISTER, "", "application/json", &body)
                })
            }),
            Scenario::SignIn => each(count, |client| {
                Repeat::from((0..ACCOUNTS).map(sign_in).collect(), client)
            }),
            Scenario::Me => each(count, |client| {
                let token = &self.tokens[client % ACCOUNTS];
                Repeat::one(get("/users/me", &bearer(token)))
            }),
            _ => return Ok(None),
        }))
    }
}
