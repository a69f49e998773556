//! A fixed number of threads behind a bounded [`queue`].
//!
//! Each thread owns a state `S` that its jobs share one after the other.
//!
//! The threads give way: they run at a lower priority than those that answer requests, so
//! that whoever needs a millisecond of a core gets it at once and not after the hash that
//! has it. What hashes, in return, gets all that is left, which is nearly everything.
//! Where the cores are told too late that somebody needs one, a [`pulse`] sees to it.
//! While many wait, answers go out in a [`batch`], so that they need one less often.

mod batch;
mod pulse;
mod queue;

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use self::batch::Answer;
use self::pulse::{Load, Pulse};
use self::queue::{Bounds, Job, Queue};
use super::HashError;
use crate::domain::throttle::Network;

/// How long an answer waits for others where many wait for a thread: long enough for two of
/// one thread at the default cost, and nothing that one notices who signs in.
const HOLD: Duration = Duration::from_millis(25);

/// The threads; dropping it ends them.
pub(super) struct Pool<S> {
    queue: Arc<Queue<S>>,
    threads: Vec<JoinHandle<()>>,
    pulse: Pulse,
}

impl<S: 'static> Pool<S> {
    /// Starts `slots` threads; each makes a state for itself, and a new one
    /// after a panic. At most `waiting` jobs wait, and none longer than `wait`.
    pub(super) fn start(
        slots: NonZeroUsize,
        waiting: usize,
        wait: Duration,
        new_state: impl Fn() -> S + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let bounds = Bounds {
            slots: slots.get(),
            jobs: waiting,
            wait,
            hold: HOLD,
        };
        let mut pool = Self {
            queue: Arc::new(Queue::new(bounds)),
            threads: Vec::with_capacity(slots.get()),
            pulse: Pulse::start(slots.get()),
        };
        for number in 0..slots.get() {
            let (queue, load) = (Arc::clone(&pool.queue), Arc::clone(pool.pulse.load()));
            let new_state = new_state.clone();
            // On an error the drop of `pool` ends the threads before this one.
            let thread = thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || {
                    give_way();
                    work(&queue, &load, new_state);
                })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Runs a job on one of the threads, for whoever is in the network `from`; none is the
    /// service itself. Dropping the future takes the job out of the queue unless it has
    /// begun.
    ///
    /// # Errors
    /// [`HashError::Overloaded`] when there is no room or the wait is over,
    /// [`HashError::Failed`] when the job panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        from: Option<&Network>,
        job: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        self.run_within(self.queue.bounds().wait, from, job).await
    }

    async fn run_within<T: Send + 'static>(
        &self,
        wait: Duration,
        from: Option<&Network>,
        job: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (reply, mut result) = oneshot::channel();
        let ticket = self
            .queue
            .push(from.cloned(), Box::new(Task { job, reply }))?;
        let result = match timeout(wait, &mut result).await {
            Ok(result) => result,
            Err(_) if self.queue.withdraw(&ticket) => return Err(HashError::Overloaded),
            // Its turn has come: the wait is over in any case.
            Err(_) => result.await,
        };
        result.unwrap_or(Err(HashError::Failed))
    }
}

impl<S> Drop for Pool<S> {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            // A thread cannot have panicked: jobs are caught, and nothing
            // else in its loop can. There would be nothing left to do anyway.
            let _ = thread.join();
        }
    }
}

impl<S> fmt::Debug for Pool<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("bounds", &self.queue.bounds())
            .finish_non_exhaustive()
    }
}

/// How far the threads stand back, as `nice` counts it.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Lowers the priority of this thread. Only Linux has one for each thread.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "hashing runs at the priority of everything else");
    }
}

fn work<S>(queue: &Queue<S>, load: &Load, new_state: impl Fn() -> S) {
    let mut state = new_state();
    while let Some(job) = queue.pop() {
        load.begin();
        let began = Instant::now();
        // The panic has been reported by the hook; the job's caller learns of
        // it because its reply is dropped. The state may be half-written.
        let answer = catch_unwind(AssertUnwindSafe(|| job.run(&mut state))).ok();
        if answer.is_none() {
            state = new_state();
        }
        load.end();
        queue.finished(began.elapsed(), answer);
    }
}

struct Task<F, T> {
    job: F,
    reply: oneshot::Sender<Result<T, HashError>>,
}

impl<S, T: Send + 'static, F: FnOnce(&mut S) -> T + Send> Job<S> for Task<F, T> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(self: Box<Self>, state: &mut S) -> Answer {
        let Self { job, reply } = *self;
        let result = job(state);
        // A caller that left meanwhile wants no answer.
        Box::new(move || drop(reply.send(Ok(result))))
    }

    fn refuse(self: Box<Self>, error: HashError) {
        let _ = self.reply.send(Err(error));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    /// Longer than any test.
    const AN_HOUR: Duration = Duration::from_secs(3600);

    fn pool(slots: usize, waiting: usize) -> Arc<Pool<usize>> {
        let slots = NonZeroUsize::new(slots).expect("at least one");
        Arc::new(Pool::start(slots, waiting, AN_HOUR, || 0).expect("threads"))
    }

    /// A job that says when it has begun and waits to be let go.
    fn gate() -> (
        impl FnOnce(&mut usize) + Send + 'static,
        mpsc::Receiver<()>,
        mpsc::Sender<()>,
    ) {
        let (begun, has_begun) = mpsc::channel();
        let (let_go, go) = mpsc::channel::<()>();
        let job = move |_: &mut usize| {
            begun.send(()).expect("the test listens");
            let _ = go.recv();
        };
        (job, has_begun, let_go)
    }

    fn spawn<T: Send + 'static>(
        pool: &Arc<Pool<usize>>,
        job: impl FnOnce(&mut usize) -> T + Send + 'static,
    ) -> tokio::task::JoinHandle<Result<T, HashError>> {
        let pool = Arc::clone(pool);
        tokio::spawn(async move { pool.run(None, job).await })
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn jobs_of_a_thread_share_its_state() {
        let pool = pool(1, 8);
        for expected in 1..=3 {
            let count = pool
                .run(None, |state| {
                    *state += 1;
                    *state
                })
                .await;
            assert_eq!(count, Ok(expected));
        }
    }

    #[tokio::test]
    async fn a_panic_loses_neither_the_thread_nor_its_caller() {
        let pool = pool(1, 8);
        assert_eq!(pool.run(None, |state| *state = 7).await, Ok(()));
        let panicked = pool
            .run(None, |_| -> usize { panic!("a bug, on purpose") })
            .await;
        assert_eq!(panicked, Err(HashError::Failed));
        assert_eq!(pool.run(None, |state| *state).await, Ok(0), "a fresh state");
    }

    #[tokio::test]
    async fn beyond_the_queue_is_overloaded_at_once() {
        let pool = pool(1, 2);
        let (job, has_begun, let_go) = gate();
        let running = spawn(&pool, job);
        until(|| has_begun.try_recv().is_ok()).await;

        let waiting: Vec<_> = (0..2).map(|_| spawn(&pool, |_| ())).collect();
        until(|| pool.queue.waiting() == 2).await;
        assert_eq!(pool.run(None, |_| ()).await, Err(HashError::Overloaded));

        let_go.send(()).expect("the job waits");
        assert_eq!(running.await.expect("joined"), Ok(()));
        for job in waiting {
            assert_eq!(job.await.expect("joined"), Ok(()));
        }
        assert_eq!(pool.run(None, |_| ()).await, Ok(()));
    }

    #[tokio::test]
    async fn abandoned_jobs_are_not_computed_and_make_room() {
        let pool = pool(1, 2);
        let (job, has_begun, let_go) = gate();
        let running = spawn(&pool, job);
        until(|| has_begun.try_recv().is_ok()).await;

        let computed = Arc::new(AtomicUsize::new(0));
        let abandoned: Vec<_> = (0..2)
            .map(|_| {
                let computed = Arc::clone(&computed);
                spawn(&pool, move |_| computed.fetch_add(1, Ordering::SeqCst))
            })
            .collect();
        until(|| pool.queue.waiting() == 2).await;
        for job in abandoned {
            job.abort();
            assert!(job.await.is_err_and(|error| error.is_cancelled()));
        }

        // The queue looks full and is not.
        let late = spawn(&pool, |_| "computed");
        until(|| pool.queue.waiting() == 1).await;
        let_go.send(()).expect("the job waits");
        assert_eq!(late.await.expect("joined"), Ok("computed"));
        assert_eq!(running.await.expect("joined"), Ok(()));
        assert_eq!(computed.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn without_a_queue_an_idle_thread_still_works() {
        let pool = pool(1, 0);
        assert_eq!(pool.run(None, |_| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn everybody_is_answered_when_many_wait() {
        let pool = pool(2, 100);
        let job = |number| spawn(&pool, move |_| number);
        let jobs: Vec<_> = (0..100).map(job).collect();
        for (number, job) in (0..).zip(jobs) {
            assert_eq!(job.await.expect("joined"), Ok(number));
        }
    }

    #[tokio::test]
    async fn dropping_the_pool_ends_its_threads() {
        let alive = Arc::new(());
        let state = Arc::clone(&alive);
        let slots = NonZeroUsize::new(3).expect("not zero");
        let pool = Pool::start(slots, 8, AN_HOUR, move || Arc::clone(&state)).expect("threads");
        assert!(pool.run(None, |_| ()).await.is_ok());
        drop(pool);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_the_limit() {
        let pool = pool(1, 8);
        let (job, has_begun, let_go) = gate();
        let running = spawn(&pool, job);
        until(|| has_begun.try_recv().is_ok()).await;

        let wait = Duration::from_millis(10);
        let told = pool.run_within(wait, None, |_| ()).await;
        assert_eq!(told, Err(HashError::Overloaded));
        assert_eq!(pool.queue.waiting(), 0, "it takes no place any more");

        // What has begun is waited for.
        let_go.send(()).expect("the job waits");
        assert_eq!(running.await.expect("joined"), Ok(()));
    }

    #[test]
    fn the_unit_for_systemd_allows_what_the_threads_ask_for() {
        let unit = include_str!("../../../../docs/deploy/latchkey.service");
        let mut filters = unit
            .lines()
            .filter_map(|line| line.strip_prefix("SystemCallFilter="));
        assert!(filters.any(|filter| filter.starts_with('~') && filter.contains("@resources")));
        let allowed: Vec<&str> = filters.flat_map(str::split_whitespace).collect();
        for call in ["setpriority", "sched_setaffinity"] {
            assert!(allowed.contains(&call), "{call} is one of @resources");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_threads_give_way_and_nobody_else_does() {
        let niceness = || rustix::process::getpriority_process(None).expect("known");
        let before = niceness();
        let hashing = pool(1, 8).run(None, move |_| niceness()).await;
        assert_eq!(hashing, Ok((before + NICENESS).min(19)));
        assert_eq!(niceness(), before);
    }
}
