//! The service that this one replaces: FastAPI, SQLAlchemy, passlib, python-jose.

use std::fmt;

use anyhow::Result;

use super::database::Store;
use super::latchkey::{sign_in_body, sign_up_body};
use super::process::Process;
use super::subject::{Clients, Subject, each, first_number};
use super::uvicorn::{self, App};
use super::{post_json, text};
use crate::load::Script;
use crate::load::script::{Mix, Numbered, Refresh, Repeat, bearer, get, post};
use crate::service::scenario::Scenario;

/// How many accounts its clients share: each costs it a password.
const ACCOUNTS: usize = 8;

const SIGN_UP: &str = "/api/v1/users/signup";
const SIGN_IN: &str = "/api/v1/users/signin";

/// What passlib is told to hash with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// At passlib's own cost, 12.
    Bcrypt,
    /// At our cost.
    Argon2,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bcrypt => "bcrypt",
            Self::Argon2 => "argon2",
        })
    }
}

/// A running one.
pub(crate) struct Predecessor {
    process: Process,
    scheme: Scheme,
    /// Access and refresh token of each account.
    tokens: Vec<(String, String)>,
}

impl Predecessor {
    pub(crate) fn start(store: &Store, scheme: Scheme) -> Result<Self> {
        let process = uvicorn::start(&App {
            peer: "predecessor",
            database: store.sqlalchemy("sqlite", "postgresql+psycopg2"),
            variables: vec![("SCHEME", scheme.to_string())],
        })?;
        let sign_up = |number| {
            let body = sign_up_body(&email(number));
            let answer = post_json(process.address, SIGN_UP, &body)?;
            Ok((
                text(&answer, "access_token")?,
                text(&answer, "refresh_token")?,
            ))
        };
        let tokens: Result<Vec<_>> = (0..ACCOUNTS).map(sign_up).collect();
        Ok(Self {
            tokens: tokens?,
            process,
            scheme,
        })
    }

    fn sign_ins(from: usize) -> Repeat {
        let requests = (0..ACCOUNTS).map(|number| {
            let body = sign_in_body(&email(number));
            post(SIGN_IN, "", "application/json", &body)
        });
        Repeat::from(requests.collect(), from)
    }

    fn me(&self, client: usize) -> Repeat {
        let (access, _) = &self.tokens[client % ACCOUNTS];
        Repeat::one(get("/api/v1/users/me", &bearer(access)))
    }

    fn refresh(&self, client: usize) -> Refresh {
        // It remembers no refresh token, so that clients may share one.
        let (_, refresh) = &self.tokens[client % ACCOUNTS];
        Refresh::new("/api/v1/users/refresh", refresh.clone())
    }
}

fn email(number: usize) -> String {
    format!("somebody{number}@example.org")
}

impl Subject for Predecessor {
    fn name(&self) -> String {
        format!("predecessor, {}", self.scheme)
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn clients(&self, scenario: Scenario, count: usize) -> Result<Option<Clients>> {
        // The rest does not depend on the scheme.
        let is_measured = scenario.hashes() || self.scheme == Scheme::Argon2;
        let clients = match scenario {
            _ if !is_measured => return Ok(None),
            Scenario::SignUp => each(count, |client| {
                Numbered::new(first_number(client), |number| {
                    let body = sign_up_body(&format!("new{number}@example.org"));
                    post(SIGN_UP, "", "application/json", &body)
                })
            }),
            Scenario::SignIn => each(count, Self::sign_ins),
            Scenario::Refresh => each(count, |client| self.refresh(client)),
            Scenario::Me => each(count, |client| self.me(client)),
            Scenario::Mix => each(count, |client| {
                let parts: [Box<dyn Script>; 3] = [
                    Box::new(Self::sign_ins(client)),
                    Box::new(self.refresh(client)),
                    Box::new(self.me(client)),
                ];
                Mix::new(parts.into_iter().zip(Scenario::MIX).collect(), 7 * client)
            }),
            Scenario::MeOfMany | Scenario::Introspect | Scenario::Jwks => return Ok(None),
        };
        Ok(Some(clients))
    }
}
