//! A message's place: the one number that it is found by.

use sotto_proto::{ConvId, Seq};

/// Bits of a place that are the seq. A conversation has room for four thousand million messages, a database for two
/// thousand million conversations.
const SEQ_BITS: u32 = 32;
const SEQS: i64 = (1 << SEQ_BITS) - 1;
const CONVS: u64 = i64::MAX.cast_unsigned() >> SEQ_BITS;

/// Where a message is. `None`: there is no room for one there.
pub(super) fn place(conv: ConvId, seq: Seq) -> Option<i64> {
    let seq = i64::try_from(seq.get()).ok().filter(|seq| *seq <= SEQS)?;
    Some(first(conv)? | seq)
}

/// The first and the last place of a conversation's messages from one seq to another or, without that, to the end. `None`: no
/// message can be there.
pub(super) fn places(conv: ConvId, (from, to): (Seq, Option<Seq>)) -> Option<(i64, i64)> {
    let last = first(conv)? | SEQS;
    Some((place(conv, from)?, to.and_then(|to| place(conv, to)).unwrap_or(last)))
}

/// Whether messages of a conversation with this number can be stored.
pub(super) fn has_places(conv: u64) -> bool {
    conv <= CONVS
}

fn first(conv: ConvId) -> Option<i64> {
    has_places(conv.get()).then(|| conv.get().cast_signed() << SEQ_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(number: u64) -> Seq {
        Seq::new(number).unwrap()
    }

    #[test]
    fn conversations_follow_one_another_and_nothing_runs_over() {
        const MOST: u64 = i64::MAX.cast_unsigned();
        let conv = |number| ConvId::new(number).unwrap();
        let all = Some((0x1_0000_0001, 0x1_FFFF_FFFF));
        assert_eq!(place(conv(1), seq(1)), Some(0x1_0000_0001));
        assert_eq!(places(conv(1), (seq(1), None)), all);
        assert_eq!(places(conv(1), (seq(1), Some(seq(MOST)))), all);
        assert_eq!(places(conv(1), (seq(1), Some(seq(0)))), Some((0x1_0000_0001, 0x1_0000_0000)));
        assert_eq!(place(conv(2), Seq::ZERO), Some(0x2_0000_0000));
        assert_eq!(place(conv(0x7FFF_FFFF), seq(0xFFFF_FFFF)), Some(i64::MAX));
        assert_eq!(place(conv(0x8000_0000), seq(1)), None);
        assert_eq!(place(conv(MOST), seq(1)), None);
        assert_eq!(place(conv(1), seq(0x1_0000_0000)), None);
        assert_eq!(places(conv(1), (seq(MOST), None)), None);
        assert_eq!(places(conv(MOST), (seq(1), None)), None);
    }
}
