//! Whatever an original client sends, in whatever pieces, is understood, answered or passed over; nothing of it
//! stays behind, and no more is kept than one request or one file.
#![cfg_attr(fuzzing, no_main)]

use sotto_proto::{OriginalReader, Wish};

const MAX_FILE: usize = 4096;

sotto_fuzz::target!(|input: &[u8]| {
    let Some((size, stream)) = input.split_first() else { return };
    let mut reader = OriginalReader::new(MAX_FILE);
    for (index, piece) in stream.chunks(usize::from(*size % 64) + 1).enumerate() {
        for wish in reader.read(piece) {
            check(&wish);
        }
        if index % 7 == 6 {
            reader.quiet().iter().for_each(check);
            assert_eq!(reader.patience(), None);
        }
    }
    reader.quiet().iter().for_each(check);
    assert_eq!(reader.patience(), None);
});

fn check(wish: &Wish) {
    if let Wish::File(Some(content)) = wish {
        assert!(content.len() <= MAX_FILE);
    }
}
