//! What is on its way to a peer and not written yet. Small frames are gathered, so that many go out as one; content of files is
//! written from where it is, and not copied.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// Frames, and behind them content of files. What has been written is gone from it, however little that was.
/// It cannot be printed: a frame may hold a password.
#[derive(Default)]
pub struct Outgoing {
    frames: BytesMut,
    content: VecDeque<Bytes>,
}

impl Outgoing {
    /// There is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.content.is_empty()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len() + self.content.iter().map(Bytes::len).sum::<usize>()
    }

    /// Makes room for so many bytes of frames.
    pub fn reserve(&mut self, bytes: usize) {
        self.frames.reserve(bytes);
    }

    /// Adds frames, which go before all content that is in it: to be used while there is none.
    pub fn push(&mut self, frame: &[u8]) {
        debug_assert!(self.content.is_empty(), "a frame would get into the middle of another one");
        self.frames.extend_from_slice(frame);
    }

    /// Adds a frame with content: what is before its body, and that.
    pub fn push_content(&mut self, frame: [Bytes; 2]) {
        self.content.extend(frame.into_iter().filter(|part| !part.is_empty()));
    }

    /// Gives back the memory of what has been written.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

impl Buf for Outgoing {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        match self.content.front() {
            Some(first) if self.frames.is_empty() => first,
            _ => &self.frames,
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let frames = Some(&self.frames[..]).filter(|frames| !frames.is_empty());
        let parts = frames.into_iter().chain(self.content.iter().map(|part| &part[..]));
        slices.iter_mut().zip(parts).map(|(slice, part)| *slice = IoSlice::new(part)).count()
    }

    fn advance(&mut self, mut written: usize) {
        let frames = written.min(self.frames.len());
        self.frames.advance(frames);
        written -= frames;
        while let Some(first) = self.content.front_mut().filter(|first| written >= first.len()) {
            written -= first.len();
            self.content.pop_front();
        }
        if let Some(first) = self.content.front_mut() {
            first.advance(written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing() -> Outgoing {
        let mut outgoing = Outgoing::default();
        outgoing.push(b"ab");
        outgoing.push(b"c");
        outgoing.push_content([Bytes::from_static(b"de"), Bytes::from_static(b"fgh")]);
        outgoing.push_content([Bytes::from_static(b"i"), Bytes::new()]);
        outgoing
    }

    #[test]
    fn everything_goes_out_once_and_in_order_however_little_is_written_at_once() {
        for step in 1..=10 {
            let (mut outgoing, mut written) = (outgoing(), Vec::new());
            while outgoing.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 4];
                let count = outgoing.chunks_vectored(&mut slices);
                let there: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
                assert_eq!((there.len(), &there[..1]), (outgoing.len(), &outgoing.chunk()[..1]));
                let step = step.min(there.len());
                written.extend_from_slice(&there[..step]);
                outgoing.advance(step);
            }
            assert_eq!(written, b"abcdefghi");
            assert!(outgoing.is_empty());
        }
    }

    #[test]
    fn no_more_parts_are_shown_than_there_is_room_for() {
        let outgoing = outgoing();
        let mut slices = [IoSlice::new(&[]); 2];
        assert_eq!(outgoing.chunks_vectored(&mut slices), 2);
        assert_eq!((&*slices[0], &*slices[1]), (&b"abc"[..], &b"de"[..]));
    }
}
