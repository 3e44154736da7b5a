//! However a stream is cut, the same frames come out of it, and the same end.
#![cfg_attr(fuzzing, no_main)]

use bytes::BytesMut;
use sotto_proto::{DecodeError, Decoder, Frame};

fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<DecodeError>) {
    let (decoder, mut buffer, mut frames) = (Decoder::before_login(), BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.next(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(end) => return (frames, Some(end)),
            }
        }
    }
    (frames, None)
}

sotto_fuzz::target!(|input: &[u8]| {
    let Some((size, stream)) = input.split_first() else { return };
    let whole = frames(std::iter::once(stream));
    assert_eq!(whole, frames(stream.chunks(usize::from(*size).max(1))));
});
