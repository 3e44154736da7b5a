//! Sizes, speeds and times for people.

use sotto_client::Transfer;

use crate::look::Look;
use crate::strings::Key;

/// A speed is what has moved in this long, in milliseconds, and a part of what it was.
const WINDOW: u64 = 700;

/// `1.2 MB`; powers of 1,024.
pub(crate) fn size(bytes: u64) -> String {
    let mut unit = 1_u64;
    for name in ["B", "KB", "MB", "GB"] {
        let tenths = bytes.saturating_mul(10).saturating_add(unit / 2) / unit;
        if tenths < 10 * 1024 {
            let (whole, tenth) = (tenths / 10, tenths % 10);
            return if name == "B" || whole >= 100 {
                format!("{whole} {name}")
            } else {
                format!("{whole}.{tenth} {name}")
            };
        }
        unit *= 1024;
    }
    let tenths = bytes / (unit / 10);
    format!("{}.{} TB", tenths / 10, tenths % 10)
}

/// How fast a transfer has been lately.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    since: u64,
    from: u64,
    /// Bytes a second.
    speed: Option<u64>,
}

impl Rates {
    pub(crate) fn new(now: u64, done: u64) -> Self {
        Self { since: now, from: done, speed: None }
    }

    /// So much is done by now, Unix milliseconds.
    pub(crate) fn note(&mut self, now: u64, done: u64) {
        let elapsed = now.saturating_sub(self.since);
        if done < self.from {
            *self = Self::new(now, done);
        } else if elapsed >= WINDOW {
            let fresh = (done - self.from).saturating_mul(1000) / elapsed;
            self.speed = Some(self.speed.map_or(fresh, |speed| (speed + 2 * fresh) / 3));
            (self.since, self.from) = (now, done);
        }
    }

    /// The speed and the time that is left, once there is anything to say.
    pub(crate) fn words(&self, look: &Look, transfer: &Transfer) -> Option<(String, String)> {
        let speed = self.speed.filter(|speed| *speed > 0)?;
        let seconds = transfer.size.saturating_sub(transfer.done).div_ceil(speed);
        let (key, n) = match seconds {
            0..100 => (Key::FileSeconds, seconds),
            100..6000 => (Key::FileMinutes, seconds.div_ceil(60)),
            _ => (Key::FileHours, seconds.div_ceil(3600)),
        };
        Some((size(speed), look.fill(key, &[("n", &n)])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_figures() {
        let sizes = [0, 1023, 1024, 1_258_291, 671_088_640, 1 << 40].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KB", "1.2 MB", "640 MB", "1.0 TB"]);
    }

    #[test]
    fn a_speed_is_that_of_the_last_moment() {
        let mut rates = Rates::new(0, 0);
        rates.note(100, 1_000_000);
        assert_eq!(rates.speed, None, "too short a time says nothing");
        rates.note(1000, 1_000_000);
        rates.note(2000, 4_000_000);
        assert_eq!(rates.speed, Some(2_333_333));
        rates.note(3000, 0);
        assert_eq!(rates.speed, None, "it began anew");
    }
}
