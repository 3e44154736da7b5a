//! What clients noted while things broke around them, and the judgement of it. The faults that are made in real processes and the
//! ones that are simulated in one are judged by the same rules. Nothing here knows a server.

mod checker;
mod log;
mod random;

pub use checker::{Said, Verdict, Witness, in_epochs, judge};
pub use log::{Event, Log, Place, mend, read};
pub use random::Random;
