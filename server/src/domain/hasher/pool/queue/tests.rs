use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::batch::TOGETHER;
use super::*;

/// A job that notes its name when it is answered, and its refusal.
struct Named {
    name: &'static str,
    log: Arc<Mutex<Vec<String>>>,
    is_abandoned: Arc<AtomicBool>,
}

impl Job<()> for Named {
    fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::SeqCst)
    }

    fn run(self: Box<Self>, (): &mut ()) -> Answer {
        Box::new(move || self.note(self.name.to_owned()))
    }

    fn refuse(self: Box<Self>, error: HashError) {
        assert_eq!(error, HashError::Overloaded);
        self.note(format!("not {}", self.name));
    }
}

impl Named {
    fn note(&self, entry: String) {
        self.log.lock().expect("sound").push(entry);
    }
}

/// A queue whose one thread the test is.
struct Fixture {
    queue: Queue<()>,
    log: Arc<Mutex<Vec<String>>>,
    is_abandoned: Arc<AtomicBool>,
}

impl Fixture {
    /// With room for `jobs`, and for the one that an idle thread would take. No answer
    /// waits for another.
    fn new(jobs: usize, wait: Duration) -> Self {
        let hold = Duration::ZERO;
        Self::of(Bounds {
            slots: 1,
            jobs,
            wait,
            hold,
        })
    }

    /// With room for many, whose answers wait for others for `hold`.
    fn holding(hold: Duration) -> Self {
        Self::holding_for(1, hold)
    }

    /// The same as if it had more threads.
    fn holding_for(slots: usize, hold: Duration) -> Self {
        Self::of(Bounds {
            slots,
            jobs: 100,
            wait: LONG,
            hold,
        })
    }

    fn of(bounds: Bounds) -> Self {
        Self {
            queue: Queue::new(bounds),
            log: Arc::default(),
            is_abandoned: Arc::default(),
        }
    }

    /// `name` begins with whose it is.
    fn push(&self, name: &'static str) -> Result<Ticket, HashError> {
        self.queue.push(line(name), self.job(name))
    }

    fn job(&self, name: &'static str) -> Box<Named> {
        Box::new(Named {
            name,
            log: Arc::clone(&self.log),
            is_abandoned: Arc::clone(&self.is_abandoned),
        })
    }

    /// Does the next job, which takes so long.
    fn serve(&self, took: Duration) {
        let job = self.queue.pop().expect("open");
        let answer = job.run(&mut ());
        self.queue.finished(took, Some(answer));
    }

    fn serve_all(&self) -> Vec<String> {
        while self.queue.waiting() > 0 {
            self.serve(A_MOMENT);
        }
        self.answered()
    }

    /// Who has been answered since the last time.
    fn answered(&self) -> Vec<String> {
        mem::take(&mut self.log.lock().expect("sound"))
    }
}

fn line(name: &str) -> Line {
    match &name[..1] {
        "o" => None,
        network => Some(Network::stored(network.to_owned())),
    }
}

const LONG: Duration = Duration::from_secs(3600);

/// What a job takes that is quick.
const A_MOMENT: Duration = Duration::from_millis(1);

#[test]
fn lines_are_served_in_turns_and_each_in_order() {
    let fixture = Fixture::new(8, LONG);
    for name in ["a1", "a2", "a3", "b1", "o1", "b2"] {
        fixture.push(name).expect("room");
    }
    assert_eq!(fixture.serve_all(), ["a1", "b1", "o1", "a2", "b2", "a3"]);
    fixture.push("b3").expect("room");
    fixture.push("a4").expect("room");
    assert_eq!(fixture.serve_all(), ["b3", "a4"]);
}

#[test]
fn where_there_is_no_room_the_last_of_the_longest_line_goes() {
    let fixture = Fixture::new(3, LONG);
    for name in ["a1", "a2", "a3", "a4"] {
        fixture.push(name).expect("room");
    }
    assert_eq!(fixture.push("a5").err(), Some(HashError::Overloaded));
    fixture.push("b1").expect("the place of a4");
    fixture.push("b2").expect("the place of a3");
    // Nobody's line is longer than it would be.
    assert_eq!(fixture.push("b3").err(), Some(HashError::Overloaded));
    fixture.push("c1").expect("of two that are as long, one");
    let served = fixture.serve_all();
    assert_eq!(served[..2], ["not a4", "not a3"]);
    assert!(served[2].starts_with("not "), "{served:?}");
    assert_eq!(served[3..].len(), 4, "{served:?}");
    assert!(served.contains(&"c1".to_owned()), "{served:?}");
}

#[test]
fn what_nobody_waits_for_makes_room() {
    let fixture = Fixture::new(1, LONG);
    for name in ["a1", "b1"] {
        fixture.push(name).expect("room");
    }
    assert_eq!(fixture.push("c1").err(), Some(HashError::Overloaded));
    fixture.is_abandoned.store(true, Ordering::SeqCst);
    fixture.push("c1").expect("room");
    fixture.is_abandoned.store(false, Ordering::SeqCst);
    assert_eq!(fixture.serve_all(), ["c1"]);
    fixture.push("a2").expect("room");
    assert_eq!(fixture.serve_all(), ["a2"], "its line is open again");
}

#[test]
fn whoever_would_wait_too_long_is_told_at_once() {
    let fixture = Fixture::new(100, Duration::from_secs(3));
    let second = Duration::from_secs(1);
    for name in ["a1", "a2", "a3", "a4", "a5"] {
        // Nothing is known yet of how long it takes.
        fixture.push(name).expect("room");
    }
    fixture.serve(second);
    let told = fixture.push("a6");
    assert_eq!(
        told.err(),
        Some(HashError::Overloaded),
        "four are ahead of it"
    );
    fixture.push("b1").expect("one is ahead of it, by turns");
    fixture.push("b2").expect("three are");
    assert_eq!(fixture.push("b3").err(), Some(HashError::Overloaded));
    assert_eq!(
        fixture.serve_all(),
        ["a1", "a2", "b1", "a3", "b2", "a4", "a5"]
    );
}

#[test]
fn the_mean_follows_what_the_last_ones_took() {
    let fixture = Fixture::new(100, Duration::from_secs(3));
    for _ in 0..2 {
        fixture.push("a1").expect("room");
    }
    fixture.serve(Duration::from_secs(60));
    // The thread is busy with one, and one more would wait for it.
    let busy = fixture.queue.pop().expect("open");
    assert_eq!(fixture.push("a3").err(), Some(HashError::Overloaded));
    fixture
        .queue
        .finished(Duration::ZERO, Some(busy.run(&mut ())));
    for _ in 0..40 {
        // An idle thread takes whatever comes.
        fixture.push("a4").expect("room");
        fixture.serve(Duration::ZERO);
    }
    for name in ["a5", "a6", "a7"] {
        fixture.push(name).expect("quick enough by now");
    }
}

#[test]
fn a_job_is_withdrawn_until_its_turn_has_come() {
    let fixture = Fixture::new(8, LONG);
    let tickets = ["a1", "b1", "a2"].map(|name| fixture.push(name).expect("room"));
    let taken = fixture.queue.pop().expect("open");
    fixture.queue.finished(A_MOMENT, Some(taken.run(&mut ())));
    assert!(!fixture.queue.withdraw(&tickets[0]));
    assert!(fixture.queue.withdraw(&tickets[1]));
    assert!(!fixture.queue.withdraw(&tickets[1]));
    assert_eq!(fixture.queue.waiting(), 1);
    fixture.push("b2").expect("room");
    assert_eq!(fixture.serve_all(), ["a1", "a2", "b2"]);
}

#[test]
fn a_closed_queue_gives_nothing_out() {
    let fixture = Fixture::new(8, LONG);
    let ticket = fixture.push("a1").expect("room");
    fixture.queue.close();
    assert!(fixture.queue.pop().is_none());
    assert!(!fixture.queue.withdraw(&ticket));
}

#[test]
fn where_many_wait_several_are_answered_at_once() {
    let fixture = Fixture::holding(LONG);
    // The last two find others behind them as long as they wait.
    for _ in 0..2 * TOGETHER + 2 {
        fixture.push("a1").expect("room");
    }
    for _ in 0..2 {
        for done in 1..=TOGETHER {
            assert_eq!(fixture.answered().len(), 0, "{done}");
            fixture.serve(A_MOMENT);
        }
        assert_eq!(fixture.answered().len(), TOGETHER);
    }
}

#[test]
fn where_few_wait_each_is_answered_at_once() {
    let fixture = Fixture::holding(LONG);
    for name in ["a1", "a2", "a3", "a4", "a5"] {
        fixture.push(name).expect("room");
    }
    // Two are enough for a thread to have something to do meanwhile.
    for _ in 0..3 {
        assert_eq!(fixture.answered().len(), 0);
        fixture.serve(A_MOMENT);
    }
    for (behind, answered) in [(1, vec!["a1", "a2", "a3", "a4"]), (0, vec!["a5"])] {
        fixture.serve(A_MOMENT);
        assert_eq!(fixture.answered(), answered, "{behind} are behind it");
    }
}

#[test]
fn with_more_threads_more_have_to_wait() {
    let fixture = Fixture::holding_for(2, LONG);
    for name in ["a1", "a2", "a3", "a4", "a5"] {
        fixture.push(name).expect("room");
    }
    fixture.serve(A_MOMENT);
    assert_eq!(fixture.answered().len(), 0, "two wait for each");
    fixture.serve(A_MOMENT);
    assert_eq!(fixture.answered(), ["a1", "a2"]);
}

#[test]
fn an_answer_that_panics_keeps_no_other_back() {
    let fixture = Fixture::holding(LONG);
    for name in ["a1", "a2", "a3", "a4"] {
        fixture.push(name).expect("room");
    }
    fixture.serve(A_MOMENT);
    let panics = || -> () { panic!("on purpose") };
    for answer in [Some(Box::new(panics) as Answer), None] {
        drop(fixture.queue.pop().expect("open"));
        fixture.queue.finished(A_MOMENT, answer);
    }
    assert_eq!(fixture.answered(), ["a1"]);
}

#[test]
fn nobody_is_kept_waiting_for_jobs_that_take_long() {
    let fixture = Fixture::holding(2 * A_MOMENT);
    for _ in 0..20 {
        fixture.push("a1").expect("room");
    }
    for _ in 0..5 {
        fixture.serve(3 * A_MOMENT);
        assert_eq!(fixture.answered().len(), 1);
    }
}

#[test]
fn whoever_has_been_kept_waiting_for_long_is_answered_with_the_next() {
    let hold = Duration::from_secs(60);
    let fixture = Fixture::holding(hold);
    for _ in 0..20 {
        fixture.push("a1").expect("room");
    }
    fixture.serve(hold / 2);
    assert_eq!(fixture.answered().len(), 0);
    // As if the first had come before.
    fixture.queue.lock().batch.backdate(hold / 2);
    fixture.serve(hold / 2);
    assert_eq!(fixture.answered().len(), 2);
    fixture.serve(hold / 2);
    assert_eq!(fixture.answered().len(), 0, "another batch has begun");
}

#[test]
fn a_thread_with_nothing_to_do_answers_first() {
    let fixture = Fixture::holding(LONG);
    for name in ["a1", "a2", "a3"] {
        fixture.push(name).expect("room");
    }
    fixture.serve(A_MOMENT);
    assert_eq!(fixture.answered().len(), 0);
    // Those behind it go away.
    fixture.is_abandoned.store(true, Ordering::SeqCst);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| fixture.queue.pop().is_none());
        while fixture.answered().is_empty() {
            std::thread::yield_now();
        }
        fixture.queue.close();
        assert!(waits.join().expect("no panic"));
    });
}
