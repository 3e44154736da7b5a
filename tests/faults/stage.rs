//! A real server, a network that can be rough, and scribes who talk over it. The server can be killed and started again; in the
//! end everybody's log and everybody's history are judged.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use sotto_client::{Dial, Trust};
use sotto_judge::{Event, Place, Random, Said, Verdict, Witness, judge};
use sotto_proto::{Cid, ConvId, Link, Page, Reply, Seq};
use sotto_tests::binaries::ServerProcess;
use sotto_tests::{PASSWORD, Person, Seen};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::proxy::Proxy;
use crate::scribe::{Board, Phase, Role, play};

/// What a run would otherwise meet, and the lobby of which everybody sees everything.
pub(crate) const FLAGS: [&str; 10] = [
    "--limit",
    "registrations-per-source=0",
    "--limit",
    "connections=0",
    "--limit",
    "strangers=0",
    "--limit",
    "free-disk-bytes=0",
    "--limit",
    "files-per-user=0",
];
/// For everybody to get everything once nothing is broken any more.
pub(crate) const SETTLING: Duration = Duration::from_secs(90);

/// How many talk, and how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    pub(crate) people: usize,
    /// Each; `usize::MAX`: for as long as it takes.
    pub(crate) messages: usize,
    pub(crate) in_flight: usize,
    /// Milliseconds between two of each; 0: as fast as they are acknowledged.
    pub(crate) pause: u64,
    /// Bytes of each message besides its cid.
    pub(crate) bytes: usize,
    /// So many of the people say nothing before their last words. What they get can be held back.
    pub(crate) silent: usize,
    /// Milliseconds until a lost connection is tried again; `None`: as a client for people does.
    pub(crate) impatience: Option<u64>,
    pub(crate) seed: u64,
}

/// Everything that takes part.
pub(crate) struct Stage {
    pub(crate) proxy: Proxy,
    /// Where the silent go through.
    pub(crate) aside: Proxy,
    pub(crate) board: Arc<Board>,
    server: Option<ServerProcess>,
    dial: Dial,
    data: PathBuf,
    _data: Option<TempDir>,
    logs: TempDir,
    names: Vec<String>,
    phase: watch::Sender<Phase>,
    scribes: JoinSet<anyhow::Result<()>>,
    /// Whose clients have been killed.
    victims: HashSet<String>,
    /// Acknowledged before a backup began that was put back.
    pub(crate) kept: HashSet<Cid>,
}

impl Stage {
    /// A server, and people who have begun to talk.
    pub(crate) async fn set(talk: Talk) -> anyhow::Result<Self> {
        Self::set_under(&[], talk).await
    }

    /// As [`Self::set`], by another program that becomes the server.
    pub(crate) async fn set_under(wrapper: &[String], talk: Talk) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let stage = Self::set_in(data.path(), wrapper, talk).await?;
        Ok(Self { _data: Some(data), ..stage })
    }

    /// As [`Self::set_under`], with its data in a place that is somebody else's.
    pub(crate) async fn set_in(data: &Path, wrapper: &[String], talk: Talk) -> anyhow::Result<Self> {
        let server =
            ServerProcess::start_under(wrapper, data, &FLAGS).context("the server does not start")?;
        let proxy = Proxy::to(address(&server)?, talk.seed).await?;
        let aside = Proxy::narrow(address(&server)?, talk.seed).await?;
        let direct = Dial::new(&server.link, Trust::Nothing);
        let names: Vec<_> = (0..talk.people).map(|index| format!("user{index}")).collect();
        register(&direct, &names).await?;
        let (phase, _) = watch::channel(Phase::Talk);
        let mut stage = Self {
            dial: Dial { port: proxy.address.port(), ..direct },
            proxy,
            aside,
            board: Arc::default(),
            server: Some(server),
            data: data.to_owned(),
            _data: None,
            logs: tempfile::tempdir()?,
            names,
            phase,
            scribes: JoinSet::new(),
            victims: HashSet::new(),
            kept: HashSet::new(),
        };
        stage.begin(talk).await?;
        Ok(stage)
    }

    /// So many at a time that none is told to come back later: each costs the server a password hash.
    async fn begin(&mut self, talk: Talk) -> anyhow::Result<()> {
        const AT_ONCE: usize = 16;
        let aside = Dial { port: self.aside.address.port(), ..self.dial.clone() };
        let seeds: Vec<_> = (talk.seed..).zip(self.names.clone()).collect();
        for (index, (seed, name)) in seeds.into_iter().enumerate() {
            let talks = index < talk.people - talk.silent;
            let messages = if talks { talk.messages } else { 0 };
            let dial = if talks { &self.dial } else { &aside };
            let role = self.role(&name, Talk { seed, messages, ..talk });
            let shared = (Arc::clone(&self.board), self.phase.subscribe());
            self.scribes.spawn(play(role, dial.clone(), shared));
            if (index + 1) % AT_ONCE == 0 || index + 1 == talk.people {
                let all = |board: &Board| board.logged_in() > index;
                self.board.until("everybody to be let in", all).await?;
            }
        }
        Ok(())
    }

    fn role(&self, name: &str, talk: Talk) -> Role {
        Role {
            name: name.to_owned(),
            others: self.names.iter().filter(|other| *other != name).cloned().collect(),
            messages: talk.messages,
            in_flight: talk.in_flight,
            pause: talk.pause,
            bytes: talk.bytes,
            impatience: talk.impatience,
            log: self.logs.path().join(name),
            seed: talk.seed,
        }
    }

    /// One more account, whose client is a process of its own that is killed again and again with a full outbox.
    pub(crate) async fn victim(&mut self, talk: Talk, kills: usize) -> anyhow::Result<()> {
        const NAME: &str = "victim";
        const LOOK: Duration = Duration::from_millis(5);
        Person::stranger(&self.dial).await.registers(NAME, PASSWORD).await;
        let role = self.role(NAME, talk);
        let server = self.server.as_ref().context("no server to talk to")?;
        let link = Link { invite: None, ..server.link.clone() };
        let mut random = Random::new(talk.seed);
        for _ in 0..kills {
            let enough = lines(&role.log) + 1 + random.index(300);
            let mut client = scribe_process(&role, &link)?;
            while lines(&role.log) < enough {
                anyhow::ensure!(client.try_wait()?.is_none(), "the client has ended by itself");
                tokio::time::sleep(LOOK).await;
            }
            client.kill()?;
            client.wait()?;
            sotto_judge::mend(&role.log)?;
        }
        // Nothing of what it had sent is still on its way when its session is somebody else's.
        let (history, _) = history(&self.dial, NAME).await?;
        anyhow::ensure!(!history.is_empty(), "the client that was killed had never been in");
        self.names.push(NAME.to_owned());
        self.victims.insert(NAME.to_owned());
        Ok(())
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The way in for somebody who is no witness.
    pub(crate) fn dial(&self) -> &Dial {
        &self.dial
    }

    pub(crate) fn server(&self) -> anyhow::Result<&ServerProcess> {
        self.server.as_ref().context("there is no server")
    }

    /// Who takes part.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// What everybody has noted so far.
    pub(crate) fn logs(&self) -> anyhow::Result<Vec<(String, Vec<Event>)>> {
        let noted = |name: &String| Ok((name.clone(), sotto_judge::read(&self.logs.path().join(name))?));
        self.names.iter().map(noted).collect()
    }

    /// How much the last so many people have noted.
    pub(crate) fn noted_by_last(&self, people: usize) -> usize {
        self.names.iter().rev().take(people).map(|name| lines(&self.logs.path().join(name))).sum()
    }

    /// Somebody who is let in beside the others, and is no witness.
    pub(crate) async fn watcher(&self) -> anyhow::Result<Person> {
        self.bystander("watcher").await
    }

    /// As [`Self::watcher`], by another name.
    pub(crate) async fn bystander(&self, name: &str) -> anyhow::Result<Person> {
        let mut person = Person::stranger(&self.dial).await;
        // There is such an account the second time.
        person.registers(name, PASSWORD).await;
        let answer = person.logs_in(name, PASSWORD).await;
        anyhow::ensure!(matches!(answer, Reply::LoggedIn { .. }), "the {name} is not let in: {answer:?}");
        person.catches_up().await;
        Ok(person)
    }

    /// `kill -9`, if it has not ended by itself.
    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// Tells the server to stop, as whoever runs it does. How long it took; it has to end well, and in time.
    pub(crate) async fn stop(&mut self, patience: Duration) -> anyhow::Result<Duration> {
        let began = Instant::now();
        self.server()?.signal("TERM");
        anyhow::ensure!(self.ends_within(patience).await, "the server has not stopped in {patience:?}");
        let (code, _) = self.server.take().context("there is no server")?.wait();
        anyhow::ensure!(code == Some(0), "the server has stopped with {code:?}");
        Ok(began.elapsed())
    }

    /// Waits until the server has ended by itself. False: it still runs after this long.
    pub(crate) async fn ends_within(&mut self, patience: Duration) -> bool {
        const LOOK: Duration = Duration::from_millis(5);
        let ended = async {
            while self.server.as_mut().is_some_and(|server| !server.has_ended()) {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(patience, ended).await.is_ok()
    }

    /// Starts the server again on the same data. False: it has ended before it was ready.
    pub(crate) fn start_under(&mut self, wrapper: &[String]) -> anyhow::Result<bool> {
        self.server = ServerProcess::start_under(wrapper, &self.data, &FLAGS);
        if let Some(server) = &self.server {
            self.proxy.lead_to(address(server)?);
            self.aside.lead_to(address(server)?);
        }
        Ok(self.server.is_some())
    }

    /// As [`Self::start_under`], alone.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(self.start_under(&[])?, "the server does not start again");
        Ok(())
    }

    /// Waits for so many acknowledgements more than there are.
    pub(crate) async fn goes_on_for(&mut self, more: usize) -> anyhow::Result<()> {
        let wanted = self.board.acknowledged() + more;
        self.until("acknowledgements", |board| board.acknowledged() >= wanted).await
    }

    /// Waits until this is so; whoever is let go ends it.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Board) -> bool) -> anyhow::Result<()> {
        tokio::select! {
            waited = self.board.until(what, is_so) => waited.with_context(|| waiting(&self.logs, &self.names)),
            Some(ended) = self.scribes.join_next() => {
                ended.context("a client has panicked")??;
                anyhow::bail!("a client has left before it was told to")
            }
        }
    }

    /// Everybody says their last words and gets everything; then all is judged.
    pub(crate) async fn settle(self) -> anyhow::Result<Verdict> {
        self.settle_within(SETTLING).await
    }

    /// As [`Self::settle`], with another patience.
    pub(crate) async fn settle_within(mut self, patience: Duration) -> anyhow::Result<Verdict> {
        self.phase.send_replace(Phase::Settle);
        let mut stuck = Vec::new();
        let settling = async {
            while let Some(done) = self.scribes.join_next().await {
                match done {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => stuck.push(format!("{error:#}")),
                    Err(panic) => stuck.push(panic.to_string()),
                }
            }
        };
        if tokio::time::timeout(patience, settling).await.is_err() {
            stuck.push(format!("{} people do not get everything they miss", self.scribes.len()));
            self.scribes.shutdown().await;
        }
        let server = self.server.as_ref().context("no server to ask for history")?;
        let dial = Dial::new(&server.link, Trust::Nothing);
        let (mut witnesses, mut epoch) = (Vec::new(), None);
        for name in &self.names {
            let (history, of) = history(&dial, name).await?;
            let events = sotto_judge::read(&self.logs.path().join(name))?;
            witnesses.push(Witness {
                name: name.clone(),
                events,
                history,
                was_killed: self.victims.contains(name),
            });
            epoch = epoch.or(of);
        }
        let epoch = epoch.context("the server does not say which history it has")?;
        let mut verdict = judge(&witnesses, (epoch, &self.kept));
        verdict.gaps.extend(stuck);
        Ok(verdict)
    }
}

/// These accounts, some at a time: each costs the server a password hash.
async fn register(dial: &Dial, names: &[String]) -> anyhow::Result<()> {
    const AT_ONCE: usize = 8;
    for names in names.chunks(AT_ONCE) {
        let mut coming = JoinSet::new();
        for (name, dial) in names.iter().cloned().zip(std::iter::repeat(dial.clone())) {
            coming.spawn(async move {
                let answer = Person::stranger(&dial).await.registers(&name, PASSWORD).await;
                anyhow::ensure!(answer == Reply::Registered, "{name} cannot register: {answer:?}");
                Ok(())
            });
        }
        while let Some(registered) = coming.join_next().await {
            registered??;
        }
    }
    Ok(())
}

/// Who waits for what, for somebody who has to find out why.
fn waiting(logs: &TempDir, names: &[String]) -> String {
    let mut lines = Vec::new();
    for name in names {
        let events = sotto_judge::read(&logs.path().join(name)).unwrap_or_default();
        let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
        let sent = count(|event| matches!(event, Event::Sends(..)));
        let settled = count(|event| matches!(event, Event::Acknowledged(..) | Event::Refused(..)));
        if sent > settled {
            lines.push(format!("{name} for {} of {sent}", sent - settled));
        }
    }
    format!("who waits: {}", if lines.is_empty() { "nobody".to_owned() } else { lines.join(", ") })
}

/// A scribe in a process of its own.
fn scribe_process(role: &Role, link: &Link) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["scribe", "--name", &role.name, "--others", &role.others.join(",")]);
    command.args(["--messages", &role.messages.to_string(), "--in-flight", &role.in_flight.to_string()]);
    command.args(["--pause", &role.pause.to_string(), "--bytes", &role.bytes.to_string()]);
    command.args(role.impatience.map(|millis| format!("--impatience={millis}")));
    command.arg("--log").arg(&role.log).args(["--seed", &role.seed.to_string()]);
    command.args(["--link", &link.to_string()]).stdin(Stdio::null());
    command.spawn().context("cannot start a client")
}

fn lines(log: &Path) -> usize {
    std::fs::read(log).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

fn address(server: &ServerProcess) -> anyhow::Result<SocketAddr> {
    Ok(SocketAddr::from(([127, 0, 0, 1], server.link.port)))
}

/// All that somebody can read, asked for by somebody who knows nothing yet.
pub(crate) async fn history(
    dial: &Dial,
    name: &str,
) -> anyhow::Result<(BTreeMap<Place, Said>, Option<sotto_proto::Epoch>)> {
    const PAGE: u16 = 200;
    let mut person = Person::stranger(dial).await;
    let request = sotto_proto::Request::LogIn {
        user: name.parse()?,
        password: sotto_proto::Password::new(PASSWORD)?,
        take_over: true,
        peek: true,
        device: None,
    };
    let answer = person.logs_in_as(request).await;
    anyhow::ensure!(matches!(answer, Reply::LoggedIn { .. }), "{name} is not let in: {answer:?}");
    person.catches_up().await;
    let rooms: Vec<(ConvId, Seq)> = person.passed_over.iter().filter_map(room).collect();
    let mut history = BTreeMap::new();
    for (conv, _) in rooms {
        let mut page = Page::After(Seq::new(0)?);
        loop {
            let (messages, more) = person.looks_up(conv, page, PAGE).await;
            for Seen { conv, seq, from, text } in &messages {
                let cid = text.split(' ').next().unwrap_or_default();
                history.insert((*conv, *seq), (from.clone(), cid.parse()?));
            }
            match messages.last() {
                Some(last) if more => page = Page::After(Seq::new(last.seq)?),
                _ => break,
            }
        }
    }
    let epoch = person.epoch;
    person.leaves().await;
    Ok((history, epoch))
}

fn room(reply: &Reply) -> Option<(ConvId, Seq)> {
    match reply {
        Reply::Conversation { conv, head, .. } => Some((*conv, *head)),
        _ => None,
    }
}
