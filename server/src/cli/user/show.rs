//! `latchkey user list` and `latchkey user show`.

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::failures::{self, ShownFailures};
use super::{Service, UserJson, find};
use crate::cli::open::Missing;
use crate::cli::{Context, output, runtime};
use crate::domain::administration::UserRef;
use crate::domain::clock::Timestamp;
use crate::domain::ids::UserId;
use crate::domain::session::Session;
use crate::domain::user::User;

/// How many users one query reads while listing.
const PAGE: u32 = 500;

/// `latchkey user list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Show at most this many
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Start after the user with this id
    #[arg(long, value_name = "USER_ID")]
    after: Option<UserId>,
    /// Print JSON: one array
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        let users = runtime::command(async {
            let service = Service::open(cx, Missing::Refuse).await?;
            let users = self.read(&service).await?;
            service.close().await;
            Ok(users)
        })?;
        if self.json {
            return output::json(&users.iter().map(UserJson::from).collect::<Vec<_>>());
        }
        let mut table = output::Table::new(["id", "email", "name", "created", "state"]);
        for user in users {
            table.row([
                &user.id.to_string(),
                &user.email,
                &user.name,
                &user.created_at.to_string(),
                state(&user),
            ]);
        }
        table.print()
    }

    async fn read(&self, service: &Service) -> anyhow::Result<Vec<User>> {
        let wanted = self.limit.unwrap_or(u32::MAX);
        let mut users: Vec<User> = Vec::new();
        let mut after = self.after;
        loop {
            let have = u32::try_from(users.len()).unwrap_or(u32::MAX);
            let limit = PAGE.min(wanted.saturating_sub(have));
            let page = service.administration.list(after, limit).await?;
            let is_last = page.len() < PAGE as usize;
            after = page.last().map(|user| user.id);
            users.extend(page);
            if is_last {
                return Ok(users);
            }
        }
    }
}

/// `latchkey user show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The user's e-mail address or id
    user: UserRef,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ShownUser<'a> {
    #[serde(flatten)]
    user: UserJson<'a>,
    sessions: Vec<ShownSession<'a>>,
    failures: Vec<ShownFailures>,
}

#[derive(Serialize)]
struct ShownSession<'a> {
    session_id: String,
    created_at: Timestamp,
    last_used_at: Timestamp,
    expires_at: Timestamp,
    ip: Option<String>,
    user_agent: Option<&'a str>,
}

impl Show {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        let (user, sessions, failures) = runtime::command(async {
            let service = Service::open(cx, Missing::Refuse).await?;
            let user = find(&service, &self.user).await?;
            let sessions = service
                .administration
                .sessions(&service.operator(), user.id)
                .await
                .context("cannot read the sessions")?;
            let (rules, now) = (service.throttle.as_ref(), service.operator().now);
            let failures: Vec<ShownFailures> = service
                .administration
                .failures(&user)
                .await
                .context("cannot read the failed tries")?
                .iter()
                .map(|count| ShownFailures::new(count, rules, now))
                .collect();
            service.close().await;
            Ok((user, sessions, failures))
        })?;
        if self.json {
            return output::json(&ShownUser {
                user: UserJson::from(&user),
                sessions: sessions.iter().map(ShownSession::from).collect(),
                failures,
            });
        }
        print(&user, &sessions)?;
        failures::print(&failures)
    }
}

impl<'a> From<&'a Session> for ShownSession<'a> {
    fn from(session: &'a Session) -> Self {
        Self {
            session_id: session.id.to_string(),
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            ip: session.address.map(|address| address.to_string()),
            user_agent: session.user_agent.as_deref(),
        }
    }
}

fn print(user: &User, sessions: &[Session]) -> anyhow::Result<()> {
    let age = user
        .age
        .map_or_else(|| "-".to_owned(), |age| age.to_string());
    let state = match user.disabled_at {
        Some(since) => format!("disabled since {since}"),
        None => state(user).to_owned(),
    };
    let mut fields = output::Table::new(["field", "value"]);
    for (field, value) in [
        ("id", user.id.to_string()),
        ("email", user.email.clone()),
        ("name", user.name.clone()),
        ("age", age),
        ("created", user.created_at.to_string()),
        ("updated", user.updated_at.to_string()),
        ("state", state),
        ("sessions", sessions.len().to_string()),
    ] {
        fields.row([field, &value]);
    }
    fields.print()?;
    if sessions.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let mut table = output::Table::new(["session", "last used", "expires", "ip", "user agent"]);
    for session in sessions {
        let address = session.address.map(|address| address.to_string());
        table.row([
            &session.id.to_string(),
            &session.last_used_at.to_string(),
            &session.expires_at.to_string(),
            address.as_deref().unwrap_or("-"),
            session.user_agent.as_deref().unwrap_or("-"),
        ]);
    }
    table.print()
}

fn state(user: &User) -> &'static str {
    match user.disabled_at {
        Some(_) => "disabled",
        None => "enabled",
    }
}
