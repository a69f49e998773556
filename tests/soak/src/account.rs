//! An account, with what its owner has in hand.

use std::time::{Duration, Instant};

use crate::model::{Act, Facts, Model, SessionId, State, Token};

/// How old an access token may be that is used: well within the two minutes for which it
/// is good.
const FRESH: Duration = Duration::from_secs(60);

/// How many sessions an owner remembers, those that are over too.
const REMEMBERED: usize = 10;

/// How many refresh tokens of a session an owner remembers.
const TOKENS: usize = 5;

/// One account of the ledger.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) email: String,
    /// 32 hexadecimal digits, once it is known.
    pub(crate) user_id: Option<String>,
    pub(crate) model: Model,
    /// The sessions whose tokens were received, the latest last.
    pub(crate) wallet: Vec<Kept>,
    /// How often in a row a password was given and not found right.
    pub(crate) failures: usize,
    /// How many acts there were since it was deleted.
    pub(crate) after_deletion: usize,
}

/// The tokens of a session.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) session: SessionId,
    access: Token,
    received: Instant,
    /// The latest last, never none.
    refresh: Vec<Token>,
}

impl Kept {
    /// The access token, if it has not expired.
    pub(crate) fn access(&self) -> Option<&Token> {
        (self.received.elapsed() < FRESH).then_some(&self.access)
    }

    /// The latest refresh token.
    pub(crate) fn refresh(&self) -> &Token {
        &self.refresh[self.refresh.len() - 1]
    }

    /// One that has been used, and its successor too.
    pub(crate) fn spent(&self) -> Option<&Token> {
        self.refresh.iter().rev().nth(2)
    }
}

impl Account {
    pub(crate) fn new(email: String) -> Self {
        Self {
            email,
            user_id: None,
            model: Model::new(),
            wallet: Vec::new(),
            failures: 0,
            after_deletion: 0,
        }
    }

    /// Keeps what an answer has given.
    pub(crate) fn receive(&mut self, access: Token, refresh: Token) {
        let received = Instant::now();
        let known = self
            .wallet
            .iter_mut()
            .find(|kept| kept.session == refresh.session);
        let Some(kept) = known else {
            self.wallet.push(Kept {
                session: refresh.session.clone(),
                access,
                received,
                refresh: vec![refresh],
            });
            self.forget();
            return;
        };
        kept.access = access;
        kept.received = received;
        if kept.refresh().digest != refresh.digest {
            kept.refresh.push(refresh);
        }
        if kept.refresh.len() > TOKENS {
            kept.refresh.remove(0);
        }
    }

    /// Notes whether a password was right: too many that are not lead to a pause.
    pub(crate) fn count_failures(&mut self, act: &Act, answer: Option<&Facts>) {
        if !matches!(
            act,
            Act::SignIn { .. } | Act::ChangePassword { .. } | Act::Delete { .. }
        ) {
            return;
        }
        match answer.map(|facts| (facts.status, facts.code.as_str())) {
            // The right password of a disabled account.
            Some((200 | 204, _) | (403, "user_disabled")) => self.failures = 0,
            _ => self.failures += 1,
        }
    }

    /// The sessions in hand that are alive in this state, or not.
    pub(crate) fn in_hand(&self, state: &State, alive: bool) -> Vec<&Kept> {
        let sessions = &state.sessions;
        let all = self.wallet.iter();
        all.filter(|kept| sessions.contains_key(&kept.session) == alive)
            .collect()
    }

    /// Keeps of what was in hand as much as is tried once more at the end.
    pub(crate) fn retire(&mut self) {
        self.wallet = self.wallet.split_off(self.wallet.len().saturating_sub(2));
    }

    /// Forgets a session that is over in every state, if there are too many.
    fn forget(&mut self) {
        if self.wallet.len() <= REMEMBERED {
            return;
        }
        let is_over = |kept: &Kept| {
            let mut states = self.model.states();
            states.all(|state| !state.sessions.contains_key(&kept.session))
        };
        if let Some(over) = self.wallet.iter().position(is_over) {
            self.wallet.remove(over);
        }
    }
}
