//! The threads in which passwords are hashed: a few, because each hash takes much memory, and of low priority, because whoever
//! logs in can wait and whoever chats should not.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tracing::{debug, error};

use super::HashError;
use super::turns::Turns;
use crate::throttle::Source;

/// Added to the niceness that the server was started with. With 5 a thread gets a quarter of a core that something else wants all
/// of; with 10 it was a tenth, and on a machine that compiles nobody was let in for seconds.
#[cfg(target_os = "linux")]
const NICER: i32 = 5;

type Job = Box<dyn FnOnce() + Send>;

/// They end when this is dropped.
pub(super) struct Hashers {
    queue: Arc<Queue>,
    threads: usize,
}

struct Queue {
    state: Mutex<State>,
    more: Condvar,
}

struct State {
    turns: Turns<Job>,
    closed: bool,
}

impl Hashers {
    /// With so many threads (none: what is asked is done by whoever asks) and places for those who wait.
    pub(super) fn start(threads: usize, places: usize) -> io::Result<Self> {
        let state = Mutex::new(State { turns: Turns::new(places), closed: false });
        let queue = Arc::new(Queue { state, more: Condvar::new() });
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name("passwords".into()).spawn(move || queue.work())?;
        }
        Ok(Self { queue, threads })
    }

    /// Whether somebody who comes from there would get a place. It costs next to nothing, so it can be asked before what costs more.
    pub(super) fn have_a_place(&self, from: Source) -> bool {
        self.threads == 0 || self.queue.state().turns.have_a_place(from)
    }

    /// Has something done when it is the turn of those who come from there. Not if whoever asked has gone by then.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        from: Source,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        if self.threads == 0 {
            return work();
        }
        let (done, outcome) = oneshot::channel();
        let job = move || {
            if !done.is_closed() {
                let _ = done.send(survive(work));
            }
        };
        let left_out = self.queue.state().turns.join(from, Box::new(job));
        self.queue.more.notify_one();
        // Whoever waits for it hears that it will not be done.
        drop(left_out);
        outcome.await.unwrap_or(Err(HashError::Busy))
    }
}

impl Drop for Hashers {
    fn drop(&mut self) {
        self.queue.state().closed = true;
        self.queue.more.notify_all();
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        stand_back();
        while let Some(job) = self.next() {
            job();
        }
    }

    fn next(&self) -> Option<Job> {
        let nothing = |state: &mut State| state.turns.is_empty() && !state.closed;
        let waited = self.more.wait_while(self.state(), nothing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed { None } else { state.turns.next() }
    }
}

/// A thread is there for the next one, whatever became of this.
fn survive<T>(work: impl FnOnce() -> Result<T, HashError>) -> Result<T, HashError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        error!("work on a password panicked");
        Err(HashError::Internal)
    })
}

/// On Linux priority is a thread's; elsewhere it is a process's, and is left alone.
fn stand_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICER) {
        debug!(%error, "passwords are hashed at the priority of everything else");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{SyncSender, sync_channel};

    use super::*;

    const HERE: Source = Source::V4(1);
    const ELSEWHERE: Source = Source::V4(2);

    /// One thread, busy until the channel is dropped, and places for others.
    fn busy(places: usize) -> (Arc<Hashers>, SyncSender<()>) {
        let hashers = Arc::new(Hashers::start(1, places).unwrap());
        let (begun, begins) = sync_channel(1);
        let (hold, held) = sync_channel::<()>(0);
        let first = Arc::clone(&hashers);
        let work = move || {
            begun.send(()).unwrap();
            let _ = held.recv();
            Ok(())
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(first.run(HERE, work)).unwrap();
        });
        begins.recv().unwrap();
        (hashers, hold)
    }

    #[tokio::test]
    async fn who_has_no_place_is_told_at_once_and_the_rest_are_served() {
        let (hashers, hold) = busy(2);
        let waiting = [HERE, HERE, HERE, ELSEWHERE].map(|from| {
            let hashers = Arc::clone(&hashers);
            tokio::spawn(async move { hashers.run(from, || Ok(7)).await })
        });
        let [first, second, third, alone] = waiting;
        assert_eq!(third.await.unwrap(), Err(HashError::Busy));
        assert_eq!(second.await.unwrap(), Err(HashError::Busy), "the last of the long line has made room");
        drop(hold);
        assert_eq!((first.await.unwrap(), alone.await.unwrap()), (Ok(7), Ok(7)));
    }

    #[tokio::test]
    async fn nothing_is_done_for_those_who_have_gone() {
        let (hashers, hold) = busy(2);
        let goes = hashers.run(HERE, || -> Result<(), HashError> { panic!("this is not wanted any more") });
        tokio::select! {
            biased;
            done = goes => panic!("{done:?}"),
            () = std::future::ready(()) => {}
        }
        drop(hold);
        assert_eq!(hashers.run(HERE, || Ok(7)).await, Ok(7));
    }

    #[tokio::test]
    async fn work_that_panics_costs_no_other() {
        let hashers = Hashers::start(1, 1).unwrap();
        let outcome = hashers.run(HERE, || -> Result<(), HashError> { panic!("a defect") }).await;
        assert_eq!(outcome, Err(HashError::Internal));
        assert_eq!(hashers.run(HERE, || Ok(7)).await, Ok(7));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn passwords_stand_back_behind_everything_else() {
        let niceness = || rustix::process::getpriority_process(None).map_err(|_| HashError::Internal);
        let theirs = Hashers::start(1, 1).unwrap().run(HERE, niceness).await.unwrap();
        assert_eq!(theirs, (niceness().unwrap() + NICER).min(19));
    }
}
