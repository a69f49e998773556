//! The ledger against the service and its database.

use std::collections::BTreeSet;
use std::sync::Arc;

use latchkey_tests::Backend;
use tokio::task::{JoinSet, block_in_place};

use crate::account::Account;
use crate::look;
use crate::model::{Act, Seen, User};
use crate::run::Run;

/// How many check at once at the end.
const CHECKERS: usize = 8;

/// What was compared at the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Checked {
    pub(crate) accounts: usize,
    pub(crate) users: usize,
    pub(crate) sessions: usize,
    pub(crate) records: usize,
}

impl Run {
    /// Between two faults: every account over the API and in the database.
    pub(crate) async fn check_accounts(&self, accounts: &mut [Account]) {
        // Whoever lost an answer has waited already; so has what they have lost.
        self.windows.calm().await;
        self.look_at(accounts.iter_mut().collect());
        for (turn, account) in accounts.iter_mut().enumerate() {
            self.ask(account, turn).await;
        }
        self.look_at(accounts.iter_mut().collect());
    }

    /// At the end, with all that was ever there.
    pub(crate) async fn check_everything(self: &Arc<Self>, mut accounts: Vec<Account>) -> Checked {
        self.look_at(accounts.iter_mut().collect());
        let mut checkers = JoinSet::new();
        let share = accounts.len().div_ceil(CHECKERS).max(1);
        while !accounts.is_empty() {
            let run = Arc::clone(self);
            let mut some = accounts.split_off(accounts.len().saturating_sub(share));
            checkers.spawn(async move {
                for (turn, account) in some.iter_mut().enumerate() {
                    run.ask(account, turn).await;
                    run.exhaust(account, turn).await;
                }
                some
            });
        }
        let mut accounts: Vec<Account> = checkers.join_all().await.into_iter().flatten().collect();
        self.look_at(accounts.iter_mut().collect());
        if !self.holds() {
            return Checked::default();
        }
        block_in_place(|| self.count(&accounts))
    }

    /// The rows of these accounts are those that the ledger has.
    fn look_at(&self, mut accounts: Vec<&mut Account>) {
        let found = block_in_place(|| look::look(self.fleet.office.database(), &mut accounts));
        for (account, facts) in accounts.into_iter().zip(found) {
            let rows = format!("{:#?}", facts.rows);
            if let Err(why) = account
                .model
                .see(&Act::Look, &Seen::Answered(Box::new(facts)))
            {
                let states: Vec<_> = account.model.states().collect();
                let email = &account.email;
                self.fail(format!(
                    "{email}: {why}\nfound: {rows}\nstates: {states:#?}"
                ));
            }
            self.tally.settle(account.model.settled());
        }
    }

    /// Each session in hand is alive or over, as the ledger says, and so is the account.
    async fn ask(&self, account: &mut Account, turn: usize) {
        let Some(state) = account.model.certain().cloned() else {
            let states: Vec<_> = account.model.states().collect();
            let email = &account.email;
            self.fail(format!("{email} is in one of these states: {states:#?}"));
            return;
        };
        for kept in account.wallet.clone() {
            let act = match kept.access() {
                Some(access) => Act::Me {
                    access: access.clone(),
                },
                None if state.sessions.contains_key(&kept.session) => Act::Refresh {
                    token: kept.refresh().clone(),
                    oauth: false,
                },
                None => continue,
            };
            self.act(account, &act, turn).await;
        }
        let password = match state.user {
            User::Absent => return,
            User::There { password, .. } => password,
            // A password that was right once, or any.
            User::Deleted => "Heron-under-some-Bridges-1".to_owned(),
        };
        self.act(account, &Act::SignIn { password }, turn).await;
    }

    /// Every refresh token in hand does what it must: of a session that is alive the last
    /// one gives a successor, twice the same, and one from before that ends the session.
    /// Of a session that is over none does anything.
    async fn exhaust(&self, account: &mut Account, turn: usize) {
        for kept in account.wallet.clone() {
            let state = account.model.certain();
            let alive = state.is_some_and(|state| state.sessions.contains_key(&kept.session));
            let mut tokens = vec![kept.refresh().clone()];
            if alive {
                tokens.push(kept.refresh().clone());
                tokens.extend(kept.spent().filter(|_| turn.is_multiple_of(3)).cloned());
            }
            for (tab, token) in tokens.into_iter().enumerate() {
                let act = Act::Refresh {
                    token,
                    oauth: tab == 1,
                };
                self.act(account, &act, turn + tab).await;
            }
        }
    }

    /// Nothing is there that the ledger does not have, and nothing twice.
    fn count(&self, accounts: &[Account]) -> Checked {
        let database = self.fleet.office.database();
        let mut users = BTreeSet::new();
        let mut sessions = BTreeSet::new();
        let mut nobody = 0;
        for account in accounts {
            let Some(state) = account.model.certain() else {
                self.fail(format!("{} is not certain", account.email));
                continue;
            };
            if matches!(state.user, User::There { .. }) {
                users.extend(account.user_id.clone());
            }
            sessions.extend(state.sessions.keys().cloned());
            nobody += state.nobody;
        }
        let (found_users, found_sessions) = look::everything(database);
        if found_users != users {
            let odd: Vec<_> = found_users.symmetric_difference(&users).collect();
            self.fail(format!("users of one side alone: {odd:?}"));
        }
        if found_sessions != sessions {
            let odd: Vec<_> = found_sessions.symmetric_difference(&sessions).collect();
            self.fail(format!("sessions of one side alone: {odd:?}"));
        }
        let found = look::failures_of_nobody(database);
        if found != nobody {
            self.fail(format!(
                "failures at addresses that nobody has: {nobody}, and {found} on record"
            ));
        }
        let records = self.count_records();
        self.check_file();
        Checked {
            accounts: accounts.len(),
            users: users.len(),
            sessions: sessions.len(),
            records,
        }
    }

    /// Each event that was answered is on record once, under its request.
    fn count_records(&self) -> usize {
        let found = look::by_request(self.fleet.office.database());
        let acknowledged = self.tally.acknowledged();
        for (request, word) in acknowledged.iter() {
            let key = (request.clone(), (*word).to_owned());
            let count = found.get(&key).copied().unwrap_or(0);
            if count != 1 {
                self.fail(format!(
                    "request {request}: {word} is on record {count} times"
                ));
            }
        }
        acknowledged.len()
    }

    /// The file is sound.
    pub(crate) fn check_file(&self) {
        if self.fleet.backend != Backend::Sqlite {
            return;
        }
        let database = self.fleet.office.database();
        let none: &[Vec<String>] = &[];
        let ok = [vec!["ok".to_owned()]];
        for (check, good) in [("integrity_check", &ok[..]), ("foreign_key_check", none)] {
            let found = database.rows(&format!("pragma {check}"));
            if found != good {
                self.fail(format!("{check}: {found:?}"));
            }
        }
    }
}
