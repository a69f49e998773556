//! What a benchmark of scenarios asks of a server.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::bare;
use super::latchkey::{Account, Latchkey, sign_in_body, sign_up_body};
use super::process::Process;
use crate::load::script::{Mix, Numbered, Refresh, Repeat, bearer, get, member, post};
use crate::load::{Script, Turn, ask_once, drive};
use crate::service::scenario::Scenario;

/// The clients of one scenario.
pub(crate) type Clients = Vec<Box<dyn Script>>;

/// A server that can be asked some of the scenarios.
pub(crate) trait Subject {
    /// How it is called in a table.
    fn name(&self) -> String;

    fn process(&self) -> &Process;

    /// So many clients for a scenario; `None` if it has nothing like that.
    fn clients(&self, scenario: Scenario, count: usize) -> Result<Option<Clients>>;

    /// Whether this is ours, to which the others are compared.
    fn is_ours(&self) -> bool {
        false
    }
}

/// One client for each number.
pub(crate) fn each<S: Script + 'static>(count: usize, make: impl Fn(usize) -> S) -> Clients {
    (0..count)
        .map(|client| Box::new(make(client)) as Box<dyn Script>)
        .collect()
}

/// A number that no client gives twice, and no two clients give.
pub(crate) fn first_number(client: usize) -> u64 {
    client as u64 * 1_000_000_000
}

/// This project, with accounts and a caller for introspection.
pub(crate) struct Ours {
    name: String,
    latchkey: Latchkey,
    accounts: Vec<Account>,
    /// Of other sessions of the same users, for the mix.
    others: Vec<Account>,
    caller: String,
    /// Questions who one is, each with another access token.
    many: Arc<[Vec<u8>]>,
}

impl Ours {
    /// With so many accounts; for no more clients than that.
    pub(crate) fn new(name: String, latchkey: Latchkey, accounts: usize) -> Result<Self> {
        let (id, secret) = latchkey.add_client()?;
        Ok(Self {
            name,
            accounts: latchkey.sign_up(0..accounts)?,
            others: latchkey.sign_up(accounts..2 * accounts)?,
            latchkey,
            caller: basic(&id, &secret),
            many: Arc::default(),
        })
    }

    /// With so many access tokens besides, of a few sessions of their own.
    pub(crate) fn with_tokens(mut self, count: usize) -> Result<Self> {
        let first = 2 * self.accounts.len();
        let sessions = self.latchkey.sign_up(first..first + COLLECTORS)?;
        let collected = Arc::new(Mutex::new(Vec::new()));
        let mut scripts = each(COLLECTORS, |nth| Collect {
            refresh: Self::refresh(&sessions[nth]),
            collected: Arc::clone(&collected),
        });
        let turn = Turn {
            warm_up: Duration::ZERO,
            at_least: Duration::ZERO,
            answers: count,
            at_most: Duration::from_secs(300),
        };
        drive(&[self.process().address], &mut scripts, turn, &|| None)?;
        let tokens = std::mem::take(&mut *collected.lock().unwrap_or_else(PoisonError::into_inner));
        ensure!(tokens.len() >= count, "{} tokens of {count}", tokens.len());
        self.many = tokens.iter().map(|token| me(token)).collect();
        Ok(self)
    }

    /// With accounts that are there already, for one scenario that refreshes and no introspection.
    pub(crate) fn known(name: String, latchkey: Latchkey, accounts: Vec<Account>) -> Self {
        Self {
            name,
            latchkey,
            others: accounts.clone(),
            accounts,
            caller: String::new(),
            many: Arc::default(),
        }
    }

    /// An access token.
    pub(crate) fn token(&self) -> &str {
        &self.accounts[0].access
    }

    /// Sign-ins of these accounts, from this one on, around.
    pub(crate) fn sign_ins(accounts: &[Account], from: usize) -> Repeat {
        let requests = accounts.iter().map(|account| {
            let body = sign_in_body(&account.email);
            post("/api/v1/users/signin", "", "application/json", &body)
        });
        Repeat::from(requests.collect(), from)
    }

    fn me(account: &Account) -> Repeat {
        Repeat::one(me(&account.access))
    }

    /// One client of those who share many tokens. The golden section spreads them, however
    /// many there are, so that none begins where another has just been.
    fn me_of_many(&self, client: usize) -> Repeat {
        let of_all = client.wrapping_mul(0x9E37_79B9) & 0xFFFF_FFFF;
        let from = (of_all * self.many.len()) >> 32;
        Repeat::shared(Arc::clone(&self.many), from)
    }

    fn refresh(account: &Account) -> Refresh {
        Refresh::new("/api/v1/users/refresh", account.refresh.clone())
    }

    fn mix(&self, client: usize) -> Mix {
        let account = &self.others[client];
        let parts: [Box<dyn Script>; 3] = [
            Box::new(Self::sign_ins(&self.others, client)),
            Box::new(Self::refresh(account)),
            Box::new(Self::me(account)),
        ];
        Mix::new(parts.into_iter().zip(Scenario::MIX).collect(), 7 * client)
    }
}

/// Asks who one is.
pub(crate) fn me(token: &str) -> Vec<u8> {
    get("/api/v1/users/me", &bearer(token))
}

/// How many sessions are refreshed at once to collect access tokens.
const COLLECTORS: usize = 16;

/// Refreshes a session and keeps each access token that it is given.
struct Collect {
    refresh: Refresh,
    collected: Arc<Mutex<Vec<String>>>,
}

impl Script for Collect {
    fn ask(&mut self, request: &mut Vec<u8>) -> usize {
        self.refresh.ask(request)
    }

    fn hear(&mut self, body: &[u8]) -> Result<()> {
        let token = member(body, "access_token").context("no access token")?;
        let mut collected = self
            .collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        collected.push(token.to_owned());
        self.refresh.hear(body)
    }
}

/// How a client of the OAuth endpoints says who it is.
fn basic(id: &str, secret: &str) -> String {
    use base64::Engine as _;
    let both = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    format!("authorization: Basic {both}\r\n")
}

impl Subject for Ours {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn process(&self) -> &Process {
        &self.latchkey.process
    }

    fn clients(&self, scenario: Scenario, count: usize) -> Result<Option<Clients>> {
        let accounts = &self.accounts;
        Ok(Some(match scenario {
            Scenario::SignUp => each(count, |client| {
                Numbered::new(first_number(client), |number| {
                    let body = sign_up_body(&format!("new{number}@example.org"));
                    post("/api/v1/users/signup", "", "application/json", &body)
                })
            }),
            Scenario::SignIn => each(count, |client| Self::sign_ins(accounts, client)),
            Scenario::Refresh => each(count, |client| Self::refresh(&accounts[client])),
            Scenario::Me => each(count, |client| Self::me(&accounts[client])),
            Scenario::MeOfMany if self.many.is_empty() => return Ok(None),
            Scenario::MeOfMany => each(count, |client| self.me_of_many(client)),
            Scenario::Introspect => each(count, |client| {
                let form = format!("token={}", accounts[client].access);
                let form_type = "application/x-www-form-urlencoded";
                Repeat::one(post("/oauth/introspect", &self.caller, form_type, &form))
            }),
            Scenario::Jwks => each(count, |_| Repeat::one(get("/.well-known/jwks.json", ""))),
            Scenario::Mix => each(count, |client| self.mix(client)),
        }))
    }

    fn is_ours(&self) -> bool {
        true
    }
}

/// The floor: warp that answers `me` without asking a database.
pub(crate) struct Floor {
    process: Process,
    path: &'static str,
    name: String,
    token: String,
}

impl Floor {
    /// Warp that answers what it always answers.
    pub(crate) fn plain(folder: &Path) -> Result<Self> {
        Ok(Self {
            process: bare::start(folder, r#"{"keys":[]}"#)?,
            path: "/json",
            name: "bare warp".to_owned(),
            token: String::new(),
        })
    }

    /// Warp that checks the same token as `ours`, with the same verifier.
    pub(crate) fn checked(folder: &Path, ours: &Ours, name: String) -> Result<Self> {
        let jwks = ask_once(ours.process().address, &get("/.well-known/jwks.json", ""))?;
        Ok(Self {
            process: bare::start(folder, &String::from_utf8_lossy(&jwks.body))?,
            path: "/checked",
            name,
            token: ours.token().to_owned(),
        })
    }
}

impl Subject for Floor {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn clients(&self, scenario: Scenario, count: usize) -> Result<Option<Clients>> {
        // It remembers no token, so that one is as good as many.
        Ok(matches!(scenario, Scenario::Me | Scenario::MeOfMany)
            .then(|| each(count, |_| Repeat::one(get(self.path, &bearer(&self.token))))))
    }
}
