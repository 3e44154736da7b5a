//! Every value there and back.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use sotto_proto::{Decoder, Frame, Reply, Request};

use crate::table::{references, replies, requests};

#[test]
fn every_request_reads_back_as_it_was_with_and_without_a_reference() {
    for request in requests() {
        for reference in references() {
            let bytes = request.encode(reference.as_deref());
            let frame = only_frame(&bytes);
            assert_eq!(Request::reference(&frame), Ok(reference.as_deref().map(Box::from)));
            let read = Request::from_frame(&frame).unwrap();
            // Names are equal in any case: the bytes tell whether they are the same.
            assert_eq!((&read, read.encode(reference.as_deref())), (&request, bytes));
        }
    }
}

#[test]
fn every_reply_reads_back_as_it_was_with_and_without_a_reference() {
    for reply in replies() {
        for reference in references() {
            let bytes = reply.encode(reference.as_deref());
            let frame = only_frame(&bytes);
            assert_eq!(frame.tag("ref").as_deref(), reference.as_deref());
            let read = Reply::from_frame(&frame).unwrap();
            assert_eq!((&read, read.encode(reference.as_deref())), (&reply, bytes));
        }
    }
}

#[test]
fn the_table_has_every_code_that_is_built() {
    let built = registered_codes();
    let table =
        requests().into_iter().map(|r| r.encode(None)).chain(replies().into_iter().map(|r| r.encode(None)));
    assert_eq!(table.map(|bytes| only_frame(&bytes).code()).collect::<BTreeSet<_>>(), built);
}

/// The numbers in `code.rs`.
pub(crate) fn registered_codes() -> BTreeSet<u16> {
    let constants = include_str!("../../src/code.rs").lines().filter(|line| line.starts_with("pub const"));
    constants.map(|line| line.split_once(" = ").unwrap().1.trim_end_matches(';').parse().unwrap()).collect()
}

fn only_frame(bytes: &Bytes) -> Frame {
    let mut stream = BytesMut::from(&bytes[..]);
    let frame = Decoder::after_login().next(&mut stream).unwrap().unwrap();
    assert!(stream.is_empty());
    frame
}
