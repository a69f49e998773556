//! One act as a request or a command, and what became of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use latchkey_tests::{Answer, Call, Jwt, Server};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::account::Account;
use crate::model::{Act, Facts, Token, digest_of};
use crate::run::Run;
use crate::windows::Allows;

/// Before somebody tries again where there was no answer.
const PAUSE: Duration = Duration::from_millis(20);

/// What became of an act.
#[derive(Clone, Debug)]
pub(crate) enum Sent {
    /// It was answered.
    Answered(Box<Received>),
    /// Nobody knows whether it was done.
    Lost,
    /// It was not done.
    NotDone,
    /// The run has failed.
    Failed,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) facts: Facts,
    /// The tokens in it: access and refresh.
    pub(crate) tokens: Option<(Token, Token)>,
    pub(crate) user_id: Option<String>,
    pub(crate) request_id: String,
    /// For whoever reads of a failure.
    pub(crate) shown: String,
}

impl Run {
    /// Does `act` to `account`, at this instance if it is a request.
    pub(crate) async fn send(&self, act: &Act, account: &Account, instance: usize) -> Sent {
        if let Some(command) = command(act) {
            return self.operate(act, command, &account.email).await;
        }
        let Some(server) = self.fleet.server(instance) else {
            sleep(PAUSE).await;
            return Sent::NotDone;
        };
        let call = self.call(act, account, &server);
        drop(server);
        match self.attempt(act.name(), call, instance).await {
            Ok(answer) => Sent::Answered(Box::new(received(&answer))),
            Err(other) => other,
        }
    }

    /// Sends a request and judges what comes of it: an answer, or nothing within an
    /// announced window.
    pub(crate) async fn attempt(
        &self,
        name: &'static str,
        call: Call,
        instance: usize,
    ) -> Result<Answer, Sent> {
        let began = Instant::now();
        self.fleet.count(instance);
        let attempt = call.attempt().await;
        let allows = |what| self.windows.allow(instance, began, what);
        let outcome = match attempt {
            Ok(answer) if answer.status < 500 => {
                self.tally.answered(name, began.elapsed());
                return Ok(answer);
            }
            Ok(answer) if answer.status == 503 && allows(Allows::Unavailable) => {
                self.tally.unavailable.add();
                if answer.header("retry-after").is_empty() {
                    self.fail(format!(
                        "{name}: 503 without Retry-After: {}",
                        answer.shown()
                    ));
                }
                Sent::Lost
            }
            Ok(answer) => {
                let id = answer.header("x-request-id");
                self.fail(format!(
                    "{name} at instance {instance}, request {id}: outside of a window\n{}",
                    answer.shown()
                ));
                Sent::Failed
            }
            Err(error) if error.is_connect() => {
                if allows(Allows::LostConnections) || allows(Allows::ClosedDoor) {
                    self.tally.refused.add();
                    Sent::NotDone
                } else {
                    self.fail(format!("{name} at instance {instance}: {error:?}"));
                    Sent::Failed
                }
            }
            Err(_) if allows(Allows::LostConnections) => {
                self.tally.lost.add();
                Sent::Lost
            }
            // What a server that ends in good order does not answer, it has not read.
            Err(_) if allows(Allows::ClosedDoor) => {
                self.tally.cut.add();
                Sent::NotDone
            }
            Err(error) => {
                self.fail(format!("{name} at instance {instance}: {error:?}"));
                Sent::Failed
            }
        };
        sleep(PAUSE).await;
        Err(outcome)
    }

    /// A command, on the database as it is.
    async fn operate(&self, act: &Act, command: &str, email: &str) -> Sent {
        let began = Instant::now();
        let output = self.fleet.office.cli(["user", command, email]).await;
        if output.code != Some(0) && self.windows.allow(0, began, Allows::Unavailable) {
            self.tally.command_failed.add();
            return Sent::Lost;
        }
        self.tally.answered(act.name(), began.elapsed());
        let facts = Facts {
            status: output
                .code
                .and_then(|code| u16::try_from(code).ok())
                .unwrap_or(u16::MAX),
            ..Facts::default()
        };
        Sent::Answered(Box::new(Received {
            facts,
            shown: output.stderr,
            ..Received::default()
        }))
    }

    fn call(&self, act: &Act, account: &Account, server: &Server) -> Call {
        let access = |token: &Token| token.text.to_string();
        match act {
            Act::SignUp {
                name,
                age,
                password,
            } => server.post("/api/v1/users/signup").json(&json!({
                "name": name, "email": account.email, "age": age, "password": password,
            })),
            Act::SignIn { password } => server.sign_in(&account.email, password),
            Act::Refresh { token, oauth: true } => server.oauth_refresh(&token.text),
            Act::Refresh { token, .. } => server.refresh(&token.text),
            Act::Me { access: token } => server.me(&access(token)),
            Act::ListSessions { access: token } => server.sessions(&access(token)),
            Act::Patch {
                access: token,
                name,
                age,
            } => server.update_me(&access(token), &json!({ "name": name, "age": age })),
            Act::ChangePassword {
                access: token,
                current,
                new,
            } => server.change_password(&access(token), current, new),
            Act::LogOut { token } => server.log_out(&token.text),
            Act::Revoke { token } => server.revoke(&token.text),
            Act::EndSession {
                access: token,
                session,
            } => server.end_session(&access(token), &dashed(session)),
            Act::EndAll { access: token } => server.end_sessions(&access(token)),
            Act::Delete {
                access: token,
                password,
            } => server.delete_me(&access(token), password),
            Act::Introspect { access: token } => server.introspect(&self.client, &token.text),
            Act::Disable | Act::Enable | Act::SignOut | Act::Look => {
                unreachable!("no request: {act:?}")
            }
        }
    }
}

fn command(act: &Act) -> Option<&'static str> {
    match act {
        Act::Disable => Some("disable"),
        Act::Enable => Some("enable"),
        Act::SignOut => Some("sign-out"),
        _ => None,
    }
}

/// What an answer says.
fn received(answer: &Answer) -> Received {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |value: &Value, member: &str| value[member].as_str().map(str::to_owned);
    let user = if body["user"].is_object() {
        &body["user"]
    } else {
        &body
    };
    let tokens = text(&body, "access_token").zip(text(&body, "refresh_token"));
    let tokens = tokens.map(|(access, refresh)| (token(&access), token(&refresh)));
    let sessions = body.as_array().into_iter().flatten();
    let sessions: BTreeSet<String> = sessions
        .filter_map(|session| text(session, "session_id"))
        .map(|id| undashed(&id))
        .collect();
    let facts = Facts {
        status: answer.status,
        code: text(&body, "code")
            .or_else(|| text(&body, "error"))
            .unwrap_or_default(),
        profile: text(user, "name").map(|name| (name, age(&user["age"]))),
        refresh: tokens.as_ref().map(|(_, refresh)| refresh.clone()),
        sessions,
        active: body["active"].as_bool(),
        rows: None,
    };
    Received {
        facts,
        tokens,
        user_id: text(user, "user_id").map(|id| undashed(&id)),
        request_id: answer.header("x-request-id").to_owned(),
        shown: answer.shown(),
    }
}

fn age(value: &Value) -> Option<u8> {
    value.as_u64().and_then(|age| u8::try_from(age).ok())
}

fn token(text: &str) -> Token {
    let claims = Jwt::read(text).claims;
    let claim = |name: &str| claims[name].as_str().unwrap_or_default();
    Token {
        session: undashed(claim("sid")),
        digest: digest_of(claim("jti")),
        text: text.into(),
    }
}

fn undashed(id: &str) -> String {
    id.replace('-', "")
}

/// As the API writes identifiers.
fn dashed(id: &str) -> String {
    let part = |from: usize, to: usize| id.get(from..to).unwrap_or_default();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_the_same_both_ways() {
        let id = "0195f6a0-1c2d-7e3f-8a4b-5c6d7e8f9a0b";
        assert_eq!(dashed(&undashed(id)), id);
    }
}
