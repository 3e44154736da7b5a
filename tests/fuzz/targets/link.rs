//! A link that is understood is the same when it is printed and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sotto_proto::Link;

fuzz_target!(|typed: &str| {
    let Ok(link) = typed.parse::<Link>() else { return };
    assert_eq!(link.to_string().parse(), Ok(link));
});
