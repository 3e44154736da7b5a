//! Who may try a password. Whoever shows a device that the account has been used on before is counted by that alone; everybody else
//! both by where they come from and by the account they try, whether there is one of that name or not.

mod sources;

use std::time::Duration;

use sotto_proto::{Reason, Refusal, Token, Username};
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use crate::devices::Devices;
use crate::guesses::{Guesses, Key};
use crate::limits::Limits;
use crate::throttle::Source;
use sources::{Look, Not, Sources};

pub(crate) struct Guard {
    pub(crate) devices: Devices,
    sources: Sources,
    guesses: Guesses,
    per_account: u32,
    per_device: u32,
}

/// A password that may be looked at. It counts as wrong unless something else is said of it before it is dropped.
pub(crate) struct Attempt {
    counted: Key,
    look: Option<Look>,
    /// It comes from a device that is known.
    pub(crate) known: bool,
}

impl Guard {
    pub(crate) fn new(devices: Devices, limits: &Limits) -> Self {
        Self {
            devices,
            sources: Sources::new(limits.logins_per_source()),
            guesses: Guesses::new(limits.longest_login_wait(), limits.guesses_in_a_row()),
            per_account: limits.logins_per_account(),
            per_device: limits.logins_per_device(),
        }
    }

    /// Waits while it may turn out that others from there are right.
    ///
    /// # Errors
    /// What somebody is told who has to wait for longer.
    pub(crate) async fn begin(
        &self,
        who: (&Username, Option<&Token>),
        from: Source,
    ) -> Result<Attempt, Refusal> {
        loop {
            match self.try_begin(who, from, Instant::now()) {
                Ok(attempt) => return Ok(attempt),
                Err(Held::Told(refusal)) => return Err(refusal),
                Err(Held::Until(known)) => known.await,
            }
        }
    }

    fn try_begin(
        &self,
        (user, device): (&Username, Option<&Token>),
        from: Source,
        now: Instant,
    ) -> Result<Attempt, Held> {
        let device = device.and_then(|shown| self.devices.known(user, shown));
        let counted = self.guesses.key((user.key(), device));
        if device.is_some() {
            let taken = self.guesses.take(counted, self.per_device, now);
            taken.map_err(|wait| Held::Told(from_this_device(wait)))?;
            return Ok(Attempt { counted, look: None, known: true });
        }
        let look = self.sources.take(from, now)?;
        if let Err(wait) = self.guesses.take(counted, self.per_account, now) {
            self.sources.give_back(&look);
            return Err(Held::Told(for_this_account(wait)));
        }
        Ok(Attempt { counted, look: Some(look), known: false })
    }

    /// Somebody who is logged in shows the old password, for another one: at a desk that was left, that may be anybody.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub(crate) fn begin_change(&self, user: &Username, now: Instant) -> Result<Attempt, Refusal> {
        let counted = self.guesses.key((user.key(), "change"));
        self.guesses.take(counted, self.per_account, now).map_err(from_this_device)?;
        Ok(Attempt { counted, look: None, known: true })
    }

    /// It was the right one.
    pub(crate) fn right(&self, attempt: Attempt, now: Instant) {
        self.guesses.forgive(attempt.counted, now);
        self.does_not_count(attempt);
    }

    /// It could not be looked at.
    pub(crate) fn not_made(&self, attempt: Attempt, now: Instant) {
        self.guesses.give_back(attempt.counted, now);
        self.does_not_count(attempt);
    }

    fn does_not_count(&self, attempt: Attempt) {
        attempt.look.iter().for_each(|look| self.sources.give_back(look));
    }
}

/// Why a password is not looked at now.
#[derive(Debug)]
enum Held {
    Told(Refusal),
    Until(OwnedNotified),
}

impl From<Not> for Held {
    fn from(not: Not) -> Self {
        match not {
            Not::Yet(known) => Self::Until(known),
            Not::For(wait) => Self::Told(from_your_address(wait)),
        }
    }
}

fn throttled(sentence: &str, wait: Duration) -> Refusal {
    Refusal::new(Reason::Throttled, sentence).retry(wait)
}

fn from_this_device(wait: Duration) -> Refusal {
    throttled("Too many wrong passwords.", wait)
}

fn from_your_address(wait: Duration) -> Refusal {
    throttled("Too many wrong passwords from your address.", wait)
}

fn for_this_account(wait: Duration) -> Refusal {
    throttled(
        "Too many wrong passwords for that name. A device that was logged in to it before need not wait.",
        wait,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Post {
        guard: Guard,
        now: Instant,
        _dir: tempfile::TempDir,
    }

    impl Post {
        fn new(limits: &[&str]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let mut all = Limits::default();
            limits.iter().for_each(|limit| all.set(limit).unwrap());
            let guard = Guard::new(Devices::in_dir(dir.path()).unwrap(), &all);
            Self { guard, now: Instant::now(), _dir: dir }
        }

        fn tries(&self, name: &str, host: u32, device: Option<&Token>) -> Result<Attempt, Held> {
            self.guard.try_begin((&name.parse().unwrap(), device), Source::V4(host), self.now)
        }

        /// As a client does, from where all of these tests' clients come.
        async fn asks(&self, name: &str) -> Result<Attempt, Refusal> {
            self.guard.begin((&name.parse().unwrap(), None), Source::V4(1)).await
        }
    }

    #[test]
    fn a_thousand_addresses_are_one_guesser_and_the_owner_s_device_is_another() {
        let post = Post::new(&[]);
        let device = post.guard.devices.issue(&"ann".parse().unwrap(), [1; 16]);
        let evaluated = (0..1000).filter(|host| post.tries("ann", *host, None).is_ok()).count();
        assert_eq!(evaluated, 5);
        for _ in 0..200 {
            let attempt = post.tries("ann", 1, Some(&device)).unwrap();
            post.guard.right(attempt, post.now);
        }
        assert!(post.tries("ann", 2000, None).is_err(), "the owner's log-in gives nobody else a guess");
    }

    #[test]
    fn a_device_has_guesses_of_its_own_and_no_more() {
        let post = Post::new(&["logins-per-device=2"]);
        let device = post.guard.devices.issue(&"ann".parse().unwrap(), [1; 16]);
        let tries = |device| post.tries("ann", 1, device).is_ok();
        assert_eq!([(); 3].map(|()| tries(Some(&device))), [true, true, false]);
        assert!(tries(None) && post.tries("bob", 1, Some(&device)).is_ok());
    }

    #[test]
    fn one_address_has_so_many_guesses_for_all_accounts() {
        let post = Post::new(&["logins-per-source=3"]);
        let tries = |name| post.tries(name, 1, None).map(|attempt| post.guard.not_made(attempt, post.now));
        assert!(["a", "b", "c", "d"].iter().all(|name| tries(name).is_ok()));
        let guesses = ["a", "b", "c", "d"].map(|name| post.tries(name, 1, None).is_ok());
        assert_eq!(guesses, [true, true, true, false]);
    }

    #[tokio::test]
    async fn who_comes_beyond_what_may_be_wrong_waits_for_the_others_and_is_let_in_when_they_are_right() {
        let post = Post::new(&["logins-per-source=2"]);
        let [ann, bob] = [post.asks("ann").await.unwrap(), post.asks("bob").await.unwrap()];
        let (eve, joe) = (post.asks("eve"), post.asks("joe"));
        tokio::pin!(eve, joe);
        assert!(is_waiting(&mut eve).await && is_waiting(&mut joe).await);
        post.guard.right(ann, post.now);
        let eve = eve.await.unwrap();
        assert!(is_waiting(&mut joe).await, "bob may be wrong, and so may eve");
        post.guard.not_made(bob, post.now);
        let joe = joe.await.unwrap();
        [eve, joe].into_iter().for_each(|attempt| post.guard.right(attempt, post.now));
        assert!(post.asks("ann").await.is_ok());
    }

    #[tokio::test]
    async fn who_waits_for_others_that_are_wrong_is_told_how_long_it_takes() {
        let post = Post::new(&["logins-per-source=2"]);
        let [ann, bob] = [post.asks("ann").await.unwrap(), post.asks("bob").await.unwrap()];
        let eve = post.asks("eve");
        tokio::pin!(eve);
        assert!(is_waiting(&mut eve).await);
        drop(ann);
        assert!(is_waiting(&mut eve).await);
        drop(bob);
        assert_eq!(eve.await.map(drop).unwrap_err().reason, Reason::Throttled);
    }

    #[tokio::test]
    async fn where_nothing_is_looked_at_nobody_is_kept_waiting() {
        let post = Post::new(&["logins-per-source=1", "logins-per-account=1"]);
        let ann = post.asks("ann").await.unwrap();
        post.guard.not_made(ann, post.now);
        drop(post.asks("ann").await.unwrap());
        assert_eq!(post.asks("bob").await.map(drop).unwrap_err().reason, Reason::Throttled);
    }

    async fn is_waiting<T>(future: impl Future<Output = T>) -> bool {
        tokio::time::timeout(Duration::ZERO, future).await.is_err()
    }
}
