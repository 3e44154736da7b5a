//! Where things stand in a conversation.

use bytes::Bytes;
use sotto_proto::{ConvId, Seq};

/// A frame that carries, or stands for, a message.
pub(crate) struct Placed {
    pub(crate) conv: ConvId,
    pub(crate) seq: Seq,
    pub(crate) frame: Bytes,
}

/// Where a client stands in a conversation that is introduced to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Introduction {
    pub(crate) cursor: Seq,
    pub(crate) confirmed: Seq,
    pub(crate) head: Seq,
}
