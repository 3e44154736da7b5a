//! What a frame costs: `cargo bench -p sotto-gui`. The whole program without a window, its real views and its
//! real model; the server is played here. Each case stands beside a small one of the same kind, measured in
//! the same run.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a tool that prints what it finds"
)]

use std::time::{Duration, Instant};

use egui::{
    Context, Event, Modifiers, MouseWheelSource, MouseWheelUnit, RawInput, Rect, TouchPhase, ViewportId,
    pos2, vec2,
};
use sotto_client::{Profile, Update};
use sotto_gui::{App, Args, Backend, Behind, Told, World};
use sotto_proto::{ConvId, ConvKind, Epoch, Message, MessageText, Pin, Presence, Seq};

/// 2026-11-23 09:30:00 UTC.
const NOW: u64 = 1_795_426_200_000;
const FRAMES: usize = 600;

struct Desk {
    ctx: Context,
    app: App,
    behind: Behind,
    time: f64,
    /// When the last frame wants the next one.
    delay: Duration,
    next: u64,
    _profile: tempfile::TempDir,
}

/// What frames took, sorted.
struct Times(Vec<Duration>);

impl Times {
    fn at(&self, percent: usize) -> f64 {
        let index = (self.0.len() * percent / 100).min(self.0.len() - 1);
        self.0.get(index).map_or(0.0, Duration::as_secs_f64) * 1e3
    }

    fn line(&self, name: &str) {
        println!(
            "{name:<44} p50 {:6.3} ms   p99 {:6.3} ms   max {:6.3} ms",
            self.at(50),
            self.at(99),
            self.at(100)
        );
    }
}

impl Desk {
    /// Logged in, in a room with so many people.
    fn open(people: usize) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let profile = Profile::open(Some(dir.path())).expect("a profile");
        profile.remember("lab:1".to_owned(), Pin::from_bytes([1; 32]), (None, 0)).expect("a profile");
        let (backend, behind) = Backend::pair();
        let args = Args { user: Some("mary".into()), ..Args::default() };
        let clock = Box::new(|| NOW);
        let offset = time::UtcOffset::UTC;
        let world = World { profile, backend, clock, offset, password: Some("correct horse".into()) };
        let ctx = Context::default();
        let app = App::new(&ctx, &args, world);
        let mut desk = Self { ctx, app, behind, time: 0.0, delay: Duration::ZERO, next: 1, _profile: dir };
        desk.frame(Vec::new());
        desk.frame(vec![key(egui::Key::Enter)]);
        desk.frame(Vec::new());
        let user = "mary".parse().expect("a name");
        desk.tells(Update::LoggedIn { user, epoch: Epoch::new(1), resumed: false });
        let (conv, members) = (ConvId::new(1).expect("a number"), Vec::new());
        let (head, after) = (Seq::ZERO, Seq::ZERO);
        desk.tells(Update::Conversation { conv, kind: ConvKind::Lobby, members, head, after });
        desk.tells(Update::CaughtUp);
        let people = (0..people).map(|n| (format!("成员 {n:04}").parse().expect("a name"), Presence::Online));
        let people = people.collect();
        desk.tells(Update::People(people));
        desk.frame(Vec::new());
        desk
    }

    fn tells(&mut self, update: Update) {
        let attempt = self.behind.asks.try_recv().map_or(1, |(attempt, _)| attempt);
        let _ = self.behind.told.try_send((attempt.max(1), Told::Update(update)));
    }

    /// So many messages come, 500 between two frames.
    fn fill(&mut self, messages: u64) {
        let names = ["李雷", "Wang Fang", "Tom", "韩梅梅"]
            .map(|name| name.parse::<sotto_proto::Username>().expect("a name"));
        for number in 0..messages {
            let seq = Seq::new(self.next).expect("a number");
            let from = names[usize::try_from(number / 3).expect("small") % names.len()].clone();
            let text = MessageText::new(&text(number)).expect("a text");
            let conv = ConvId::new(1).expect("a number");
            let at = NOW - (messages - number) * 1000;
            self.tells(Update::Message(Message {
                conv,
                seq,
                at,
                cid: None,
                from,
                text,
                clear: false,
                file: None,
            }));
            self.next += 1;
            if number % 500 == 499 {
                self.frame(Vec::new());
            }
        }
        self.frame(Vec::new());
    }

    /// One frame, as long as the processor was busy with it, drawing instructions included.
    fn frame(&mut self, events: Vec<Event>) -> Duration {
        self.time += 1.0 / 60.0;
        let screen_rect = Some(Rect::from_min_size(pos2(0.0, 0.0), vec2(1080.0, 720.0)));
        let input =
            RawInput { screen_rect, time: Some(self.time), focused: true, events, ..RawInput::default() };
        let begin = Instant::now();
        let app = &mut self.app;
        let mut output = self.ctx.run_ui(input, |ui| {
            app.live(ui.ctx());
            app.draw(ui);
        });
        output.textures_delta.clear();
        let meshes = self.ctx.tessellate(output.shapes, output.pixels_per_point);
        std::hint::black_box(meshes);
        self.delay =
            output.viewport_output.get(&ViewportId::ROOT).map_or(Duration::MAX, |view| view.repaint_delay);
        begin.elapsed()
    }

    /// Frames with nothing but what `event` makes happen.
    fn measure(&mut self, event: impl Fn(usize) -> Vec<Event>) -> Times {
        let mut times: Vec<_> = (0..FRAMES).map(|number| self.frame(event(number))).collect();
        times.sort();
        Times(times)
    }
}

/// Short and long, Chinese and not, some on several lines: as people write.
fn text(number: u64) -> String {
    match number % 5 {
        0 => format!("第{number}条：早上好，作业交到哪里？"),
        1 => "ok".to_owned(),
        2 => format!(
            "A longer one, number {number}, that goes on for a while so that it may need a second line in the window, and it says nothing."
        ),
        3 => format!("https://files.example/{number} — the shared folder"),
        _ => "第一行\n第二行\nand a third".to_owned(),
    }
}

fn key(key: egui::Key) -> Event {
    Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers: Modifiers::NONE }
}

/// A fling over unseen rows: up for most of the time, then down.
fn fling(number: usize) -> Vec<Event> {
    let by = if number % 60 < 45 { 900.0 } else { -900.0 };
    let (unit, delta, modifiers) = (MouseWheelUnit::Point, vec2(0.0, by), Modifiers::NONE);
    let (phase, source) = (TouchPhase::Move, MouseWheelSource::Unknown);
    let wheel = Event::MouseWheel { unit, delta, phase, source, modifiers };
    vec![Event::PointerMoved(pos2(700.0, 300.0)), wheel]
}

/// Resident memory of this process, in MiB; Linux only.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
    kib / 1024.0
}

/// Frames in a minute in which nothing happens: each is drawn when the one before has asked for it.
fn idle(desk: &mut Desk) -> usize {
    let end = desk.time + 60.0;
    let mut frames = 0;
    while desk.time < end {
        desk.frame(Vec::new());
        frames += 1;
        if desk.delay > Duration::from_secs(60) {
            break;
        }
        desk.time += desk.delay.as_secs_f64();
    }
    frames
}

fn main() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, {FRAMES} frames each, 1080×720 points");

    let mut small = Desk::open(5);
    small.fill(100);
    small.measure(fling).line("scrolling through 100 messages");
    let before = resident();
    let mut large = Desk::open(5);
    let begin = Instant::now();
    large.fill(100_000);
    let took = begin.elapsed();
    large.measure(fling).line("scrolling through 100,000 messages");
    println!(
        "100,000 messages came in within {:.2} s; {:.0} MiB for them, {:.0} MiB in all",
        took.as_secs_f64(),
        resident() - before,
        resident()
    );

    let mut few = Desk::open(5);
    few.fill(40);
    few.measure(|_| Vec::new()).line("a frame with 5 people");
    let mut many = Desk::open(1000);
    many.fill(40);
    many.measure(|_| Vec::new()).line("a frame with 1,000 people");

    println!("a minute in which nothing happens: {} frames", idle(&mut few));
}
