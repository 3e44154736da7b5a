//! Whatever people send, in whatever pieces and order, whoever vanishes, and however the disk fares and the server dies: nobody is
//! told what was not for them or is not committed, nothing comes twice or out of order, each question is answered once, what waits
//! for somebody is bounded, and of a connection that has gone nothing stays. The server is the real one, from
//! `connection::serve` down to the lane, on the simulation's wires and its store.
#![cfg_attr(fuzzing, no_main)]

mod ledger;
mod line;
mod step;

use std::time::Duration;

use sotto_server::sim::Bench;

use ledger::Ledger;
use line::Line;
use step::{Cut, PEOPLE, Play, Span, Step};

/// How many may be connected at a time: one more than there are people.
const LINES: usize = 4;
/// The most steps of one play.
const STEPS: usize = 150;
/// As many bytes as one takes, or another short answer.
const ACKNOWLEDGEMENT: usize = 200;
/// How long an answer may take once nothing breaks any more, or the end of a connection: longer than the kernel of somebody whose
/// server has gone without a word looks for it (924 s).
const PATIENCE: Duration = Duration::from_secs(1000);
/// By then the last wire that went silent is given up, and everybody who was lost has left.
const GONE: Duration = Duration::from_secs(300);

sotto_fuzz::target!(|play: Play| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run(&play));
});

async fn run(play: &Play) {
    let mut stage = Stage::set(play);
    for step in play.steps.iter().take(STEPS) {
        stage.perform(step).await;
        stage.settle().await;
    }
    stage.end().await;
}

struct Stage {
    bench: Bench,
    ledger: Ledger,
    lines: [Option<Line>; LINES],
    outbox: usize,
}

impl Stage {
    fn set(play: &Play) -> Self {
        let terms = play.terms();
        let outbox = usize::try_from(terms.limits[0].1).unwrap();
        Self {
            bench: Bench::open(&terms, &PEOPLE),
            ledger: Ledger::new(&PEOPLE),
            lines: Default::default(),
            outbox,
        }
    }

    async fn perform(&mut self, step: &Step) {
        match step {
            Step::Connect(at) => {
                self.hang_up(*at);
                *self.line(*at) = self.bench.connect().map(Line::new);
            }
            Step::Ask(at, ask, cut) => {
                let request = ask.request(&mut self.ledger.known);
                let reference = self.ledger.next_reference();
                if let Some(line) = self.line(*at) {
                    line.say(&request.encode(Some(&reference)), cut);
                }
            }
            Step::Bytes(at, bytes) => {
                if let Some(line) = self.line(*at) {
                    line.say(bytes, &Cut::Whole);
                }
            }
            Step::Rest(at) => {
                if let Some(line) = self.line(*at) {
                    line.hold_nothing_back();
                }
            }
            Step::Doze(at) => {
                if let Some(line) = self.line(*at) {
                    line.awake = !line.awake;
                }
            }
            Step::Leave(at) => self.hang_up(*at),
            Step::Wait(span) => self.pass(Duration::from_millis(span.millis())).await,
            Step::Disk(disk) => {
                let (slowest, bad_writes, bad_reads) = disk.mood();
                self.bench.set_disk(slowest, bad_writes, bad_reads);
            }
            Step::Die => {
                self.lines = Default::default();
                self.bench.die();
            }
        }
    }

    fn line(&mut self, at: u8) -> &mut Option<Line> {
        &mut self.lines[usize::from(at) % LINES]
    }

    fn hang_up(&mut self, at: u8) {
        *self.line(at) = None;
    }

    /// Time passes, and everybody reads what comes.
    async fn pass(&mut self, span: Duration) {
        const OFTEN: Duration = Duration::from_millis(500);
        let until = tokio::time::Instant::now() + span;
        while tokio::time::Instant::now() < until {
            self.exchange().await;
            tokio::time::sleep(OFTEN.min(until - tokio::time::Instant::now())).await;
        }
    }

    /// Everybody writes and reads until nobody has anything more to do at this moment.
    async fn settle(&mut self) {
        while self.exchange().await {}
        self.check();
    }

    /// Everybody writes and reads what can be; the server has a millisecond for it. Whether anything moved.
    async fn exchange(&mut self) -> bool {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut moved = false;
        for line in self.lines.iter_mut().flatten() {
            moved |= line.write(&mut self.ledger, &self.bench);
            moved |= line.read(&mut self.ledger, &self.bench);
        }
        moved
    }

    /// What has to be true at any moment.
    fn check(&self) {
        let findings = self.bench.findings();
        assert!(findings.is_empty(), "{findings:?}");
        let (people, _) = self.bench.inside();
        assert!(people <= self.ledger.accounts(), "{people} people");
        // Beyond its bound an outbox holds what was asked for before it was full, and one thing more; and while it is fed from the
        // store, a page.
        let most = self.outbox + self.ledger.largest() + self.ledger.asked_at_once() * ACKNOWLEDGEMENT;
        let page = self.bench.messages().min(200) * self.ledger.largest();
        let [live, fed] = self.bench.fullest();
        assert!(
            live <= most && fed <= most + page,
            "{live} or {fed} bytes wait for somebody, not {most}, {page}"
        );
    }

    /// Nothing breaks any more: everything is answered. Then everybody goes, and nothing of them stays.
    async fn end(mut self) {
        self.bench.set_disk(0, 0, 0);
        self.lines.iter_mut().flatten().for_each(|line| line.awake = true);
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.lines.iter().flatten().any(Line::waits) && tokio::time::Instant::now() < until {
            self.pass(Duration::from_millis(Span::Moment.millis())).await;
        }
        self.settle().await;
        self.lines.iter().flatten().for_each(Line::has_its_answers);
        self.lines = Default::default();
        tokio::time::sleep(GONE).await;
        assert_eq!(self.bench.inside(), (0, 0), "people who are logged in, and connections");
        self.check();
        self.bench.close().await;
    }
}
