//! The server's allocator, and what makes it give memory back.
//!
//! Without huge pages (`no_thp` in Cargo.toml): with them an empty server takes 70 MB instead of 18, because whatever is still in use
//! keeps 2 MiB around it, and they have made nothing here measurably faster.

use std::hint::black_box;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long what is free may stay with a server to which nothing happens.
const EVERY: Duration = Duration::from_secs(10);

/// What is free goes back to the system when some time has passed and the allocator is at work again: on a quiet server, never. It
/// is also at work when a thread ends. A password's hash alone is 46 MiB.
pub(crate) async fn keep_giving_back() {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // If no thread can be had, there are other cares, and it is tried again.
        let _ = std::thread::Builder::new().name("memory".into()).spawn(|| drop(black_box(Box::new(0_u64))));
    }
}
