//! Passwords: which are good enough, and argon2id off the async threads with bounded concurrency.
//!
//! At most a few hashes run at once (each takes the memory that `--argon2` says), a bounded number wait, in turns by where they come
//! from, and the rest are told to come back.

mod hashers;
mod turns;

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use sotto_proto::Password;
use tracing::debug;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::limits::Limits;
use crate::store::PasswordHash;
use crate::throttle::Source;
use hashers::Hashers;

/// Passwords that guessers try first, at least 8 bytes long, lower case, sorted. The most frequent ones of
/// the list in zxcvbn (MIT), and some that are common in Chinese.
const COMMON: &str = include_str!("../common-passwords.txt");

/// The cost of argon2id: memory in KiB, passes, lanes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Argon2Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Default for Argon2Cost {
    /// 46 MiB, one pass, one lane: the first of OWASP's and ASVS's equivalent settings.
    fn default() -> Self {
        Self { memory_kib: 46 * 1024, passes: 1, lanes: 1 }
    }
}

impl FromStr for Argon2Cost {
    type Err = String;

    /// `m=KIB,t=PASSES,p=LANES`, at least as costly as m=19456,t=2,p=1.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut cost = Self::default();
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or("--argon2 looks like m=47104,t=1,p=1")?;
            let value = value.trim().parse().map_err(|_| format!("--argon2: {value:?} is not a number"))?;
            match name.trim() {
                "m" => cost.memory_kib = value,
                "t" => cost.passes = value,
                "p" => cost.lanes = value,
                other => return Err(format!("--argon2: there is no {other:?}; there are m, t and p")),
            }
        }
        let strength = u64::from(cost.memory_kib) * u64::from(cost.passes);
        if strength < 19 * 1024 * 2 || cost.memory_kib < 19 * 1024 {
            return Err("--argon2 is too weak: the least is m=19456,t=2,p=1".to_owned());
        }
        cost.params().map_err(|error| format!("--argon2: {error}"))?;
        Ok(cost)
    }
}

impl Argon2Cost {
    /// Next to nothing, which no setting can ask for.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn trifling() -> Self {
        Self { memory_kib: Params::MIN_M_COST, passes: 1, lanes: 1 }
    }

    fn params(self) -> Result<Params, argon2::Error> {
        Params::new(self.memory_kib, self.passes, self.lanes, None)
    }
}

/// Why a password was not hashed or checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HashError {
    /// Too many are waiting.
    Busy,
    /// Something is wrong with this machine or with a stored hash.
    Internal,
}

/// What a check of a password found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, and hashed with less than what is asked for now.
    RightButWeak,
}

/// Hashes and checks.
pub(crate) struct Passwords {
    hasher: Argon2<'static>,
    /// A hash of nothing anybody knows, with the cost in force: an unknown name costs what a known one does.
    dummy: PasswordHash,
    hashers: Hashers,
    min_bytes: usize,
}

impl Passwords {
    /// # Errors
    /// When this machine cannot hash at that cost.
    pub(crate) fn new(cost: Argon2Cost, limits: &Limits) -> Result<Self, String> {
        let params = cost.params().map_err(|error| error.to_string())?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let secret = getrandom::u64().map_err(|error| error.to_string())?.to_be_bytes();
        let dummy = hash(&hasher, &secret)
            .map_err(|_| "argon2 does not work here: is there enough memory for --argon2?")?;
        // In this crate's own tests and in a simulation here and now: a thread is done when it is done, and a simulated schedule could not be repeated.
        let threads = if cfg!(any(test, feature = "sim")) { 0 } else { limits.password_hashes() };
        let hashers = Hashers::start(threads, limits.password_queue())
            .map_err(|error| format!("cannot start the threads that hash passwords: {error}"))?;
        Ok(Self { hasher, dummy, hashers, min_bytes: limits.password_bytes() })
    }

    /// Whether somebody may choose this password; the refusal is a sentence.
    pub(crate) fn acceptable(&self, password: &Password) -> Result<(), String> {
        let normal = normalize(password);
        if normal.len() < self.min_bytes {
            return Err(format!("That password is too short: it needs at least {} bytes.", self.min_bytes));
        }
        if is_common(&normal) {
            return Err("That password is one that guessers try first. Choose another.".to_owned());
        }
        Ok(())
    }

    pub(crate) async fn hash(&self, password: &Password, from: Source) -> Result<PasswordHash, HashError> {
        let (hasher, normal) = (self.hasher.clone(), normalize(password));
        self.compute(from, move || hash(&hasher, normal.as_bytes())).await
    }

    /// Compares with `stored`, or with the dummy, at equal cost, when there is no such account.
    pub(crate) async fn verify(
        &self,
        (password, from): (&Password, Source),
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let (hasher, normal) = (self.hasher.clone(), normalize(password));
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.dummy).clone();
        let verdict = self.compute(from, move || verify(&hasher, normal.as_bytes(), &stored)).await?;
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    /// Whether a password from there could be looked at before long. [`HashError::Busy`] without it costs a look at the store.
    pub(crate) fn have_a_place(&self, from: Source) -> bool {
        self.hashers.have_a_place(from)
    }

    async fn compute<T: Send + 'static>(
        &self,
        from: Source,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let counted = move || {
            // One line each: what a restart costs can be counted.
            debug!("a password hash is computed");
            work()
        };
        self.hashers.run(from, counted).await
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("hasher", &self.hasher).finish_non_exhaustive()
    }
}

fn normalize(password: &Password) -> Zeroizing<String> {
    Zeroizing::new(password.reveal().nfc().collect())
}

fn is_common(normal: &str) -> bool {
    let lower = normal.to_lowercase();
    COMMON.lines().any(|common| common == lower)
}

fn hash(hasher: &Argon2<'_>, password: &[u8]) -> Result<PasswordHash, HashError> {
    let phc = hasher.hash_password(password).map_err(|_| HashError::Internal)?;
    Ok(PasswordHash(phc.to_string()))
}

fn verify(policy: &Argon2<'_>, password: &[u8], stored: &PasswordHash) -> Result<Verdict, HashError> {
    let phc = Phc::new(&stored.0).map_err(|_| HashError::Internal)?;
    let params = Params::try_from(&phc).map_err(|_| HashError::Internal)?;
    match policy.verify_password(password, &phc) {
        Ok(()) if weaker(&params, policy.params()) => Ok(Verdict::RightButWeak),
        Ok(()) => Ok(Verdict::Right),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(_) => Err(HashError::Internal),
    }
}

fn weaker(stored: &Params, policy: &Params) -> bool {
    let work = |params: &Params| u64::from(params.m_cost()) * u64::from(params.t_cost());
    work(stored) < work(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(cost: &str) -> Passwords {
        Passwords::new(cost.parse().unwrap(), &Limits::default()).unwrap()
    }

    fn typed(text: &str) -> Password {
        Password::new(text).unwrap()
    }

    const LEAST: &str = "m=19456,t=2,p=1";
    const HERE: Source = Source::V4(1);

    #[tokio::test]
    async fn a_password_is_right_in_every_composition_and_nothing_else_is() {
        let passwords = passwords(LEAST);
        let stored = passwords.hash(&typed("zoë ist da"), HERE).await.unwrap();
        assert!(stored.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let verdict = async |text| passwords.verify((&typed(text), HERE), Some(&stored)).await;
        assert_eq!(verdict("zoe\u{308} ist da").await, Ok(Verdict::Right));
        assert_eq!(verdict("zoë ist nicht da").await, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn a_hash_below_the_policy_is_right_but_weak() {
        let stored = passwords(LEAST).hash(&typed("correct horse"), HERE).await.unwrap();
        let stronger = passwords("m=24576,t=2,p=1");
        let verdict = stronger.verify((&typed("correct horse"), HERE), Some(&stored)).await;
        assert_eq!(verdict, Ok(Verdict::RightButWeak));
    }

    #[tokio::test]
    async fn nobody_s_password_is_always_wrong() {
        assert_eq!(passwords(LEAST).verify((&typed("x"), HERE), None).await, Ok(Verdict::Wrong));
    }

    #[test]
    fn short_and_common_passwords_cannot_be_chosen() {
        let passwords = passwords(LEAST);
        for poor in ["short", "password", "PassWord1", "12345678", "woaini1314"] {
            assert!(passwords.acceptable(&typed(poor)).is_err(), "{poor}");
        }
        for good in ["correct horse battery", "密码是什么呢"] {
            assert!(passwords.acceptable(&typed(good)).is_ok(), "{good}");
        }
    }

    #[test]
    fn costs_below_the_floor_are_refused() {
        for weak in ["m=19455,t=2,p=1", "m=19456,t=1,p=1", "m=8,t=99999,p=1", "m=x", "q=1", ""] {
            assert!(weak.parse::<Argon2Cost>().is_err(), "{weak}");
        }
        assert!("m=47104,t=1,p=1".parse::<Argon2Cost>().is_ok());
    }

    #[test]
    fn the_list_of_common_passwords_is_in_good_order() {
        assert!(COMMON.lines().count() > 3000);
        assert!(COMMON.lines().all(|line| line.len() >= 8 && line == line.to_lowercase()));
    }
}
