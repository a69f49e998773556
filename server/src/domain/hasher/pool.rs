//! A fixed number of threads behind a bounded queue.
//!
//! Each thread owns a state `S` that its jobs share one after the other.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::HashError;

/// The threads; dropping it ends them.
pub(super) struct Pool<S> {
    queue: Arc<Queue<S>>,
    threads: Vec<JoinHandle<()>>,
}

impl<S: 'static> Pool<S> {
    /// Starts `slots` threads; each makes a state for itself, and a new one
    /// after a panic. At most `waiting` jobs wait.
    pub(super) fn start(
        slots: NonZeroUsize,
        waiting: usize,
        new_state: impl Fn() -> S + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let mut pool = Self {
            queue: Arc::new(Queue::new(slots.get(), waiting)),
            threads: Vec::with_capacity(slots.get()),
        };
        for number in 0..slots.get() {
            let (queue, new_state) = (Arc::clone(&pool.queue), new_state.clone());
            // On an error the drop of `pool` ends the threads before this one.
            let thread = thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || work(&queue, new_state))?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Runs a job on one of the threads. Dropping the future takes the job
    /// out of the queue unless it has begun.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (reply, result) = oneshot::channel();
        self.queue.push(Box::new(Task { job, reply }))?;
        result.await.map_err(|_| HashError::Failed)
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
            .field("slots", &self.threads.len())
            .field("queue", &self.queue.capacity)
            .finish()
    }
}

fn work<S>(queue: &Queue<S>, new_state: impl Fn() -> S) {
    let mut state = new_state();
    while let Some(job) = queue.pop() {
        // The panic has been reported by the hook; the job's caller learns of
        // it because its reply is dropped. The state may be half-written.
        if catch_unwind(AssertUnwindSafe(|| job.run(&mut state))).is_err() {
            state = new_state();
        }
        queue.finished();
    }
}

/// A job with the way back to its caller, of whatever type.
trait Job<S>: Send {
    fn is_abandoned(&self) -> bool;
    fn run(self: Box<Self>, state: &mut S);
}

struct Task<F, T> {
    job: F,
    reply: oneshot::Sender<T>,
}

impl<S, T: Send, F: FnOnce(&mut S) -> T + Send> Job<S> for Task<F, T> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(self: Box<Self>, state: &mut S) {
        let result = (self.job)(state);
        // A caller that left meanwhile wants no answer.
        let _ = self.reply.send(result);
    }
}

struct Queue<S> {
    slots: usize,
    capacity: usize,
    jobs: Mutex<Jobs<S>>,
    changed: Condvar,
}

struct Jobs<S> {
    waiting: VecDeque<Box<dyn Job<S>>>,
    running: usize,
    closed: bool,
}

impl<S> Queue<S> {
    fn new(slots: usize, capacity: usize) -> Self {
        Self {
            slots,
            capacity,
            jobs: Mutex::new(Jobs {
                waiting: VecDeque::new(),
                running: 0,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn push(&self, job: Box<dyn Job<S>>) -> Result<(), HashError> {
        let mut jobs = self.lock();
        // A job that an idle thread is about to take does not wait.
        let idle = self.slots - jobs.running;
        if jobs.waiting.len() >= self.capacity + idle {
            jobs.waiting.retain(|job| !job.is_abandoned());
        }
        if jobs.waiting.len() >= self.capacity + idle {
            return Err(HashError::Overloaded);
        }
        jobs.waiting.push_back(job);
        self.changed.notify_one();
        Ok(())
    }

    /// The next job that somebody still waits for; `None` once closed.
    fn pop(&self) -> Option<Box<dyn Job<S>>> {
        let mut jobs = self.lock();
        loop {
            if jobs.closed {
                return None;
            }
            match jobs.waiting.pop_front() {
                Some(job) if job.is_abandoned() => {}
                Some(job) => {
                    jobs.running += 1;
                    return Some(job);
                }
                None => {
                    jobs = self
                        .changed
                        .wait(jobs)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn finished(&self) {
        self.lock().running -= 1;
    }

    fn close(&self) {
        let mut jobs = self.lock();
        jobs.closed = true;
        jobs.waiting.clear();
        self.changed.notify_all();
    }

    /// No code that runs under the lock can panic half-way through a change,
    /// so a poisoned lock guards a sound queue.
    fn lock(&self) -> MutexGuard<'_, Jobs<S>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    fn pool(slots: usize, waiting: usize) -> Arc<Pool<usize>> {
        let slots = NonZeroUsize::new(slots).expect("at least one");
        Arc::new(Pool::start(slots, waiting, || 0).expect("threads"))
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
        tokio::spawn(async move { pool.run(job).await })
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
                .run(|state| {
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
        assert_eq!(pool.run(|state| *state = 7).await, Ok(()));
        let panicked = pool.run(|_| -> usize { panic!("a bug, on purpose") }).await;
        assert_eq!(panicked, Err(HashError::Failed));
        assert_eq!(pool.run(|state| *state).await, Ok(0), "a fresh state");
    }

    #[tokio::test]
    async fn beyond_the_queue_is_overloaded_at_once() {
        let pool = pool(1, 2);
        let (job, has_begun, let_go) = gate();
        let running = spawn(&pool, job);
        until(|| has_begun.try_recv().is_ok()).await;

        let waiting: Vec<_> = (0..2).map(|_| spawn(&pool, |_| ())).collect();
        until(|| pool.queue.lock().waiting.len() == 2).await;
        assert_eq!(pool.run(|_| ()).await, Err(HashError::Overloaded));

        let_go.send(()).expect("the job waits");
        assert_eq!(running.await.expect("joined"), Ok(()));
        for job in waiting {
            assert_eq!(job.await.expect("joined"), Ok(()));
        }
        assert_eq!(pool.run(|_| ()).await, Ok(()));
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
        until(|| pool.queue.lock().waiting.len() == 2).await;
        for job in abandoned {
            job.abort();
            assert!(job.await.is_err_and(|error| error.is_cancelled()));
        }

        // The queue looks full and is not.
        let late = spawn(&pool, |_| "computed");
        until(|| pool.queue.lock().waiting.len() == 1).await;
        let_go.send(()).expect("the job waits");
        assert_eq!(late.await.expect("joined"), Ok("computed"));
        assert_eq!(running.await.expect("joined"), Ok(()));
        assert_eq!(computed.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn without_a_queue_an_idle_thread_still_works() {
        let pool = pool(1, 0);
        assert_eq!(pool.run(|_| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn dropping_the_pool_ends_its_threads() {
        let alive = Arc::new(());
        let state = Arc::clone(&alive);
        let slots = NonZeroUsize::new(3).expect("not zero");
        let pool = Pool::start(slots, 8, move || Arc::clone(&state)).expect("threads");
        assert!(pool.run(|_| ()).await.is_ok());
        drop(pool);
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
