//! Where a stream of bytes happens to be cut makes no difference.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use sotto_proto::{Decoder, Frame, Reply, Request};

use crate::table::{replies, requests};

#[test]
fn fed_one_byte_at_a_time_the_frames_are_the_same() {
    let frames: Vec<_> = requests().iter().map(|r| r.encode(Some("张"))).collect();
    let stream = frames.concat();
    assert_eq!(fed(stream.chunks(1)), frames);
}

#[test]
fn cut_in_two_anywhere_three_frames_are_the_same() {
    let frames = three_frames();
    let stream = frames.concat();
    for cut in 0..=stream.len() {
        let (first, second) = stream.split_at(cut);
        assert_eq!(fed([first, second]), frames, "cut at {cut}");
    }
}

#[test]
fn cut_in_three_anywhere_three_frames_are_the_same() {
    let frames = three_frames();
    let stream = frames.concat();
    for end in 0..=stream.len() {
        for start in 0..=end {
            assert_eq!(fed([&stream[..start], &stream[start..end], &stream[end..]]), frames);
        }
    }
}

#[test]
fn a_frame_is_given_out_with_its_last_byte_and_not_before() {
    let ping = Request::Ping { body: Bytes::from_static(b"x") }.encode(None);
    let mut stream = BytesMut::from(&ping[..ping.len() - 1]);
    assert_eq!(Decoder::before_login().next(&mut stream), Ok(None));
    assert_eq!(stream, ping[..ping.len() - 1]);
    stream.extend_from_slice(b"x");
    assert!(Decoder::before_login().next(&mut stream).unwrap().is_some());
}

proptest! {
    #[test]
    fn cut_at_random_the_frames_are_the_same(
        picked in prop::collection::vec(any::<prop::sample::Index>(), 1..8),
        sizes in prop::collection::vec(1..200_usize, 1..50),
    ) {
        let table: Vec<_> = replies().iter().map(|reply| reply.encode(None)).collect();
        let frames: Vec<_> = picked.iter().map(|index| index.get(&table).clone()).collect();
        let stream = frames.concat();
        let (mut rest, mut chunks) = (&stream[..], Vec::new());
        for size in sizes.iter().cycle() {
            let (chunk, left) = rest.split_at(rest.len().min(*size));
            chunks.push(chunk);
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(fed(chunks), frames);
    }
}

/// A bare one, one with a body of CRLFs in Chinese, one with tags and an empty body.
fn three_frames() -> [Bytes; 3] {
    let conv = crate::table::conv(7);
    let members = vec![crate::table::name("张伟"), crate::table::name("李 雷")];
    let (head, after) = (crate::table::seq(2), crate::table::seq(1));
    [
        Reply::CaughtUp.encode(None),
        Reply::Conversation { conv, kind: sotto_proto::ConvKind::Set, members, head, after }
            .encode(Some("=")),
        Reply::Ping { body: Bytes::new() }.encode(None),
    ]
}

/// The frames in a stream that comes in these chunks, as bytes again.
fn fed<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Bytes> {
    let (decoder, mut stream, mut frames) = (Decoder::after_login(), BytesMut::new(), Vec::new());
    for chunk in chunks {
        stream.extend_from_slice(chunk);
        frames.extend(std::iter::from_fn(|| decoder.next(&mut stream).unwrap()));
    }
    assert!(stream.is_empty());
    frames.iter().map(|frame: &Frame| Bytes::from(frame)).collect()
}
