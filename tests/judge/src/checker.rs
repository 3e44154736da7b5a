//! Whether anything was lost, doubled, out of order, missing or overheard: from what clients noted and what history says, and from
//! nothing that the server knows otherwise.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sotto_proto::{Cid, ConvId, Epoch};

use crate::log::{Event, Place};

#[cfg(test)]
mod tests;

/// Who wrote a message, and which it is.
pub type Said = (String, Cid);

/// One account: what its clients noted, and what history shows it in the end.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// Its name.
    pub name: String,
    /// What they noted, one run after the other.
    pub events: Vec<Event>,
    /// What there is for it to read.
    pub history: BTreeMap<Place, Said>,
    /// Its client was killed: what it had taken and not yet noted is missing from the log, at the seam between two runs.
    pub was_killed: bool,
}

/// What was found. A finding is a sentence.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Messages that were handed in.
    pub sent: usize,
    /// Acknowledgements.
    pub acknowledged: usize,
    /// Acknowledged, and not in history.
    pub lost: Vec<String>,
    /// In history twice, or handed on twice.
    pub doubled: Vec<String>,
    /// Not the same place for everyone, or not in rising order.
    pub reordered: Vec<String>,
    /// In history, and never handed on to somebody it is for; or a seq that does not exist.
    pub gaps: Vec<String>,
    /// Seen by somebody it was not for.
    pub overheard: Vec<String>,
}

impl Verdict {
    /// Another run counts as well.
    pub fn take_in(&mut self, other: Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.lost.extend(other.lost);
        self.doubled.extend(other.doubled);
        self.reordered.extend(other.reordered);
        self.gaps.extend(other.gaps);
        self.overheard.extend(other.overheard);
    }

    /// All findings, the worst kind first.
    pub fn findings(&self) -> impl Iterator<Item = &String> {
        [&self.overheard, &self.lost, &self.doubled, &self.reordered, &self.gaps].into_iter().flatten()
    }
}

/// Judges a run.
///
/// `epoch` is the history's in the end. What was acknowledged in another one, before a backup was put back, may be gone,
/// unless it is in `kept`: acknowledged before the backup began.
#[must_use]
pub fn judge(witnesses: &[Witness], (epoch, kept): (Epoch, &HashSet<Cid>)) -> Verdict {
    let mut verdict = Verdict::default();
    let (truth, places) = common_history(witnesses, &mut verdict);
    let audiences = audiences(witnesses);
    verdict.sent = audiences.len();
    for witness in witnesses {
        acknowledged_is_there(witness, (epoch, kept), (&truth, &places), &mut verdict);
        handed_on_in_order(witness, epoch, &truth, &mut verdict);
        all_was_handed_on(witness, epoch, &mut verdict);
        heard_what_is_theirs(witness, &audiences, &mut verdict);
    }
    verdict
}

/// What all histories say together, and where each message is. They must not contradict each other.
fn common_history(
    witnesses: &[Witness],
    verdict: &mut Verdict,
) -> (BTreeMap<Place, Said>, HashMap<Cid, BTreeSet<Place>>) {
    let mut truth: BTreeMap<Place, Said> = BTreeMap::new();
    let mut places: HashMap<Cid, BTreeSet<Place>> = HashMap::new();
    for Witness { name, history, .. } in witnesses {
        let mut last: Option<Place> = None;
        for (place, said) in history {
            let known = truth.entry(*place).or_insert_with(|| said.clone());
            if known != said {
                verdict.reordered.push(format!("{name} reads another message at {place:?} than others"));
            }
            if last.is_some_and(|(conv, seq)| conv == place.0 && seq + 1 != place.1) {
                verdict.gaps.push(format!("history shows {name} a hole before {place:?}"));
            }
            places.entry(said.1).or_default().insert(*place);
            last = Some(*place);
        }
    }
    for (cid, places) in places.iter().filter(|(_, places)| places.len() > 1) {
        verdict.doubled.push(format!("{cid} is in history at {places:?}"));
    }
    (truth, places)
}

/// Whom each message was for, its sender included; `None`: everyone.
fn audiences(witnesses: &[Witness]) -> HashMap<Cid, Option<BTreeSet<&str>>> {
    let mut audiences = HashMap::new();
    for witness in witnesses {
        for event in &witness.events {
            if let Event::Sends(cid, to) = event {
                let names = to.iter().map(String::as_str).chain([witness.name.as_str()]).collect();
                audiences.insert(*cid, (!to.is_empty()).then_some(names));
            }
        }
    }
    audiences
}

fn acknowledged_is_there(
    Witness { name, events, .. }: &Witness,
    (epoch, kept): (Epoch, &HashSet<Cid>),
    (truth, places): (&BTreeMap<Place, Said>, &HashMap<Cid, BTreeSet<Place>>),
    verdict: &mut Verdict,
) {
    for (now, event) in in_epochs(events) {
        let Event::Acknowledged(cid, place) = event else { continue };
        verdict.acknowledged += 1;
        if now != Some(epoch) && !kept.contains(cid) {
            continue;
        }
        match truth.get(place) {
            Some((from, there)) if (from, there) == (name, cid) => {}
            _ if places.contains_key(cid) => {
                verdict
                    .reordered
                    .push(format!("{cid} of {name} was acknowledged at {place:?} and is elsewhere"));
            }
            _ => verdict.lost.push(format!("{cid} of {name} was acknowledged at {place:?} and is nowhere")),
        }
    }
}

/// Within one run of a client each conversation's messages come in rising order, each once, and are what history says.
fn handed_on_in_order(
    Witness { name, events, .. }: &Witness,
    epoch: Epoch,
    truth: &BTreeMap<Place, Said>,
    verdict: &mut Verdict,
) {
    let mut last: BTreeMap<ConvId, u64> = BTreeMap::new();
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for (now, event) in in_epochs(events) {
        match event {
            Event::Starts | Event::StartsOver(None) => {
                last.clear();
                seen.clear();
            }
            Event::StartsOver(Some(conv)) => {
                last.remove(conv);
                seen.retain(|(of, _)| of != conv);
            }
            Event::Acknowledged(cid, place) if !seen.insert(*place) => {
                verdict.doubled.push(format!("{name} is told twice of {cid}, at {place:?}"));
            }
            Event::Gets(place @ (conv, seq), from, cid) => {
                let before = last.insert(*conv, *seq);
                if !seen.insert(*place) {
                    verdict.doubled.push(format!("{name} gets {place:?} twice"));
                } else if before.is_some_and(|before| before > *seq) {
                    verdict.reordered.push(format!("{name} gets {place:?} after {before:?}"));
                }
                let agrees = truth.get(place).is_some_and(|(of, is)| (of, is) == (from, cid));
                if now == Some(epoch) && !agrees {
                    verdict.reordered.push(format!("{name} gets {cid} at {place:?}, history says otherwise"));
                }
            }
            _ => {}
        }
    }
}

/// All that history shows somebody has been handed on to them, or was acknowledged to them.
fn all_was_handed_on(witness: &Witness, epoch: Epoch, verdict: &mut Verdict) {
    let Witness { name, events, history, was_killed } = witness;
    let in_this = |now: Option<Epoch>| now == Some(epoch);
    // Whoever looks something up may not be the one who was told of it, and have begun before.
    let holes: Vec<_> = in_epochs(events)
        .filter_map(|(now, event)| match event {
            Event::Hole(conv, from, to) if in_this(now) => Some((*conv, *from..=*to)),
            _ => None,
        })
        .collect();
    let told_of = |(conv, seq): &Place| holes.iter().any(|(of, seqs)| of == conv && seqs.contains(seq));
    // What somebody had before a backup was put back need not come again, if it is there.
    let still_there = |place: &Place, cid: &Cid| history.get(place).is_some_and(|said| said.1 == *cid);
    let counts = |(now, event): (Option<Epoch>, &Event)| match event {
        Event::Acknowledged(cid, place) | Event::Gets(place, _, cid) => {
            (in_this(now) || still_there(place, cid)).then_some(*place)
        }
        // Only what it was told of: a silent hole is one, also when somebody stumbles upon it.
        Event::LooksUp(place, _, cid) => {
            (if in_this(now) { told_of(place) } else { still_there(place, cid) }).then_some(*place)
        }
        _ => None,
    };
    let known: BTreeSet<Place> = in_epochs(events).filter_map(counts).collect();
    let mut gaps: BTreeMap<ConvId, Vec<u64>> = BTreeMap::new();
    for (conv, seq) in history.keys().filter(|place| !known.contains(place)) {
        gaps.entry(*conv).or_default().push(*seq);
    }
    if *was_killed {
        // It may miss what it had taken; not what lies between two things that one run noted.
        let mut inside = inner(events);
        // Whoever has been away for long is told what to look up instead of getting it.
        for event in events {
            if let Event::Hole(conv, from, to) = event {
                inside.retain(|(of, seq)| of != conv || !(from..=to).contains(&seq));
            }
        }
        gaps.iter_mut().for_each(|(conv, missing)| missing.retain(|seq| inside.contains(&(*conv, *seq))));
    }
    for (conv, missing) in gaps.iter().filter(|(_, missing)| !missing.is_empty()) {
        let first: Vec<_> = missing.iter().take(5).map(u64::to_string).collect();
        let sentence =
            format!("{name} never got {} of conversation {conv}: {} …", missing.len(), first.join(", "));
        verdict.gaps.extend(missing.iter().map(|_| sentence.clone()));
    }
}

/// The places between the first and the last that one run of a client has noted of a conversation.
fn inner(events: &[Event]) -> BTreeSet<Place> {
    let mut places = BTreeSet::new();
    for run in events.split(|event| matches!(event, Event::Starts | Event::StartsOver(None))) {
        let mut bounds: BTreeMap<ConvId, (u64, u64)> = BTreeMap::new();
        for event in run {
            if let Event::Gets((conv, seq), ..) = event {
                let bound = bounds.entry(*conv).or_insert((*seq, *seq));
                *bound = (bound.0.min(*seq), bound.1.max(*seq));
            }
        }
        for (conv, (first, last)) in bounds {
            places.extend((first..=last).map(|seq| (conv, seq)));
        }
    }
    places
}

fn heard_what_is_theirs(
    Witness { name, events, history, .. }: &Witness,
    audiences: &HashMap<Cid, Option<BTreeSet<&str>>>,
    verdict: &mut Verdict,
) {
    let heard = events.iter().filter_map(|event| match event {
        Event::Gets(_, _, cid) | Event::LooksUp(_, _, cid) => Some(cid),
        _ => None,
    });
    for cid in heard.chain(history.values().map(|(_, cid)| cid)) {
        match audiences.get(cid) {
            Some(Some(names)) if !names.contains(name.as_str()) => {
                verdict.overheard.push(format!("{name} has {cid}, which was not for them"));
            }
            Some(_) => {}
            None => verdict.overheard.push(format!("{name} has {cid}, which nobody sent")),
        }
    }
}

/// Each event with the epoch it belongs to.
pub fn in_epochs(events: &[Event]) -> impl Iterator<Item = (Option<Epoch>, &Event)> {
    let mut now = None;
    events.iter().map(move |event| {
        if let Event::In(epoch) = event {
            now = Some(*epoch);
        }
        (now, event)
    })
}
