//! The few threads that read and write files. More do not make a disk faster, and each keeps memory of its own.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

/// How many there are.
const HANDS: usize = 3;
/// Jobs that may wait for one; more wait where they come from.
const WAITING: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// The threads. They end after what is waiting when this is dropped.
pub(super) struct Hands {
    jobs: mpsc::Sender<Job>,
}

impl Hands {
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel::<Job>(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..HANDS {
            let waiting = Arc::clone(&waiting);
            std::thread::Builder::new().name("spool".into()).spawn(move || work(&waiting))?;
        }
        Ok(Self { jobs })
    }

    /// Does something that may take its time, once one of them is free.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (done, outcome) = oneshot::channel();
        let job: Job = Box::new(move || drop(done.send(work())));
        self.jobs.send(job).await.map_err(|_| io::Error::other("the spool is closed"))?;
        // A job that panicked answers nothing.
        outcome.await.unwrap_or_else(|_| Err(io::Error::other("a defect")))
    }
}

fn work(waiting: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(job) = job else { return };
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
            tracing::error!("work on a file panicked");
        }
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
}
