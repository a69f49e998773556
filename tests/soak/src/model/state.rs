//! One state that an account may be in, and what the service does in it.
//!
//! This is the service once more, small enough to be seen through: which answer an act
//! must get, and what holds after it.

use std::collections::{BTreeMap, BTreeSet};

use super::act::{Act, Digest, Facts, Rows, SessionId, Token, UserRow};

/// An account and all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) user: User,
    /// The sessions that are alive and known.
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    /// How many more are alive of which nobody knows more, because the answer was lost.
    pub(crate) strangers: usize,
    /// How often each event must be on record.
    pub(crate) records: BTreeMap<&'static str, u32>,
    /// How often somebody has failed to sign in at the address while nobody had it: those
    /// records name nobody.
    pub(crate) nobody: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Absent,
    There {
        name: String,
        age: Option<u8>,
        password: String,
        disabled: bool,
    },
    Deleted,
}

/// A session that is alive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// The one good refresh token; none if nobody has received it.
    pub(crate) current: Option<Digest>,
    /// The one before, which gets the same successor again until that is used.
    pub(crate) previous: Option<Digest>,
}

/// Why an answer cannot have been given in a state.
pub(crate) type Contradiction = String;

type Next = Result<State, Contradiction>;

impl State {
    /// Before the sign-up.
    pub(crate) fn absent() -> Self {
        Self {
            user: User::Absent,
            sessions: BTreeMap::new(),
            strangers: 0,
            records: BTreeMap::new(),
            nobody: 0,
        }
    }

    /// What holds after `act`: with what was answered, or after it was done and the answer
    /// was lost.
    ///
    /// # Errors
    ///
    /// When the answer is not the one that the service must give.
    pub(crate) fn after(&self, act: &Act, answer: Option<&Facts>) -> Next {
        match act {
            Act::SignUp {
                name,
                age,
                password,
            } => self.sign_up(name, *age, password, answer),
            Act::SignIn { password } => self.sign_in(password, answer),
            Act::Refresh { token, oauth } => self.refresh(token, *oauth, answer),
            Act::Look => self.look(answer),
            Act::Disable | Act::Enable | Act::SignOut => self.operate(act, answer),
            Act::LogOut { token } => self.log_out(token, answer),
            Act::Revoke { token } => {
                answered(answer, 200, "")?;
                let mut next = self.clone();
                if next.sessions.remove(&token.session).is_some() {
                    next.record("user.signed_out");
                }
                Ok(next)
            }
            Act::Introspect { access } => {
                answered(answer, 200, "")?;
                let alive = self.sessions.contains_key(&access.session);
                hold("active", answer, |facts| facts.active == Some(alive))?;
                Ok(self.clone())
            }
            Act::Me { access }
            | Act::ListSessions { access }
            | Act::Patch { access, .. }
            | Act::ChangePassword { access, .. }
            | Act::EndSession { access, .. }
            | Act::EndAll { access }
            | Act::Delete { access, .. } => {
                if !self.sessions.contains_key(&access.session) {
                    answered(answer, 401, "invalid_token")?;
                    return Ok(self.clone());
                }
                self.signed_in(act, answer)
            }
        }
    }

    fn sign_up(&self, name: &str, age: Option<u8>, password: &str, answer: Option<&Facts>) -> Next {
        let mut next = self.clone();
        if let User::There { .. } = self.user {
            answered(answer, 400, "email_taken")?;
            next.record("user.sign_up_failed");
            return Ok(next);
        }
        answered(answer, 201, "")?;
        next.user = User::There {
            name: name.to_owned(),
            age,
            password: password.to_owned(),
            disabled: false,
        };
        next.holds_profile(answer)?;
        next.record("user.signed_up");
        next.begin(answer)?;
        Ok(next)
    }

    fn sign_in(&self, given: &str, answer: Option<&Facts>) -> Next {
        let mut next = self.clone();
        match &self.user {
            User::Absent | User::Deleted => {
                answered(answer, 401, "invalid_credentials")?;
                next.nobody += 1;
            }
            User::There { password, .. } if password != given => {
                answered(answer, 401, "invalid_credentials")?;
                next.record("user.sign_in_failed");
            }
            User::There { disabled: true, .. } => {
                answered(answer, 403, "user_disabled")?;
                next.record("user.sign_in_failed");
            }
            User::There { .. } => {
                answered(answer, 200, "")?;
                next.holds_profile(answer)?;
                next.record("user.signed_in");
                next.begin(answer)?;
            }
        }
        Ok(next)
    }

    fn refresh(&self, token: &Token, oauth: bool, answer: Option<&Facts>) -> Next {
        let refused = |answer| {
            if oauth {
                answered(answer, 400, "invalid_grant")
            } else {
                answered(answer, 401, "invalid_refresh_token")
            }
        };
        let mut next = self.clone();
        let Some(session) = next.sessions.get_mut(&token.session) else {
            refused(answer)?;
            return Ok(next);
        };
        let given = answer.and_then(|facts| facts.refresh.as_ref());
        let given = given.filter(|given| given.session == token.session);
        if session.current.as_ref() == Some(&token.digest) {
            answered(answer, 200, "")?;
            hold("a new token", answer, |_| {
                given.is_some_and(|given| given.digest != token.digest)
            })?;
            session.previous = Some(token.digest.clone());
            session.current = given.map(|given| given.digest.clone());
        } else if session.previous.as_ref() == Some(&token.digest) {
            answered(answer, 200, "")?;
            hold("the same successor", answer, |_| {
                given.is_some_and(|given| {
                    let current = session.current.as_ref();
                    current.is_none_or(|current| *current == given.digest)
                        && given.digest != token.digest
                })
            })?;
            if let Some(given) = given {
                session.current = Some(given.digest.clone());
            }
        } else {
            refused(answer)?;
            next.sessions.remove(&token.session);
            next.record("session.refresh_reused");
        }
        Ok(next)
    }

    fn log_out(&self, token: &Token, answer: Option<&Facts>) -> Next {
        let mut next = self.clone();
        if next.sessions.remove(&token.session).is_some() {
            answered(answer, 200, "")?;
            next.record("user.signed_out");
        } else {
            answered(answer, 401, "")?;
        }
        Ok(next)
    }

    /// What somebody does whose session is alive.
    fn signed_in(&self, act: &Act, answer: Option<&Facts>) -> Next {
        let mut next = self.clone();
        let User::There {
            name,
            age,
            password,
            ..
        } = &mut next.user
        else {
            return Err("a session without a user".to_owned());
        };
        match act {
            Act::Patch {
                name: new_name,
                age: new_age,
                ..
            } => {
                answered(answer, 200, "")?;
                new_name.clone_into(name);
                *age = *new_age;
                next.record("user.profile_changed");
                next.holds_profile(answer)?;
            }
            Act::ChangePassword { current, new, .. } if current == password => {
                answered(answer, 200, "")?;
                new.clone_into(password);
                next.end_all();
                next.record("user.password_changed");
                next.begin(answer)?;
            }
            Act::ChangePassword { .. } => {
                answered(answer, 403, "wrong_password")?;
                next.record("user.password_change_failed");
            }
            Act::Delete {
                password: given, ..
            } if given == password => {
                answered(answer, 204, "")?;
                next.user = User::Deleted;
                next.end_all();
                next.record("user.deleted");
            }
            Act::Delete { .. } => {
                answered(answer, 403, "wrong_password")?;
                next.record("user.deletion_failed");
            }
            Act::EndSession { session, .. } => {
                if next.sessions.remove(session).is_some() {
                    answered(answer, 204, "")?;
                    next.record("session.ended");
                } else {
                    answered(answer, 404, "session_not_found")?;
                }
            }
            Act::EndAll { .. } => {
                answered(answer, 204, "")?;
                next.end_all();
                next.record("session.all_ended");
            }
            Act::ListSessions { .. } => {
                answered(answer, 200, "")?;
                if let Some(facts) = answer {
                    next.meet(facts.sessions.iter())?;
                }
            }
            _ => {
                answered(answer, 200, "")?;
                next.holds_profile(answer)?;
            }
        }
        Ok(next)
    }

    fn operate(&self, act: &Act, answer: Option<&Facts>) -> Next {
        let mut next = self.clone();
        let User::There { disabled, .. } = &mut next.user else {
            answered(answer, 1, "")?;
            return Ok(next);
        };
        answered(answer, 0, "")?;
        match act {
            Act::Disable if !*disabled => {
                *disabled = true;
                next.end_all();
                next.record("user.disabled");
            }
            Act::Enable if *disabled => {
                *disabled = false;
                next.record("user.enabled");
            }
            Act::SignOut => {
                next.end_all();
                next.record("session.all_ended");
            }
            _ => {}
        }
        Ok(next)
    }

    /// The rows are those of this state, to the last one.
    fn look(&self, answer: Option<&Facts>) -> Next {
        let mut next = self.clone();
        let Some(Rows {
            user,
            sessions,
            records,
        }) = answer.and_then(|facts| facts.rows.as_ref())
        else {
            return Ok(next);
        };
        let expected = match &self.user {
            User::Absent | User::Deleted => None,
            User::There {
                name,
                age,
                disabled,
                ..
            } => Some(UserRow {
                name: name.clone(),
                age: *age,
                disabled: *disabled,
            }),
        };
        if *user != expected {
            return Err(format!("the row of the user is {expected:?}"));
        }
        let on_record = self.records.iter();
        let on_record: BTreeMap<String, u32> = on_record
            .map(|(word, count)| ((*word).to_owned(), *count))
            .collect();
        if *records != on_record {
            return Err(format!("on record are {on_record:?}"));
        }
        next.meet(sessions.keys())?;
        for (id, found) in sessions {
            let Some(session) = next.sessions.get_mut(id) else {
                continue;
            };
            let is_spent = session.previous.as_ref() == Some(found);
            if session.current.as_ref().is_some_and(|known| known != found) || is_spent {
                return Err(format!("the good refresh token of {id} is another"));
            }
            session.current = Some(found.clone());
        }
        Ok(next)
    }

    /// These are the sessions that are alive: all that are known, and as many strangers.
    fn meet<'a>(
        &mut self,
        found: impl Iterator<Item = &'a SessionId>,
    ) -> Result<(), Contradiction> {
        let found: BTreeSet<&SessionId> = found.collect();
        let strangers: Vec<SessionId> = found
            .iter()
            .filter(|id| !self.sessions.contains_key(**id))
            .map(|id| (*id).clone())
            .collect();
        let all_there = self.sessions.keys().all(|id| found.contains(id));
        if !all_there || strangers.len() != self.strangers {
            let known: Vec<&SessionId> = self.sessions.keys().collect();
            let strangers = self.strangers;
            return Err(format!("alive are {known:?} and {strangers} more"));
        }
        self.strangers = 0;
        for id in strangers {
            self.sessions.insert(id, Session::default());
        }
        Ok(())
    }

    /// A session begins, whose tokens are in the answer.
    fn begin(&mut self, answer: Option<&Facts>) -> Result<(), Contradiction> {
        let Some(facts) = answer else {
            self.strangers += 1;
            return Ok(());
        };
        let Some(token) = &facts.refresh else {
            return Err("the tokens of a new session".to_owned());
        };
        let session = Session {
            current: Some(token.digest.clone()),
            previous: None,
        };
        let known = self.sessions.insert(token.session.clone(), session);
        match known {
            None => Ok(()),
            Some(_) => Err("a session that there was not before".to_owned()),
        }
    }

    fn end_all(&mut self) {
        self.sessions.clear();
        self.strangers = 0;
    }

    fn record(&mut self, word: &'static str) {
        *self.records.entry(word).or_default() += 1;
    }

    fn holds_profile(&self, answer: Option<&Facts>) -> Result<(), Contradiction> {
        let User::There { name, age, .. } = &self.user else {
            return Ok(());
        };
        hold(&format!("{name:?}, {age:?}"), answer, |facts| {
            facts.profile.as_ref() == Some(&(name.clone(), *age))
        })
    }
}

/// The answer, if there is one, has this status, and this code if one is named.
fn answered(answer: Option<&Facts>, status: u16, code: &str) -> Result<(), Contradiction> {
    match answer {
        Some(facts) if facts.status != status || (!code.is_empty() && facts.code != code) => {
            Err(format!("{status} {code}").trim_end().to_owned())
        }
        _ => Ok(()),
    }
}

fn hold(
    what: &str,
    answer: Option<&Facts>,
    holds: impl FnOnce(&Facts) -> bool,
) -> Result<(), Contradiction> {
    match answer {
        Some(facts) if !holds(facts) => Err(what.to_owned()),
        _ => Ok(()),
    }
}
