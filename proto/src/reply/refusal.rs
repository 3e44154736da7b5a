//! Why not, for programs and for people.

use std::time::Duration;

use bytes::Bytes;

use crate::error::DecodeError;
use crate::frame::{Frame, FrameBuilder};
use crate::limits::MAX_RETRY_SECONDS;
use crate::reason::Reason;

/// Why not, for programs and for people.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// For programs.
    pub reason: Reason,
    /// When it is worth trying again; whole seconds on the wire, at most a day.
    pub retry_after: Option<Duration>,
    /// For people: one sentence.
    pub sentence: String,
}

impl Refusal {
    /// A refusal that waiting does not mend.
    #[must_use]
    pub fn new(reason: Reason, sentence: impl Into<String>) -> Self {
        Self { reason, retry_after: None, sentence: sentence.into() }
    }

    /// A refusal that waiting mends; rounded up to whole seconds.
    #[must_use]
    pub fn retry(mut self, after: Duration) -> Self {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.retry_after = Some(Duration::from_secs(seconds));
        self
    }

    pub(super) fn from_frame(frame: &Frame) -> Result<Self, DecodeError> {
        Ok(Self {
            reason: super::reason(frame),
            retry_after: frame.number("retry-after")?.map(bounded),
            sentence: frame.text()?.to_owned(),
        })
    }

    pub(super) fn encode(&self, head: FrameBuilder) -> Bytes {
        head.tag("reason", self.reason)
            .maybe("retry-after", self.retry_after.map(|wait| wait.as_secs()))
            .body(self.sentence.as_bytes())
    }
}

/// Clocks cannot be moved by whatever a number may say.
fn bounded(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(MAX_RETRY_SECONDS))
}
