//! The attacks, a file for each.

mod churn;
mod crowd;
mod deaf;
mod guess;
mod names;
mod reloads;
mod storm;
mod tls;
mod vanish;

pub(crate) use churn::churn;
pub(crate) use crowd::{crowd, swarm};
pub(crate) use deaf::deaf;
pub(crate) use guess::guess;
pub(crate) use names::names;
pub(crate) use reloads::reloads;
pub(crate) use storm::storm;
pub(crate) use tls::tls;
pub(crate) use vanish::vanish;

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) count: usize,
}

/// One line of the table.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) measured: String,
    pub(crate) target: String,
    pub(crate) kept: bool,
}

impl Row {
    /// That something is at most so much.
    fn at_most(what: &'static str, (measured, most): (f64, f64), target: &'static str) -> Self {
        Self { what, measured: format!("{measured:.1}"), target: target.to_owned(), kept: measured <= most }
    }

    /// That it is all of them.
    fn all(what: &'static str, (some, all): (usize, usize)) -> Self {
        Self { what, measured: format!("{some} of {all}"), target: "all".to_owned(), kept: some == all }
    }
}
