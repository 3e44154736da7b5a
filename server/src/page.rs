//! How much of a conversation is read at once: so many messages, and so much text.

use sotto_proto::{ConvId, Page, Seq, limits};

use crate::store::{Range, Store, StoreError, StoredMessage};

/// A page in rising seq, of at least one message if there is one; and whether there are more beyond it.
pub(crate) async fn read(
    store: &dyn Store,
    conv: ConvId,
    range: Range,
) -> Result<(Vec<StoredMessage>, bool), StoreError> {
    // One more than asked for tells whether there is more.
    let mut messages = store.read(conv, Range { limit: range.limit.saturating_add(1), ..range }).await?;
    let (found, limit) = (messages.len(), usize::from(range.limit));
    let kept = match range.page {
        Page::After(_) => {
            let kept = fit(messages.iter().take(limit));
            messages.truncate(kept);
            kept
        }
        Page::Latest | Page::Before(_) => {
            let kept = fit(messages.iter().rev().take(limit));
            messages.drain(..found.saturating_sub(kept));
            kept
        }
    };
    Ok((messages, kept < found))
}

/// How many of these are one page.
fn fit<'a>(messages: impl Iterator<Item = &'a StoredMessage>) -> usize {
    let mut bytes = 0;
    let fits = |(index, message): &(usize, &StoredMessage)| {
        bytes += message.text.as_str().len();
        *index == 0 || bytes <= limits::MAX_PAGE_BYTES
    };
    messages.enumerate().take_while(fits).count()
}

/// Page after page, for somebody who is catching up. Where texts are long, fewer are read, so that what is read is not read again.
pub(crate) struct Pages {
    limit: u16,
}

impl Default for Pages {
    fn default() -> Self {
        Self { limit: limits::MAX_PAGE }
    }
}

impl Pages {
    /// What comes after this seq.
    pub(crate) async fn after(
        &mut self,
        store: &dyn Store,
        (conv, seq): (ConvId, Seq),
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let range = Range { since: Seq::ZERO, page: Page::After(seq), limit: self.limit };
        let (page, more) = read(store, conv, range).await?;
        let fitted = if more { u16::try_from(page.len()).unwrap_or(self.limit) } else { self.limit };
        self.limit = fitted.saturating_mul(2).clamp(1, limits::MAX_PAGE);
        Ok(page)
    }
}
