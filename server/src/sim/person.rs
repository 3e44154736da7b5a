//! Somebody with an account: one client after the other, with what was not acknowledged handed on between them, and now and then a
//! second one beside the first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sotto_client::{Account, Problem};
use sotto_judge::{Event, Witness};
use sotto_proto::{Audience, Cid, ConvId, MessageText, Password, Username};
use tokio::time::{Instant, sleep, sleep_until};

use super::device::{Device, Plan};
use super::house::{House, PASSWORD};
use super::world::{PanicWatch, World, lock};
use crate::store::UserId;
use crate::store::memory::look;

/// What somebody wants to be known, until it is acknowledged.
#[derive(Clone)]
pub(super) struct Word {
    pub(super) cid: Cid,
    pub(super) to: Audience,
    pub(super) text: MessageText,
}

/// What all devices of one person know together.
#[derive(Default)]
pub(super) struct Notes {
    /// One log for each client there was, in the order in which they began.
    pub(super) runs: Vec<Vec<Event>>,
    /// By cid; not acknowledged.
    pub(super) pending: BTreeMap<[u8; 16], Word>,
    /// What is to be looked up: from where up to where.
    pub(super) holes: Vec<(ConvId, u64, u64)>,
    /// Still to be said.
    pub(super) words: u64,
    /// The first client is in, has caught up, and has nothing left to do.
    pub(super) content: bool,
}

/// Somebody with an account.
pub(super) struct Person {
    pub(super) name: Username,
    pub(super) user: UserId,
    pub(super) others: Vec<Username>,
    pub(super) world: Arc<World>,
    pub(super) house: Arc<House>,
    pub(super) notes: Mutex<Notes>,
    /// When nothing breaks any more, and nobody says anything new.
    pub(super) heals_at: Instant,
}

impl Person {
    pub(super) fn is_healed(&self) -> bool {
        Instant::now() >= self.heals_at
    }

    /// One client after the other, for ever.
    pub(super) async fn live(self: Arc<Self>) {
        let _watch = PanicWatch(Arc::clone(&self.world));
        let mut first = true;
        loop {
            let plan = self.plan();
            let take_over = self.is_healed() || self.world.once_in(2);
            let end = self.use_a_client((take_over, false), plan).await;
            self.world.note(self.name.as_str(), || format!("client is gone: {}", how(end.as_ref())));
            // Whoever is there already stays for a while.
            sleep(self.world.millis(if first { 500 } else { 3000 })).await;
            first = false;
        }
    }

    /// A second client beside the first, which may push it out, or be refused, or only look in.
    pub(super) async fn drop_in(self: Arc<Self>) {
        let _watch = PanicWatch(Arc::clone(&self.world));
        let stay = Instant::now() + self.world.millis(8000);
        let plan = Plan { until: stay.min(self.heals_at), ..self.plan() };
        let (take_over, peek) = (self.world.once_in(2), self.world.once_in(3));
        let plan = Plan { guest: true, ..plan };
        let end = self.use_a_client((take_over, peek), plan).await;
        self.world.note(self.name.as_str(), || format!("guest is gone: {}", how(end.as_ref())));
    }

    /// Some clients are killed, some log out, most stay.
    fn plan(&self) -> Plan {
        let never = self.heals_at + Duration::from_secs(24 * 3600);
        let span = self.heals_at.saturating_duration_since(Instant::now());
        let some_time = || {
            let most = u64::try_from(span.as_millis()).unwrap_or(0);
            Instant::now() + self.world.millis(most)
        };
        let fate = if span.is_zero() { 9 } else { self.world.below(6) };
        let until = if fate == 0 { some_time() } else { never };
        let logs_out = if fate == 1 { some_time() } else { never };
        let dozes = fate != 9 && self.world.once_in(4);
        Plan { until, logs_out, dozes, guest: false }
    }

    /// From start to end, which may be a kill; `None` then.
    async fn use_a_client(&self, (take_over, peek): (bool, bool), plan: Plan) -> Option<Problem> {
        let password = Password::new(PASSWORD).unwrap();
        let account = Account { user: self.name.clone(), proof: password.into(), take_over, peek };
        let until = plan.until;
        let mut device = Device::start(self, account, plan);
        tokio::select! {
            biased;
            () = sleep_until(until) => None,
            problem = device.run() => Some(problem),
        }
    }

    /// Something new to say: mostly to everyone, some of it to a few.
    pub(super) fn think(&self) -> Word {
        let mut bytes = [0; 16];
        for half in bytes.chunks_mut(8) {
            half.copy_from_slice(&self.world.below(u64::MAX).to_be_bytes());
        }
        let cid = Cid::from_bytes(bytes);
        let some = self.world.one_of([0, 0, 0, 1, 1, 2]).min(self.others.len());
        let start = self.world.index(self.others.len());
        let to: Vec<_> = self.others.iter().cycle().skip(start).take(some).cloned().collect();
        let length = self.world.one_of([0, 0, 10, 100, 700]);
        let text = MessageText::new(&format!("{cid} {}", "…".repeat(length))).unwrap();
        let names = to.iter().map(ToString::to_string).collect();
        let to = if to.is_empty() { Audience::Everyone } else { Audience::set(to).unwrap() };
        let word = Word { cid, to, text };
        let mut notes = lock(&self.notes);
        notes.pending.insert(bytes, word.clone());
        // What somebody wants to say does not depend on which of their clients says it.
        notes.runs[0].push(Event::Sends(cid, names));
        drop(notes);
        self.world.note(self.name.as_str(), || format!("says {cid} to {:?}", word.to));
        word
    }

    /// For the judge: what was noted, and what the store has for them.
    pub(super) fn witness(&self) -> Witness {
        let shelf = look(&self.house.shelf);
        let history = shelf.history(self.user).map(|(conv, row)| {
            let cid = row.cid.unwrap_or(Cid::from_bytes([0; 16]));
            ((conv, row.seq.get()), (row.sender.name.to_string(), cid))
        });
        Witness {
            name: self.name.to_string(),
            events: lock(&self.notes).runs.concat(),
            history: history.collect(),
            was_killed: false,
        }
    }
}

/// For the trace, which does not know what time it is on this machine.
fn how(end: Option<&Problem>) -> String {
    match end {
        None => "killed".to_owned(),
        Some(Problem::AlreadyLoggedIn { .. }) => "already logged in".to_owned(),
        Some(other) => format!("{other:?}"),
    }
}
