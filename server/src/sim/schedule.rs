//! One schedule: who is there, what breaks and when, and the judgement once everything is whole again and has come to rest.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sotto_judge::judge;
use sotto_proto::{Cid, Username};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::disk::{Lie, Mood};
use super::house::{House, password_hash};
use super::person::{Notes, Person};
use super::wire::{Mishap, Weather};
use super::world::{Detail, World, lock};
use crate::Limits;
use crate::store::memory::{Tables, look};
use crate::store::{LobbyHistory, NewAccount};

/// Once nothing breaks any more, everybody is to have everything within this time.
const SETTLING: Duration = Duration::from_secs(20 * 60);
/// Everybody has to be content for so long: a connection that looks whole may be silent, and is given up within this time.
const REST: Duration = Duration::from_secs(180);

/// What has come of a schedule.
pub(super) struct Report {
    pub(super) findings: Vec<String>,
    pub(super) trace: String,
    pub(super) sent: usize,
    pub(super) acknowledged: usize,
}

/// Runs the schedule of a seed.
pub(super) fn run(seed: u64, (detail, lie): (Detail, Option<Lie>)) -> Report {
    password_hash();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(play(seed, (detail, lie)))
}

async fn play(seed: u64, (detail, lie): (Detail, Option<Lie>)) -> Report {
    let world = World::new(seed, detail);
    let stage = Stage::set(&world, lie);
    let mut people = JoinSet::new();
    for person in &stage.people {
        people.spawn(Arc::clone(person).live());
    }
    let kept = stage.break_things(&mut people).await;
    stage.heal();
    stage.settle().await;
    people.shutdown().await;
    let witnesses: Vec<_> = stage.people.iter().map(|person| person.witness()).collect();
    let epoch = look(&stage.house.shelf).epoch;
    let verdict = judge(&witnesses, (epoch, &kept));
    stage.house.clear();
    let mut findings = world.findings();
    findings.extend(verdict.findings().cloned());
    Report { findings, trace: world.trace(), sent: verdict.sent, acknowledged: verdict.acknowledged }
}

struct Stage {
    world: Arc<World>,
    house: Arc<House>,
    people: Vec<Arc<Person>>,
    heals_at: Instant,
    /// A backup may be put back in this schedule.
    restores: bool,
}

impl Stage {
    fn set(world: &Arc<World>, lie: Option<Lie>) -> Self {
        let restores = world.once_in(4);
        let house = House::new(world, limits(world, restores), lie);
        let span = world.one_of([2_000, 10_000, 60_000, 300_000]);
        let heals_at = Instant::now() + Duration::from_millis(span);
        let names: Vec<Username> =
            ["ann", "bob", "eve", "mary"].iter().map(|name| name.parse().unwrap()).collect();
        let names = &names[..2 + world.index(3)];
        let people = names.iter().map(|name| {
            let start = NewAccount { password: password_hash(), lobby: LobbyHistory::All, at: 0 };
            let account = look(&house.shelf).register(name, start).unwrap();
            let words = 1 + world.below(8);
            Arc::new(Person {
                name: name.clone(),
                user: account.id,
                others: names.iter().filter(|other| *other != name).cloned().collect(),
                world: Arc::clone(world),
                house: Arc::clone(&house),
                notes: Mutex::new(Notes { words, ..Notes::default() }),
                heals_at,
            })
        });
        let people = people.collect();
        house.set_weather(weather(world));
        house.set_mood(mood(world));
        house.open();
        Self { world: Arc::clone(world), house, people, heals_at, restores }
    }

    /// Until it is time to heal. What was in the last backup that was put back has to be there in the end.
    async fn break_things(&self, people: &mut JoinSet<()>) -> HashSet<Cid> {
        let (mut backup, mut kept) = (None, HashSet::new());
        // At most one: what was acknowledged two histories ago is nobody's business any more.
        let mut may_restore = self.restores;
        while Instant::now() < self.heals_at {
            let next = Instant::now() + self.world.millis(self.world.one_of([50, 1000, 10_000, 60_000]));
            tokio::select! {
                biased;
                () = self.house.blown.notified() => self.house.clear(),
                () = sleep_until(next.min(self.heals_at)) => self.mishap(people, &mut backup).await,
            }
            if !self.house.is_open() {
                self.world.dawdle(5000).await;
                if let Some(backup) = backup.take_if(|_| may_restore && self.world.once_in(2)) {
                    may_restore = false;
                    kept = Tables::cids(&backup).collect();
                    self.house.restore(backup);
                }
                self.house.open();
            }
        }
        kept
    }

    async fn mishap(&self, people: &mut JoinSet<()>, backup: &mut Option<Tables>) {
        let (world, house) = (&self.world, &self.house);
        match world.below(12) {
            0 | 1 => house.hurt_a_wire(world.one_of([Mishap::Cut, Mishap::Silence, Mishap::HalfSilence])),
            2 | 3 => house.set_fuse(1 + world.below(60)),
            4 => house.clear(),
            5 => house.stop().await,
            6 => house.set_weather(weather(world)),
            7 => house.set_mood(mood(world)),
            8..=10 => drop(people.spawn(Arc::clone(&self.people[world.index(self.people.len())]).drop_in())),
            _ => {
                world.note("operator", || "makes a backup".to_owned());
                *backup = Some(look(&house.shelf).clone());
            }
        }
    }

    /// Nothing breaks any more.
    fn heal(&self) {
        self.world.note("world", || "heals".to_owned());
        self.house.set_weather(Weather { slowest: 1, mishap_within: 0, window: 4096 });
        self.house.set_mood(Mood::default());
        self.house.set_fuse(0);
    }

    /// Waits until everybody has everything, or says who does not get it.
    async fn settle(&self) {
        let restless = || self.people.iter().filter(|person| !lock(&person.notes).content);
        let mut content_since = Instant::now();
        let settling = async {
            loop {
                if !self.house.is_open() {
                    self.house.open();
                }
                if restless().next().is_some() {
                    content_since = Instant::now();
                } else if content_since.elapsed() > REST {
                    return;
                }
                sleep(Duration::from_secs(1)).await;
            }
        };
        if timeout(SETTLING, settling).await.is_err() {
            let names: Vec<_> = restless().map(|person| person.name.as_str()).collect();
            self.world.wrong(format!("{} do not come to rest", names.join(", ")));
        }
    }
}

/// So small that what happens beyond them happens all the time.
fn limits(world: &World, restores: bool) -> Limits {
    let mut limits = Limits::default();
    limits.force("outbox-bytes", world.one_of([300, 1000, 4000, 262_144]));
    limits.force("lane-messages", world.one_of([1, 4096]));
    limits.force("messages-per-second", world.one_of([0, 10]));
    // What was left out at a log-in before a backup was put back is not told of again after it.
    limits.force("catch-up-messages", if restores { 1000 } else { world.one_of([2, 1000, 1000]) });
    limits
}

fn weather(world: &World) -> Weather {
    Weather {
        slowest: world.one_of([0, 0, 5, 100, 2000]),
        mishap_within: world.one_of([0, 0, 2000, 20_000]),
        window: world.one_of([64, 500, 4096, 65_536]),
    }
}

fn mood(world: &World) -> Mood {
    Mood {
        slowest: world.one_of([0, 0, 3, 30, 500]),
        bad_writes: world.one_of([0, 0, 5, 20]),
        bad_reads: world.one_of([0, 0, 0, 10]),
    }
}
