//! A client that talks, and notes in a log of its own what it sends, what is acknowledged and what it gets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use sotto_client::{Account, Client, Command, Dial, Options, Patience, Problem, Trouble, Update, fresh_cid};
use sotto_judge::{Event, Log, Place, Random};
use sotto_proto::{Audience, Cid, ConvId, Epoch, Message, MessageText, Page, Password, Seq, Username};
use sotto_tests::PASSWORD;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// What the last message of somebody says after its cid.
const LAST_WORDS: &str = "that is all";
/// Milliseconds after which a lost connection is tried again: most tests have no second to lose.
pub(crate) const IMPATIENCE: u64 = 40;
/// Messages of history that are asked for at once.
const PAGE: u16 = 200;

/// What everybody is to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// Talk.
    Talk,
    /// Say nothing new; leave when everybody has everything.
    Settle,
}

/// What scribes have done together; who waits for more is woken.
#[derive(Debug, Default)]
pub(crate) struct Board {
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
    logged_in: AtomicUsize,
    resumed: AtomicUsize,
    began_anew: AtomicUsize,
    told_to_come_back: AtomicUsize,
    changed: Notify,
}

impl Board {
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::SeqCst)
    }

    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    pub(crate) fn logged_in(&self) -> usize {
        self.logged_in.load(Ordering::SeqCst)
    }

    /// Log-ins without the password, of all there were.
    pub(crate) fn resumed(&self) -> usize {
        self.resumed.load(Ordering::SeqCst)
    }

    /// How often somebody found another history than the one before.
    pub(crate) fn began_anew(&self) -> usize {
        self.began_anew.load(Ordering::SeqCst)
    }

    /// How many were told that the server ends the connection.
    pub(crate) fn told_to_come_back(&self) -> usize {
        self.told_to_come_back.load(Ordering::SeqCst)
    }

    fn count(&self, what: &AtomicUsize) {
        what.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Waits until this is so, but not for ever.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                if is_so(self) {
                    return;
                }
                changed.await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        waited.with_context(|| format!("nothing more happens: waited a minute for {what}"))
    }
}

/// Who talks, to whom, and how much.
#[derive(Args, Clone, Debug)]
pub(crate) struct Role {
    #[arg(long)]
    pub(crate) name: String,
    /// Everybody else who talks.
    #[arg(long, value_delimiter = ',')]
    pub(crate) others: Vec<String>,
    /// At most this many messages, the last one not counted.
    #[arg(long)]
    pub(crate) messages: usize,
    /// At most this many on their way.
    #[arg(long)]
    pub(crate) in_flight: usize,
    /// Milliseconds between two messages; 0: as fast as they are acknowledged.
    #[arg(long, default_value_t = 0)]
    pub(crate) pause: u64,
    /// Bytes that each message has besides its cid.
    #[arg(long, default_value_t = 3)]
    pub(crate) bytes: usize,
    /// Milliseconds after which a lost connection is tried again; unsaid: when a client for people does.
    #[arg(long)]
    pub(crate) impatience: Option<u64>,
    #[arg(long)]
    pub(crate) log: PathBuf,
    #[arg(long)]
    pub(crate) seed: u64,
}

/// Plays a role to its end: until everybody has said their last words and this client has everything before them.
pub(crate) async fn play(
    role: Role,
    dial: Dial,
    (board, mut phase): (Arc<Board>, watch::Receiver<Phase>),
) -> anyhow::Result<()> {
    let mut scribe = Scribe::start(role, dial, board)?;
    loop {
        let settling = *phase.borrow_and_update() == Phase::Settle;
        if !settling {
            scribe.talk().await?;
        } else if scribe.pending.is_empty() && !scribe.said_last_words {
            scribe.say(Vec::new(), LAST_WORDS).await?;
            scribe.said_last_words = true;
        }
        scribe.look_up_holes().await;
        scribe.look_up_heads().await;
        tokio::select! {
            update = scribe.client.update() => {
                if scribe.hears(update.context("the client has ended")?)? {
                    return Ok(());
                }
            }
            () = tokio::time::sleep_until(scribe.next), if !settling && scribe.waits() => {}
            changed = phase.changed(), if !settling => changed.context("nobody says what to do")?,
        }
        if scribe.has_all() {
            scribe.client.send(Command::LogOut).await;
        }
    }
}

struct Scribe {
    role: Role,
    client: Client,
    log: Log,
    board: Arc<Board>,
    random: Random,
    pending: HashMap<Cid, Vec<String>>,
    said: usize,
    /// When it may say something again.
    next: Instant,
    said_last_words: bool,
    /// Which history it is in.
    epoch: Option<Epoch>,
    /// Whose last words have come.
    silent: BTreeSet<String>,
    /// The last seq of each conversation that has come or was acknowledged.
    at: BTreeMap<ConvId, u64>,
    /// What history says the last one is, asked once everybody has gone silent.
    heads: BTreeMap<ConvId, Option<u64>>,
    /// What it was told to look up, and has not yet: from where up to where.
    holes: Vec<(ConvId, u64, u64)>,
    /// The last of these is being looked up.
    looking_up: bool,
    leaving: bool,
}

impl Scribe {
    fn start(role: Role, dial: Dial, board: Arc<Board>) -> anyhow::Result<Self> {
        let account = Account {
            user: role.name.parse()?,
            proof: Password::new(PASSWORD)?.into(),
            take_over: true,
            peek: false,
        };
        let mut log = Log::append_to(&role.log)?;
        log.note(&Event::Starts)?;
        let options = Options { dial, account, patience: Patience::Always, memory: None, device: None };
        Ok(Self {
            random: Random::new(role.seed),
            client: Client::start(options, || {}),
            role,
            log,
            board,
            pending: HashMap::new(),
            said: 0,
            next: Instant::now(),
            said_last_words: false,
            epoch: None,
            silent: BTreeSet::new(),
            at: BTreeMap::new(),
            heads: BTreeMap::new(),
            holes: Vec::new(),
            looking_up: false,
            leaving: false,
        })
    }

    /// Whether it could say more, if it were not too early.
    fn waits(&self) -> bool {
        self.pending.len() < self.role.in_flight && self.said < self.role.messages
    }

    /// Says as much as may be on its way: most of it to everyone, some to a few, some to one.
    async fn talk(&mut self) -> anyhow::Result<()> {
        while self.waits() && Instant::now() >= self.next {
            self.said += 1;
            self.next = Instant::now() + Duration::from_millis(self.role.pause);
            let some = match self.random.index(10) {
                0 => 1,
                1 | 2 => 3,
                _ => 0,
            };
            let start = self.random.index(self.role.others.len());
            let to = self.role.others.iter().cycle().skip(start).take(some).cloned().collect();
            self.say(to, &".".repeat(self.role.bytes)).await?;
        }
        Ok(())
    }

    async fn say(&mut self, to: Vec<String>, words: &str) -> anyhow::Result<()> {
        let cid = fresh_cid().map_err(anyhow::Error::msg)?;
        let audience = match to.as_slice() {
            [] => Audience::Everyone,
            names => {
                let names: Result<Vec<Username>, _> = names.iter().map(|name| name.parse()).collect();
                Audience::set(names?)?
            }
        };
        self.log.note(&Event::Sends(cid, to.clone()))?;
        self.pending.insert(cid, to);
        let text = MessageText::new(&format!("{cid} {words}"))?;
        self.client.send(Command::Send { cid, to: audience, text }).await;
        Ok(())
    }

    /// Takes in what the client tells. True: it has left.
    fn hears(&mut self, update: Update) -> anyhow::Result<bool> {
        match update {
            Update::LoggedIn { epoch, resumed, .. } => self.is_in(epoch, resumed)?,
            Update::StartOver(conv) => {
                self.log.note(&Event::StartsOver(conv))?;
                self.at.clear();
                self.holes.retain(|(of, ..)| conv.is_some_and(|conv| conv != *of));
            }
            Update::Message(message) => self.gets(&message)?,
            Update::Sent { cid, conv, seq, .. } => {
                self.log.note(&Event::Acknowledged(cid, (conv, seq.get())))?;
                self.pending.remove(&cid);
                self.reaches((conv, seq.get()));
                self.board.count(&self.board.acknowledged);
            }
            Update::NotSent { cid, .. } => {
                self.log.note(&Event::Refused(cid))?;
                self.pending.remove(&cid);
                // What was refused may have been the last words.
                self.said_last_words = false;
                self.board.count(&self.board.refused);
            }
            Update::History { messages, .. } if self.looking_up => self.reads(&messages)?,
            Update::History { conv, messages, .. } => {
                let head = messages.last().map_or(0, |message| message.seq.get());
                self.heads.insert(conv, Some(head));
            }
            Update::Reconnecting { wait, why } => self.comes_back(wait, &why),
            Update::Ended(Problem::LoggedOut) => return Ok(true),
            Update::Ended(problem) => anyhow::bail!("{} was let go: {problem:?}", self.role.name),
            Update::Hole { conv, from, to } => {
                self.log.note(&Event::Hole(conv, from.get(), to.get()))?;
                self.reaches((conv, to.get()));
                self.holes.push((conv, from.get(), to.get()));
            }
            _ => {}
        }
        Ok(false)
    }

    fn is_in(&mut self, epoch: Epoch, resumed: bool) -> anyhow::Result<()> {
        self.log.note(&Event::In(epoch))?;
        if self.epoch.replace(epoch).is_some_and(|before| before != epoch) {
            self.board.count(&self.board.began_anew);
        }
        self.heads.clear();
        self.looking_up = false;
        if resumed {
            self.board.count(&self.board.resumed);
        }
        self.board.count(&self.board.logged_in);
        Ok(())
    }

    fn comes_back(&self, wait: Duration, why: &Trouble) {
        if matches!(why, Trouble::Goodbye(_)) {
            self.board.count(&self.board.told_to_come_back);
        }
        let Some(impatience) = self.role.impatience else { return };
        let commands = self.client.commands();
        tokio::spawn(async move {
            tokio::time::sleep(wait.min(Duration::from_millis(impatience))).await;
            let _ = commands.send(Command::TryNow).await;
        });
    }

    fn gets(&mut self, message: &Message) -> anyhow::Result<()> {
        let (place, from, cid) = self.takes(message)?;
        self.log.note(&Event::Gets(place, from, cid))?;
        self.reaches(place);
        Ok(())
    }

    /// Takes in a page of what a hole left out.
    fn reads(&mut self, messages: &[Message]) -> anyhow::Result<()> {
        self.looking_up = false;
        let Some((conv, _, to)) = self.holes.pop() else { return Ok(()) };
        for message in messages.iter().filter(|message| message.seq.get() <= to) {
            let (place, from, cid) = self.takes(message)?;
            self.log.note(&Event::LooksUp(place, from, cid))?;
        }
        // Nothing at all would be a gap, and is left to the checker.
        if let Some(last) = messages.last().map(|last| last.seq.get()).filter(|last| *last < to) {
            self.holes.push((conv, last + 1, to));
        }
        Ok(())
    }

    /// Where a message is, whose it is, and its cid.
    fn takes(&mut self, message: &Message) -> anyhow::Result<(Place, String, Cid)> {
        let (cid, words) = message.text.as_str().split_once(' ').context("a message without a cid")?;
        let from = message.from.to_string();
        if words == LAST_WORDS {
            self.silent.insert(from.clone());
        }
        Ok(((message.conv, message.seq.get()), from, cid.parse()?))
    }

    fn reaches(&mut self, (conv, seq): (ConvId, u64)) {
        let at = self.at.entry(conv).or_default();
        *at = seq.max(*at);
    }

    /// Whether everybody has said all they will.
    fn all_are_silent(&self) -> bool {
        let others = self.role.others.iter().all(|name| self.silent.contains(name));
        others && self.said_last_words && self.pending.is_empty()
    }

    /// Once it has said all it will: what was left out? Somebody's last words may be there.
    async fn look_up_holes(&mut self) {
        let may = self.said_last_words && self.pending.is_empty() && !self.looking_up;
        if let Some((conv, from, _)) = self.holes.last().filter(|_| may) {
            let page = Page::After(Seq::new(from - 1).unwrap_or_default());
            self.looking_up = true;
            self.client.send(Command::History { conv: *conv, page, limit: PAGE }).await;
        }
    }

    /// Once all are silent, and there is no hole any more: what is the last message of each conversation?
    async fn look_up_heads(&mut self) {
        if !self.all_are_silent() || !self.holes.is_empty() {
            return;
        }
        let unasked: Vec<_> = self.at.keys().filter(|conv| !self.heads.contains_key(conv)).copied().collect();
        for conv in unasked {
            self.heads.insert(conv, None);
            self.client.send(Command::History { conv, page: Page::Latest, limit: 1 }).await;
        }
    }

    /// Whether everything has come; asked once.
    fn has_all(&mut self) -> bool {
        let reached =
            |(conv, at): (&ConvId, &u64)| matches!(self.heads.get(conv), Some(Some(head)) if head <= at);
        let all =
            !self.leaving && self.all_are_silent() && self.holes.is_empty() && self.at.iter().all(reached);
        self.leaving |= all;
        all
    }
}
