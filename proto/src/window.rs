//! How far content of a file may come before what came has been written: enough to keep a fast network busy, and no more than a
//! slow one carries in a moment, so that what is said beside it does not wait behind it.

use std::time::Duration;

/// The smallest window, the first one, and the largest, in bytes.
const LEAST: u64 = 120 * 1024;
const FIRST: u64 = 240 * 1024;
const MOST: u64 = 480 * 1024;
/// A window that was taken in less than this grows; one that took more than the second shrinks.
const FAST: Duration = Duration::from_millis(15);
const SLOW: Duration = Duration::from_millis(60);

/// The window of one transfer, at the side that writes. `T` is a moment: there is no clock here.
#[derive(Clone, Copy, Debug)]
pub struct Window<T> {
    size: u64,
    /// Where the present measurement began, and when.
    mark: Option<(u64, T)>,
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self { size: FIRST, mark: None }
    }
}

impl<T: Copy + std::ops::Sub<T, Output = Duration>> Window<T> {
    /// How far content may come, from what has been written on, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Everything up to `off` has been written at `now`.
    pub fn wrote(&mut self, off: u64, now: T) {
        match self.mark {
            Some((from, since)) if off >= from => {
                if off - from < self.size {
                    return;
                }
                let took = now - since;
                if took < FAST {
                    self.size = (self.size * 2).min(MOST);
                } else if took > SLOW {
                    self.size = (self.size / 2).max(LEAST);
                }
                self.mark = Some((off, now));
            }
            _ => self.mark = Some((off, now)),
        }
    }

    /// Whether it is time to let more come: half of what may come has been written, or the rest is in sight.
    #[must_use]
    pub fn is_due(&self, off: u64, upto: u64) -> bool {
        upto.saturating_sub(off) <= self.size / 2
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_window_is_what_moves_in_a_moment_within_bounds() {
        let begin = Instant::now();
        let after = |steps: &[(u64, u64)]| {
            let mut window = Window::default();
            let (mut off, mut now) = (0, begin);
            window.wrote(off, now);
            for (times, millis) in steps {
                for _ in 0..*times {
                    off += window.size();
                    now += Duration::from_millis(*millis);
                    window.wrote(off, now);
                }
            }
            window.size() / 1024
        };
        assert_eq!(after(&[]), 240);
        assert_eq!(after(&[(1, 100)]), 120);
        assert_eq!(after(&[(9, 5)]), 480);
        assert_eq!(after(&[(9, 5), (1, 30)]), 480, "as it should be");
        assert_eq!(after(&[(9, 5), (9, 100)]), 120);
    }
}
