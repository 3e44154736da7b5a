//! A request that is understood says the same when it is written again.
#![cfg_attr(fuzzing, no_main)]

use bytes::{Bytes, BytesMut};
use sotto_proto::{Decoder, Frame, Request};

sotto_fuzz::target!(|payload: &[u8]| {
    let Ok(frame) = Frame::parse(Bytes::copy_from_slice(payload)) else { return };
    let Ok(request) = Request::from_frame(&frame) else { return };
    let mut written = BytesMut::from(&request.encode(None)[..]);
    let again = Decoder::after_login().next(&mut written).expect("good framing").expect("a whole frame");
    assert_eq!(Request::from_frame(&again), Ok(request));
});
