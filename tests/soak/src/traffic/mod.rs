//! Clients that do what people and their programs do, each to accounts of its own.

mod choose;
mod public;
mod send;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use self::choose::Next;
pub(crate) use self::send::{Received, Sent};
use crate::account::Account;
use crate::model::{Act, Seen};
use crate::random::Random;
use crate::run::{MAX_REQUESTS, Run};

/// How many accounts a client has at once.
const ACCOUNTS: usize = 5;

/// How long a client thinks, at most, in milliseconds.
const THINKING: usize = 16;

/// Works until the run ends, and gives back every account that it ever had.
pub(crate) async fn client(run: Arc<Run>, number: usize, mut random: Random) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    let mut gone = Vec::new();
    let mut checked = 0;
    for round in 0_usize.. {
        if run.tally.requests() > MAX_REQUESTS {
            run.finish();
        }
        if run.asked() > checked {
            checked = run.asked();
            run.check_accounts(&mut accounts).await;
            run.has_checked();
        }
        if run.is_finished() {
            break;
        }
        if accounts.len() < ACCOUNTS {
            let email = format!("c{number}-{round}@example.com");
            accounts.push(Account::new(email));
        }
        if random.once_in(12) {
            let account = random.below(accounts.len());
            run.read_in_public(&accounts[account], &mut random).await;
        }
        let index = random.below(accounts.len());
        let account = &mut accounts[index];
        match choose::next(account, &mut random) {
            Some(Next::One(act)) => run.act(account, &act, round).await,
            Some(Next::Twice(act)) => run.act_twice(account, &act, round).await,
            None => {
                let mut account = accounts.swap_remove(index);
                account.retire();
                gone.push(account);
            }
        }
        let thinks = u64::try_from(random.below(THINKING)).unwrap_or(0);
        sleep(Duration::from_millis(thinks)).await;
    }
    gone.append(&mut accounts);
    gone
}

impl Run {
    /// Does `act` and holds the answer against the model. `turn` says which instance.
    pub(crate) async fn act(&self, account: &mut Account, act: &Act, turn: usize) {
        let sent = self.send(act, account, turn % self.fleet.len()).await;
        if let Some(seen) = self.take(account, act, &sent) {
            let result = account.model.see(act, &seen);
            self.judge(account, act, &sent, result);
        }
        self.calm_after(&[&sent]).await;
    }

    /// Does `act` twice at once, at two instances if there are.
    async fn act_twice(&self, account: &mut Account, act: &Act, turn: usize) {
        let at = |tab: usize| (turn + tab) % self.fleet.len();
        let (one, two) = tokio::join!(
            self.send(act, account, at(0)),
            self.send(act, account, at(1))
        );
        let seen = (self.take(account, act, &one), self.take(account, act, &two));
        let result = match &seen {
            (Some(one), Some(two)) => account.model.see_both((act, one), (act, two)),
            (Some(one), None) | (None, Some(one)) => account.model.see(act, one),
            (None, None) => Ok(()),
        };
        let telling = if matches!(two, Sent::Answered(_)) {
            &two
        } else {
            &one
        };
        self.judge(account, act, telling, result);
        self.calm_after(&[&one, &two]).await;
    }

    /// Takes what an answer gives; what the model is to see, if anything.
    fn take(&self, account: &mut Account, act: &Act, sent: &Sent) -> Option<Seen> {
        match sent {
            Sent::Answered(received) => {
                let Received {
                    facts,
                    tokens,
                    user_id,
                    ..
                } = &**received;
                account.count_failures(act, Some(facts));
                if let Some((access, refresh)) = tokens {
                    account.receive(access.clone(), refresh.clone());
                }
                if let Some(found) = user_id {
                    let known = account.user_id.get_or_insert_with(|| found.clone());
                    if known != found {
                        let email = &account.email;
                        self.fail(format!("{email} is {known} and {found}"));
                    }
                }
                Some(Seen::Answered(Box::new(facts.clone())))
            }
            Sent::Lost => {
                account.count_failures(act, None);
                Some(Seen::Lost)
            }
            Sent::NotDone | Sent::Failed => None,
        }
    }

    fn judge(&self, account: &mut Account, act: &Act, sent: &Sent, result: Result<(), String>) {
        if let Err(why) = result {
            let (request, shown) = match sent {
                Sent::Answered(received) => (&*received.request_id, &*received.shown),
                _ => ("without an answer", ""),
            };
            self.fail(format!(
                "{} for {}, request {request}: {why}\nanswered: {shown}\nact: {act:?}\nstates: {:#?}",
                act.name(),
                account.email,
                account.model.states().collect::<Vec<_>>()
            ));
            return;
        }
        self.tally.settle(account.model.settled());
        if matches!(account.model.certain(), Some(state) if state.user == crate::model::User::Deleted)
        {
            account.after_deletion += 1;
        }
        let Sent::Answered(received) = sent else {
            return;
        };
        if is_write(act, received.facts.status) {
            self.tally.writes.add();
        }
        if let Some(word) = on_record(act, received.facts.status) {
            self.tally.acknowledge(received.request_id.clone(), word);
        }
    }

    /// Whoever lost an answer waits until what may yet be done is done.
    async fn calm_after(&self, sent: &[&Sent]) {
        if sent.iter().any(|one| matches!(one, Sent::Lost)) {
            self.windows.calm().await;
        }
    }
}

/// Whether an answer acknowledges a change.
fn is_write(act: &Act, status: u16) -> bool {
    let reads = matches!(
        act,
        Act::Me { .. } | Act::ListSessions { .. } | Act::Introspect { .. } | Act::Look
    );
    !reads && status < 300
}

/// What must be on record under the request's id.
fn on_record(act: &Act, status: u16) -> Option<&'static str> {
    Some(match (act, status) {
        (Act::SignUp { .. }, 201) => "user.signed_up",
        (Act::SignUp { .. }, 400) => "user.sign_up_failed",
        (Act::SignIn { .. }, 200) => "user.signed_in",
        (Act::SignIn { .. }, 401 | 403) => "user.sign_in_failed",
        (Act::Patch { .. }, 200) => "user.profile_changed",
        (Act::ChangePassword { .. }, 200) => "user.password_changed",
        (Act::ChangePassword { .. }, 403) => "user.password_change_failed",
        (Act::LogOut { .. }, 200) => "user.signed_out",
        (Act::EndSession { .. }, 204) => "session.ended",
        (Act::EndAll { .. }, 204) => "session.all_ended",
        (Act::Delete { .. }, 204) => "user.deleted",
        (Act::Delete { .. }, 403) => "user.deletion_failed",
        _ => return None,
    })
}
