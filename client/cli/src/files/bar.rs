//! How far files are: a bar on a terminal, lines for programs.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use sotto_client::{Phase, Transfer, TransferId};

use crate::failure::Failure;
use crate::print::{Printer, word};

/// Between two looks at a bar, and two lines of progress.
const SHOW_AFTER: Duration = Duration::from_millis(200);

/// A bar on a terminal, lines of progress for programs, nothing otherwise.
pub(super) struct Bar {
    printer: Printer,
    shown: HashMap<TransferId, Instant>,
    began: HashMap<TransferId, (Instant, u64)>,
    on_screen: bool,
}

impl Bar {
    pub(super) fn new(printer: Printer) -> Self {
        Self { printer, shown: HashMap::new(), began: HashMap::new(), on_screen: false }
    }

    pub(super) fn show(&mut self, transfer: &Transfer) -> Result<(), Failure> {
        let now = Instant::now();
        let due = self.shown.get(&transfer.id).is_none_or(|shown| now.duration_since(*shown) >= SHOW_AFTER);
        if !due || transfer.phase != Phase::Running {
            return Ok(());
        }
        self.shown.insert(transfer.id, now);
        let (since, from) = *self.began.entry(transfer.id).or_insert((now, transfer.done));
        if self.printer.is_json() {
            let file = transfer.file.map(|file| file.to_string()).unwrap_or_default();
            self.printer.progress(&file, &transfer.name, (transfer.done, transfer.size))?;
        } else if std::io::stderr().is_terminal() {
            self.on_screen = true;
            let text = bar(transfer, transfer.done.saturating_sub(from), now.duration_since(since));
            write!(std::io::stderr(), "\r\x1b[K{text}")?;
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.on_screen) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// `hw3.pdf  62 %  2.1 MB/s  8 s left`
fn bar(transfer: &Transfer, moved: u64, elapsed: Duration) -> String {
    let percent = transfer.done.saturating_mul(100) / transfer.size.max(1);
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = moved.saturating_mul(1000) / millis;
    let mut text = format!("{}  {percent} %", word(&transfer.name));
    if let Some(left) = transfer.size.saturating_sub(transfer.done).checked_div(rate) {
        text.push_str(&format!("  {}/s  {left} s left", crate::print::size(rate)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use sotto_proto::Cid;

    #[test]
    fn a_bar_tells_how_far_how_fast_and_how_long() {
        let transfer = Transfer {
            id: TransferId::Sending(Cid::from_bytes([0; 16])),
            file: None,
            to: None,
            name: "hw3.pdf".into(),
            size: 10_000_000,
            done: 6_200_000,
            phase: Phase::Running,
        };
        let shown = bar(&transfer, 4_200_000, Duration::from_secs(2));
        assert_eq!(shown, "hw3.pdf  62 %  2.0 MB/s  1 s left");
        assert_eq!(bar(&transfer, 0, Duration::ZERO), "hw3.pdf  62 %");
    }
}
