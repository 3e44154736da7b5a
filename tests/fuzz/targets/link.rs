//! A link that is understood is the same when it is printed and read again.
#![cfg_attr(fuzzing, no_main)]

use sotto_proto::Link;

sotto_fuzz::target!(|typed: &str| {
    let Ok(link) = typed.parse::<Link>() else { return };
    assert_eq!(link.to_string().parse(), Ok(link));
});
