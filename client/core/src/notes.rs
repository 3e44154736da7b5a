//! What a client remembers of one account between two runs: how far each conversation was read, and what was
//! begun to be written. Kept in the profile; no message that came is in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sotto_proto::{Audience, ConvId, Epoch, Seq, Username};

/// What is remembered of an account.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Notes {
    /// The history that `read` speaks of.
    pub epoch: Option<Epoch>,
    /// The last message that was seen, by conversation.
    pub read: BTreeMap<ConvId, Seq>,
    /// What was begun to be written, by audience.
    pub drafts: BTreeMap<Audience, String>,
}

#[derive(Default, Deserialize, Serialize)]
struct File {
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<String>,
    #[serde(default)]
    read: BTreeMap<String, u64>,
    #[serde(default)]
    draft: Vec<Draft>,
}

#[derive(Deserialize, Serialize)]
struct Draft {
    /// Empty: everyone.
    to: Vec<String>,
    text: String,
}

impl Notes {
    /// What a file says. Lines that make no sense are left out: nothing here is worth a failure.
    pub(crate) fn from_toml(text: &str) -> Self {
        let file: File = toml::from_str(text).unwrap_or_default();
        let read = |(conv, seq): (String, u64)| Some((conv.parse().ok()?, Seq::new(seq).ok()?));
        let draft = |draft: Draft| {
            let names: Option<Vec<Username>> = draft.to.iter().map(|name| name.parse().ok()).collect();
            let to = match names? {
                nobody if nobody.is_empty() => Audience::Everyone,
                names => Audience::set(names).ok()?,
            };
            Some((to, draft.text))
        };
        Self {
            epoch: file.epoch.and_then(|epoch| epoch.parse().ok()),
            read: file.read.into_iter().filter_map(read).collect(),
            drafts: file.draft.into_iter().filter_map(draft).collect(),
        }
    }

    pub(crate) fn to_toml(&self) -> String {
        let names = |to: &Audience| match to {
            Audience::Everyone => Vec::new(),
            Audience::Set(names) => names.iter().map(ToString::to_string).collect(),
        };
        let drafts = self.drafts.iter().filter(|(_, text)| !text.is_empty());
        let file = File {
            epoch: self.epoch.map(|epoch| epoch.to_string()),
            read: self.read.iter().map(|(conv, seq)| (conv.to_string(), seq.get())).collect(),
            draft: drafts.map(|(to, text)| Draft { to: names(to), text: text.clone() }).collect(),
        };
        toml::to_string(&file).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_read_back_as_they_were_written() {
        let to = Audience::set(["李雷".parse().unwrap(), "ann b".parse().unwrap()]).unwrap();
        let notes = Notes {
            epoch: Some(Epoch::new(7)),
            read: [(ConvId::new(3).unwrap(), Seq::new(9).unwrap())].into(),
            drafts: [(Audience::Everyone, "早上\n好 \"'".to_owned()), (to, "x".to_owned())].into(),
        };
        assert_eq!(Notes::from_toml(&notes.to_toml()), notes);
    }

    #[test]
    fn a_spoiled_file_is_as_good_as_none() {
        for text in ["", "]", "epoch = 3", "[[draft]]\nto = ['*']\ntext = 'x'", "[read]\nx = 1"] {
            assert_eq!(Notes::from_toml(text), Notes::default(), "{text}");
        }
    }
}
