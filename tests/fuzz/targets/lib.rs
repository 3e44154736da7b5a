//! What a target is: something done with bytes. cargo-fuzz grows the bytes; built as anything else is, a target plays its seeds, or the
//! files that are named: so that it is built, and its seeds hold, wherever all tests are run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arbitrary::{Arbitrary, Unstructured};

/// Like `libfuzzer_sys::fuzz_target`, whose arguments it takes.
#[macro_export]
macro_rules! target {
    (|$input:ident: $kind:ty| $body:expr) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|$input: $kind| $body);

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            $crate::play(env!("CARGO_BIN_NAME"), |bytes| {
                let $input = $crate::understood::<$kind>(bytes);
                $body
            })
        }
    };
}

/// Plays the files that are named, or else the seeds of a target. What fails is named, and the others are played too.
pub fn play(target: &str, play: impl Fn(&[u8])) -> ExitCode {
    let mut inputs: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if inputs.is_empty() {
        inputs = seeds(target);
        assert!(!inputs.is_empty(), "{target} has no seeds");
    }
    let holds = |input: &&PathBuf| {
        let bytes = std::fs::read(input).unwrap();
        catch_unwind(AssertUnwindSafe(|| play(&bytes))).is_ok()
    };
    let (held, failed): (Vec<_>, Vec<_>) = inputs.iter().partition(holds);
    failed.iter().for_each(|input| eprintln!("{target} fails with {}", input.display()));
    println!("{target}: {} of {} inputs hold", held.len(), inputs.len());
    ExitCode::from(u8::from(!failed.is_empty()))
}

fn seeds(target: &str) -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut seeds: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    seeds
}

/// What libFuzzer would make of an input; it passes over one that makes no sense, which no seed should be.
pub fn understood<'a, T: Arbitrary<'a>>(bytes: &'a [u8]) -> T {
    assert!(bytes.len() >= T::size_hint(0).0, "the input is too short to mean anything");
    T::arbitrary_take_rest(Unstructured::new(bytes)).expect("the input means nothing")
}
