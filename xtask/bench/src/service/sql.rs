//! The SQL alone: what the storage does in this process, without HTTP and tokens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use latchkey::domain::clock::{Clock as _, SystemClock, Timestamp};
use latchkey::domain::context::WriteContext;
use latchkey::domain::email::Email;
use latchkey::domain::entropy::{SystemEntropy, random_bytes};
use latchkey::domain::ids::{SessionId, UserId};
use latchkey::domain::password_hash::PasswordHash;
use latchkey::domain::session::{NewSession, Rotation, RotationOutcome, TokenHash};
use latchkey::domain::status::StatusIndex;
use latchkey::domain::user::{NewUser, UserName};
use latchkey::storage::{self, OpenOptions, Pending, SharedStorage};
use tokio::runtime::Runtime;

use super::scenario::Scenario;
use crate::load::{Contestant, InProcess, Work};
use crate::servers::database::Store;

/// As many connections as the service has by default.
const POOL: u32 = 8;

/// A day, as refresh tokens live.
const LIFE: Duration = Duration::from_secs(24 * 3600);

/// A sealed successor is about as long as the refresh token in it.
const SEALED_BYTES: usize = 440;

/// A storage of its own, with a session for each client.
pub(super) struct Sql {
    storage: SharedStorage,
    runtime: Runtime,
    sessions: Vec<Arc<Session>>,
}

/// A session and the refresh token that is good now.
struct Session {
    id: SessionId,
    user: UserId,
    email: Email,
    refresh: Mutex<TokenHash>,
}

impl Sql {
    /// Opens it and fills it.
    pub(super) fn open(store: &Store, clients: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let url = store.url().parse().map_err(anyhow::Error::msg)?;
        let options = OpenOptions {
            pool: POOL,
            pending: Pending::Apply,
            now: SystemClock.now(),
        };
        let storage = runtime.block_on(storage::open(&url, options))?;
        let sessions: Result<Vec<_>> = (0..clients)
            .map(|client| runtime.block_on(sign_up(&storage, client)))
            .collect();
        Ok(Self {
            sessions: sessions?,
            storage,
            runtime,
        })
    }

    /// What it does of a scenario, by so many clients.
    pub(super) fn contestant(
        &self,
        scenario: Scenario,
        clients: usize,
    ) -> Option<Box<dyn Contestant + '_>> {
        let name = match scenario {
            Scenario::SignIn => "the SQL alone, its look-up",
            Scenario::Refresh | Scenario::Me => "the SQL alone",
            _ => return None,
        };
        Some(Box::new(InProcess {
            name,
            clients,
            work: move |client: usize| -> Work {
                let session = Arc::clone(&self.sessions[client]);
                let storage = Arc::clone(&self.storage);
                let done = self.runtime.spawn(async move {
                    match scenario {
                        Scenario::SignIn => session.find_user(&storage).await,
                        Scenario::Refresh => session.rotate(&storage).await,
                        _ => session.look_up(&storage).await,
                    }
                });
                Box::pin(async move { done.await? })
            },
        }))
    }
}

impl Session {
    async fn find_user(&self, storage: &SharedStorage) -> Result<()> {
        let found = storage.credentials_by_email(&self.email).await?;
        ensure!(found.is_some(), "no such user");
        Ok(())
    }

    async fn look_up(&self, storage: &SharedStorage) -> Result<()> {
        let found = storage.session(self.id, SystemClock.now()).await?;
        ensure!(found.is_some(), "no such session");
        Ok(())
    }

    async fn rotate(&self, storage: &SharedStorage) -> Result<()> {
        let now = SystemClock.now();
        let successor = TokenHash(random_bytes(&SystemEntropy));
        let presented = *self.refresh.lock().map_err(|_| poisoned())?;
        let rotation = Rotation {
            session: self.id,
            presented,
            successor,
            sealed_successor: vec![7; SEALED_BYTES],
            expires_at: now.plus(LIFE),
            grace: Duration::from_secs(10),
            status: None,
        };
        let cx = asked_by(self.user, now);
        match storage.rotate_refresh(&cx, rotation).await? {
            RotationOutcome::Rotated(_) => {}
            other => bail!("not rotated: {other:?}"),
        }
        *self.refresh.lock().map_err(|_| poisoned())? = successor;
        Ok(())
    }
}

fn poisoned() -> anyhow::Error {
    anyhow::anyhow!("another client panicked")
}

async fn sign_up(storage: &SharedStorage, client: usize) -> Result<Arc<Session>> {
    let now = SystemClock.now();
    let user = UserId::new(now, &SystemEntropy);
    let id = SessionId::new(now, &SystemEntropy);
    let email = Email::parse(&format!("somebody{client}@example.org"))?;
    let refresh = TokenHash(random_bytes(&SystemEntropy));
    let new_user = NewUser {
        id: user,
        name: UserName::parse("Somebody").context("a name")?,
        email: email.clone(),
        age: None,
        password: PasswordHash::new(HASH),
    };
    let session = NewSession {
        id,
        refresh,
        expires_at: now.plus(LIFE),
        status: Some(StatusIndex::random(1, &SystemEntropy)),
    };
    let cx = asked_by(user, now);
    storage.create_user(&cx, new_user, Some(session)).await?;
    Ok(Arc::new(Session {
        id,
        user,
        email,
        refresh: Mutex::new(refresh),
    }))
}

/// A stored hash is about as long as this; nobody verifies it.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                    $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// As a request on this machine is recorded.
fn asked_by(user: UserId, now: Timestamp) -> WriteContext {
    let mut cx = WriteContext::service(now).by(user);
    cx.address = Some(std::net::Ipv4Addr::LOCALHOST.into());
    cx.request_id = Some("0198c0de-0000-7000-8000-000000000000".to_owned());
    cx
}
