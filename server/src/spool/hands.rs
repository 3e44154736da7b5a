//! The few threads that read and write files. More do not make a disk faster, and each keeps memory of its own.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

/// How many there are.
const HANDS: usize = 3;
/// Jobs of those who wait for an answer that may be here at once; more wait where they come from.
const WAITING: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// The threads. They end after what is waiting when this is dropped.
pub(super) struct Hands {
    jobs: Arc<Jobs>,
    room: Semaphore,
}

/// What waits for a thread. A channel would wake two of them for each job: one to do it, one to wait in its place.
#[derive(Default)]
struct Jobs {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Hands {
    pub(super) fn start() -> io::Result<Self> {
        let jobs = Arc::new(Jobs::default());
        for _ in 0..HANDS {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new().name("spool".into()).spawn(move || jobs.work())?;
        }
        Ok(Self { jobs, room: Semaphore::new(WAITING) })
    }

    /// Does something that may take its time, once one of them is free.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let _room = self.room.acquire().await.map_err(io::Error::other)?;
        let (done, outcome) = oneshot::channel();
        self.submit(move || drop(done.send(work())));
        // A job that panicked answers nothing.
        outcome.await.unwrap_or_else(|_| Err(io::Error::other("a defect")))
    }

    /// As [`Self::work`], and nobody waits for it: for those of whom there is one at a time.
    pub(super) fn submit(&self, job: impl FnOnce() + Send + 'static) {
        self.jobs.waiting().jobs.push_back(Box::new(job));
        self.jobs.more.notify_one();
    }

    /// Somebody waits for a thread.
    pub(super) fn are_wanted(&self) -> bool {
        !self.jobs.waiting().jobs.is_empty()
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        self.jobs.waiting().closed = true;
        self.jobs.more.notify_all();
    }
}

impl Jobs {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
                tracing::error!("work on a file panicked");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let nothing = |waiting: &mut Waiting| waiting.jobs.is_empty() && !waiting.closed;
        let waiting = self.more.wait_while(self.waiting(), nothing);
        waiting.unwrap_or_else(PoisonError::into_inner).jobs.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_costs_no_other() {
        let hands = Hands::start().unwrap();
        for _ in 0..2 * HANDS {
            assert!(hands.work(|| -> io::Result<()> { panic!("a defect") }).await.is_err());
        }
        assert_eq!(hands.work(|| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn what_waits_is_done_before_the_hands_go_home() {
        let hands = Hands::start().unwrap();
        let (done, results) = std::sync::mpsc::sync_channel(100);
        for number in 0..100 {
            let done = done.clone();
            hands.submit(move || done.send(number).unwrap());
        }
        drop((hands, done));
        assert_eq!(results.iter().count(), 100);
    }
}
