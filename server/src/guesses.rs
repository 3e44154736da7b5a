//! Wrong passwords in a row, for whoever they are counted for: after a few, the next has to wait, and each time twice as long; after a
//! hundred, until all is forgotten. A table of fixed size, so that nobody can make it grow.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first wait; the next ones are twice as long, up to a limit.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// So long after the last wait, all is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);
/// 65,536 cells of 32 bytes. Each key has a set of four to be in, which nobody can choose: the hash has a secret.
const SETS: u64 = 16_384;
const WAYS: usize = 4;

pub(crate) struct Guesses {
    cells: Mutex<Vec<[Cell; WAYS]>>,
    secret: RandomState,
    longest_wait: Duration,
    most: u32,
}

/// Of whom guesses are counted: a hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Key(u64);

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    key: u64,
    in_a_row: u32,
    /// When the next guess may be made; `None`: the cell is empty.
    next: Option<Instant>,
}

impl Guesses {
    /// At most so long is a wait between two guesses, and so many there may be in a row.
    pub(crate) fn new(longest_wait: Duration, most: u32) -> Self {
        let cells = Mutex::new((0..SETS).map(|_| [Cell::default(); WAYS]).collect());
        Self { cells, secret: RandomState::new(), longest_wait, most }
    }

    pub(crate) fn key(&self, of: impl Hash) -> Key {
        Key(self.secret.hash_one(of))
    }

    /// Counts a guess before it is known whether it is wrong, so that many at once are many; or says how long to wait first. The
    /// first `free` in a row need not.
    pub(crate) fn take(&self, key: Key, free: u32, now: Instant) -> Result<(), Duration> {
        let taken = self.with(key, now, |cell| match cell.next {
            // NIST SP 800-63B-4, 3.2.2: no more than a hundred.
            Some(next) if cell.in_a_row >= self.most => Err(next + FORGOTTEN_AFTER - now),
            Some(next) if cell.in_a_row >= free && next > now => Err(next - now),
            _ => {
                cell.in_a_row = cell.in_a_row.saturating_add(1);
                let wait = cell.in_a_row.checked_sub(free).map_or(Duration::ZERO, |n| self.wait(n));
                cell.next = Some(now + wait);
                Ok(())
            }
        });
        taken.unwrap_or(Ok(()))
    }

    /// It was right: what was wrong before was a slip.
    pub(crate) fn forgive(&self, key: Key, now: Instant) {
        self.with(key, now, |cell| *cell = Cell::default());
    }

    /// It was not looked at.
    pub(crate) fn give_back(&self, key: Key, now: Instant) {
        self.with(key, now, |cell| {
            cell.in_a_row = cell.in_a_row.saturating_sub(1);
            cell.next = Some(now);
        });
    }

    fn wait(&self, doubled: u32) -> Duration {
        FIRST_WAIT.saturating_mul(2_u32.saturating_pow(doubled)).min(self.longest_wait)
    }

    /// A key that is new takes the place of whichever has guessed least, or longest ago: to be forgotten by this, an account under
    /// attack would have to be among those that are attacked least.
    fn with<T>(&self, key: Key, now: Instant, change: impl FnOnce(&mut Cell) -> T) -> Option<T> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let set = cells.get_mut(usize::try_from(key.0 % SETS).unwrap_or(0))?;
        for cell in set.iter_mut().filter(|cell| cell.next.is_some_and(|next| next + FORGOTTEN_AFTER <= now))
        {
            *cell = Cell::default();
        }
        let is_own = |cell: &Cell| cell.next.is_some() && cell.key == key.0;
        // The key's own comes first, then the emptiest.
        set.sort_unstable_by_key(|cell| (!is_own(cell), cell.in_a_row, cell.next));
        let cell = set.first_mut()?;
        if !is_own(cell) {
            *cell = Cell { key: key.0, ..Cell::default() };
        }
        Some(change(cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER: Duration = Duration::from_secs(900);

    fn seconds(guesses: &Guesses, key: Key, now: Instant) -> u64 {
        guesses.take(key, 5, now).map_or_else(|wait| wait.as_secs(), |()| 0)
    }

    #[test]
    fn after_five_in_a_row_waits_double_up_to_a_quarter_of_an_hour() {
        let guesses = Guesses::new(QUARTER, 100);
        let key = guesses.key("ann");
        let mut now = Instant::now();
        assert_eq!([(); 5].map(|()| seconds(&guesses, key, now)), [0; 5]);
        let waits = [(); 9].map(|()| {
            let wait = seconds(&guesses, key, now);
            now += Duration::from_secs(wait);
            assert_eq!(seconds(&guesses, key, now), 0);
            wait
        });
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 900, 900]);
    }

    #[test]
    fn after_a_hundred_in_a_row_nothing_is_looked_at_until_a_day_has_passed() {
        let guesses = Guesses::new(QUARTER, 100);
        let (key, mut now) = (guesses.key("ann"), Instant::now());
        let mut evaluated = 0;
        let barred = loop {
            match guesses.take(key, 5, now) {
                Ok(()) => evaluated += 1,
                Err(wait) if wait > QUARTER => break wait,
                Err(wait) => now += wait,
            }
        };
        assert_eq!((evaluated, barred), (100, QUARTER + FORGOTTEN_AFTER));
        let almost = now + barred - Duration::from_secs(1);
        assert_eq!(guesses.take(key, 5, almost), Err(Duration::from_secs(1)), "asking makes it no longer");
        assert_eq!(guesses.take(guesses.key("bob"), 5, now), Ok(()));
        assert_eq!(guesses.take(key, 5, now + barred), Ok(()));
    }

    #[test]
    fn an_hour_of_guessing_is_less_than_sixty_guesses() {
        let guesses = Guesses::new(QUARTER, 100);
        let (key, began) = (guesses.key("ann"), Instant::now());
        let at = |fifth: u64| began + Duration::from_millis(200) * u32::try_from(fifth).unwrap();
        let evaluated = (0..5 * 3600).filter(|fifth| guesses.take(key, 5, at(*fifth)).is_ok()).count();
        assert!(evaluated < 20, "{evaluated}");
    }

    #[test]
    fn a_right_password_forgives_and_what_was_not_looked_at_does_not_count() {
        let guesses = Guesses::new(QUARTER, 100);
        let (ann, now) = (guesses.key("ann"), Instant::now());
        for _ in 0..4 {
            assert_eq!(guesses.take(ann, 1, now), Ok(()));
            guesses.give_back(ann, now);
        }
        assert_eq!(guesses.take(ann, 1, now), Ok(()));
        assert_eq!(guesses.take(ann, 1, now), Err(FIRST_WAIT));
        guesses.forgive(ann, now);
        assert_eq!(guesses.take(ann, 1, now), Ok(()));
        assert_eq!(guesses.take(guesses.key("bob"), 1, now), Ok(()));
    }

    #[test]
    fn a_flood_of_names_does_not_make_the_attacked_one_forgotten_and_a_day_does() {
        let guesses = Guesses::new(QUARTER, 100);
        let (ann, now) = (guesses.key("ann"), Instant::now());
        for _ in 0..5 {
            assert_eq!(guesses.take(ann, 5, now), Ok(()));
        }
        for name in 0..1_000_000 {
            assert_eq!(guesses.take(guesses.key(name), 5, now), Ok(()));
        }
        assert_eq!(guesses.take(ann, 5, now), Err(FIRST_WAIT));
        let tomorrow = now + FIRST_WAIT + FORGOTTEN_AFTER;
        assert_eq!([(); 5].map(|()| guesses.take(ann, 5, tomorrow)), [Ok(()); 5]);
    }
}
