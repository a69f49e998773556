//! Many clients that write, and a ledger of what they were answered.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::account::{Account, Person};
use crate::answer::Answer;
use crate::call::Call;
use crate::server::Server;
use crate::wait::eventually;

/// How often each account is refreshed after its sign-up.
const REFRESHES: usize = 4;

/// Clients that sign up and refresh, again and again, until they are told to finish.
///
/// They take what a client must live with: an answer of 2xx, one of 503 that asks to try
/// again, or none because the server is gone. Anything else fails the test.
#[derive(Debug, Default)]
pub struct Load {
    finished: Cell<bool>,
    /// How often each status was answered; 0 is no answer.
    answers: RefCell<BTreeMap<u16, usize>>,
    slowest: Cell<Duration>,
}

/// The accounts that were answered, with the last tokens of each.
#[derive(Debug)]
#[must_use = "what is not checked may be lost"]
pub struct Ledger(Vec<Account>);

impl Load {
    /// No client yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets clients work on these servers, in turn, while `story` happens.
    pub async fn during(&self, servers: &[&Server], clients: usize, story: impl Future) -> Ledger {
        let work = (0..clients).map(async |client| self.client(servers, client).await);
        let (accounts, ()) = tokio::join!(join_all(work), async {
            story.await;
            self.finished.set(true);
        });
        Ledger(accounts.into_iter().flatten().collect())
    }

    /// Waits until so many more answers have this status; 0 is no answer.
    pub async fn answers(&self, status: u16, count: usize) {
        let enough = self.count(status) + count;
        eventually("enough answers", async || {
            (self.count(status) >= enough).then_some(())
        })
        .await;
    }

    /// How many answers had this status.
    #[must_use]
    pub fn count(&self, status: u16) -> usize {
        self.answers.borrow().get(&status).copied().unwrap_or(0)
    }

    /// How long the slowest answer took.
    #[must_use]
    pub fn slowest(&self) -> Duration {
        self.slowest.get()
    }

    async fn client(&self, servers: &[&Server], client: usize) -> Vec<Account> {
        let mut accounts = Vec::new();
        for round in 0.. {
            // Each on another server than the last, and than its neighbour.
            let server = |step: usize| servers[(client + round + step) % servers.len()];
            if self.finished.get() {
                break;
            }
            let person = somebody_new();
            let Some(answer) = self.answer(server(0).sign_up(&person)).await else {
                continue;
            };
            let mut account = Account {
                user_id: answer.member("/user/user_id"),
                tokens: answer.tokens(),
                person,
            };
            for step in 1..=REFRESHES {
                let refresh = server(step).refresh(&account.tokens.refresh);
                // It may have happened or not: the token is good for another try.
                if let Some(answer) = self.answer(refresh).await {
                    account.tokens = answer.tokens();
                }
            }
            accounts.push(account);
        }
        accounts
    }

    /// The answer of a write that has happened.
    async fn answer(&self, call: Call) -> Option<Answer> {
        let began = Instant::now();
        let answer = call.attempt().await.ok();
        self.slowest.set(self.slowest.get().max(began.elapsed()));
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        *self.answers.borrow_mut().entry(status).or_default() += 1;
        match answer {
            Some(answer) if matches!(status, 200 | 201) => return Some(answer),
            Some(answer) => {
                let answer = answer.expect(503);
                assert_eq!(answer.header("content-type"), "application/problem+json");
                let seconds = answer.header("retry-after").parse::<u8>();
                assert!(seconds.is_ok_and(|n| n > 0), "{}", answer.shown());
            }
            None => {}
        }
        // As a client should that is asked to.
        sleep(Duration::from_millis(20)).await;
        None
    }
}

impl Ledger {
    /// How many accounts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody was answered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything that was answered is there. The servers have the settings of
    /// [`Home::for_a_ledger`](crate::Home::for_a_ledger).
    ///
    /// # Panics
    ///
    /// When something is lost.
    pub async fn check(&self, server: &Server) {
        for some in self.0.chunks(20) {
            join_all(some.iter().map(|account| check_account(server, account))).await;
        }
    }

    /// The same at less cost, for one of many copies of a database: the accounts and their
    /// last tokens are there. What comes of the tokens is not asked.
    ///
    /// # Panics
    ///
    /// When something is lost.
    pub async fn is_there(&self, server: &Server) {
        for some in self.0.chunks(20) {
            join_all(some.iter().map(async |account| {
                let answer = server.refresh(&account.tokens.refresh).await.expect(200);
                let me = server.me(&answer.tokens().access).await.expect(200);
                assert_eq!(me.member("/user_id"), account.user_id);
            }))
            .await;
        }
    }
}

/// Nobody has signed up under that name in this process.
fn somebody_new() -> Person {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    Person::named(&format!("Person-{}", COUNT.fetch_add(1, Ordering::Relaxed)))
}

/// The account is there, its last token is good, and has one live successor.
async fn check_account(server: &Server, account: &Account) {
    let person = &account.person;
    let signed_in = server.sign_in(&person.email, &person.password).await;
    assert_eq!(
        signed_in.expect(200).member("/user/user_id"),
        account.user_id
    );
    let _ = server.me(&account.tokens.access).await.expect(200);

    let refresh = async |token: &str| server.refresh(token).await;
    let token = &account.tokens.refresh;
    let first = refresh(token).await.expect(200).tokens();
    let again = refresh(token).await.expect(200).tokens();
    assert_eq!(first.refresh, again.refresh, "two successors");
    let next = refresh(&first.refresh).await.expect(200).tokens();
    // The token is used up now, and nothing comes of it any more.
    let _ = refresh(token).await.expect(401);
    let _ = refresh(&next.refresh).await.expect(401);
}
