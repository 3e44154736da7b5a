//! A reply that is understood says the same when it is written again. A client has to survive any server.
#![cfg_attr(fuzzing, no_main)]

use bytes::{Bytes, BytesMut};
use sotto_proto::{Decoder, Frame, Reply};

sotto_fuzz::target!(|payload: &[u8]| {
    let Ok(frame) = Frame::parse(Bytes::copy_from_slice(payload)) else { return };
    let Ok(reply) = Reply::from_frame(&frame) else { return };
    // A 208 may name more people than fit into the head that is written.
    let mut written = BytesMut::from(&reply.encode(None)[..]);
    let again = Decoder::after_login().next(&mut written).expect("good framing").expect("a whole frame");
    let again = Reply::from_frame(&again).expect("a reply");
    if !matches!(reply, Reply::NotSent { .. }) {
        assert_eq!(again, reply);
    }
});
