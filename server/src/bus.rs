//! Hints between nodes: what this one has stored, so that others need not ask. On one machine there are no
//! others. Correctness never depends on the bus: it may lose, repeat and reorder.

use crate::hub::Delivery;

/// The way to the other nodes. Never waits, never fails.
pub(crate) trait Bus: Send + Sync + 'static {
    /// Tells the others of messages that have been committed and delivered here.
    fn relay(&self, batch: &[Delivery]);
}

/// There are no other nodes.
pub(crate) struct NoBus;

impl Bus for NoBus {
    fn relay(&self, _batch: &[Delivery]) {}
}
