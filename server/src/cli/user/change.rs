//! The `latchkey user` commands that change a user.

use std::io::{IsTerminal as _, Write as _};

use clap::Args;
use serde_json::{Value, json};

use super::{Service, UserJson, find, gone};
use crate::cli::open::Missing;
use crate::cli::secret_input::read_new_password;
use crate::cli::{Context, output, runtime};
use crate::domain::administration::UserRef;
use crate::domain::email::Email;
use crate::domain::user::User;

/// The user, and how to print what was done.
#[derive(Debug, Args)]
struct Target {
    /// The user's e-mail address or id
    user: UserRef,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Target {
    /// Finds the user, does `work`, and prints what it answers: a sentence for people and
    /// a value for programs.
    fn change<W>(&self, cx: &Context, work: W) -> anyhow::Result<()>
    where
        W: AsyncFnOnce(&Service, User) -> anyhow::Result<(String, Value)>,
    {
        let (sentence, value) = runtime::command(async {
            let service = Service::open(cx, Missing::Refuse).await?;
            let user = find(&service, &self.user).await?;
            let done = work(&service, user).await?;
            service.close().await;
            Ok(done)
        })?;
        if self.json {
            output::json(&value)
        } else {
            output::line(&sentence)
        }
    }
}

/// `latchkey user set-password`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SetPassword {
    #[command(flatten)]
    target: Target,
}

impl SetPassword {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        let password = read_new_password("New password")?;
        self.target.change(cx, async |service, user| {
            let password = service.accept(password, &user.email, &user.name)?;
            let operator = service.operator();
            let is_set = service
                .administration
                .set_password(&operator, user.id, password)
                .await?;
            if !is_set {
                return Err(gone(&self.target.user));
            }
            Ok((
                format!(
                    "set the password of {}; every session has ended",
                    user.email
                ),
                json!({ "user_id": user.id }),
            ))
        })
    }
}

/// `latchkey user set-email`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SetEmail {
    #[command(flatten)]
    target: Target,
    /// The new e-mail address
    #[arg(value_parser = Email::parse)]
    email: Email,
}

impl SetEmail {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        self.target.change(cx, async |service, user| {
            let operator = service.operator();
            let changed = service
                .administration
                .set_email(&operator, user.id, self.email)
                .await?
                .ok_or_else(|| gone(&self.target.user))?;
            Ok((
                format!("{} is now {}", user.email, changed.email),
                serde_json::to_value(UserJson::from(&changed))?,
            ))
        })
    }
}

/// `latchkey user sign-out`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SignOut {
    #[command(flatten)]
    target: Target,
}

impl SignOut {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        self.target.change(cx, async |service, user| {
            let operator = service.operator();
            let ended = service.administration.sign_out(&operator, user.id).await?;
            let sessions = if ended == 1 { "session" } else { "sessions" };
            Ok((
                format!("ended {ended} {sessions} of {}", user.email),
                json!({ "user_id": user.id, "ended": ended }),
            ))
        })
    }
}

/// `latchkey user disable`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Disable {
    #[command(flatten)]
    target: Target,
}

/// `latchkey user enable`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Enable {
    #[command(flatten)]
    target: Target,
}

impl Disable {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        set_disabled(&self.target, cx, true)
    }
}

impl Enable {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        set_disabled(&self.target, cx, false)
    }
}

fn set_disabled(target: &Target, cx: &Context, disabled: bool) -> anyhow::Result<()> {
    target.change(cx, async |service, user| {
        let operator = service.operator();
        let changed = service
            .administration
            .set_disabled(&operator, user.id, disabled)
            .await?
            .ok_or_else(|| gone(&target.user))?;
        let sentence = match (disabled, user.disabled_at.is_some()) {
            (true, false) => format!("disabled {}; every session has ended", user.email),
            (true, true) => format!("{} was disabled already", user.email),
            (false, true) => format!("enabled {}", user.email),
            (false, false) => format!("{} was enabled already", user.email),
        };
        Ok((sentence, serde_json::to_value(UserJson::from(&changed))?))
    })
}

/// `latchkey user unlock`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Unlock {
    #[command(flatten)]
    target: Target,
}

impl Unlock {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        self.target.change(cx, async |service, user| {
            let operator = service.operator();
            let unlocked = service.administration.unlock(&operator, &user).await?;
            let sentence = if unlocked {
                format!("forgot the wrong passwords given for {}", user.email)
            } else {
                format!("no wrong password was given for {}", user.email)
            };
            Ok((
                sentence,
                json!({ "user_id": user.id, "unlocked": unlocked }),
            ))
        })
    }
}

/// `latchkey user delete`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    #[command(flatten)]
    target: Target,
    /// Do not ask; without a terminal nothing is asked anyway
    #[arg(long)]
    yes: bool,
}

impl Delete {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        self.target.change(cx, async |service, user| {
            if !self.yes && !confirmed(&user)? {
                anyhow::bail!("{} was not deleted", user.email);
            }
            let operator = service.operator();
            if !service.administration.delete(&operator, user.id).await? {
                return Err(gone(&self.target.user));
            }
            Ok((
                format!("deleted {} ({})", user.email, user.id),
                json!({ "user_id": user.id }),
            ))
        })
    }
}

/// Asks, where there is somebody to ask.
fn confirmed(user: &User) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    write!(
        std::io::stderr(),
        "Delete {} ({}) for good? [y/N] ",
        user.email,
        user.id
    )?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
