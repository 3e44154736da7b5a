//! What is dangerous or wrong about a set-up, in plain words, each with what to do about it. It looks, and changes nothing;
//! what it cannot see it does not guess at. Facts are gathered first, so that judging them needs no machine.

mod certificate;
mod doors;
mod files;
mod machine;

use std::fmt;

use crate::config::Config;

/// How bad something is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Weight {
    /// It works, and may go wrong.
    Warning,
    /// Somebody can read, take over or bring down what they should not, or nobody can connect.
    Danger,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Advice {
    /// How bad it is.
    pub weight: Weight,
    /// What is so, and what follows from it.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Advice {
    fn danger(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { weight: Weight::Danger, what: what.into(), remedy: remedy.into() }
    }

    fn warning(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Warning => "warning",
            Weight::Danger => "DANGER",
        };
        write!(f, "{weight}: {}\n  -> {}", self.what, self.remedy)
    }
}

/// All there is to say about serving with these settings on this machine, as this user, the worst first.
#[must_use]
pub fn check(config: &Config) -> Vec<Advice> {
    let facts = machine::Facts::gather(config);
    let mut advice = doors::judge(config, &facts.addresses);
    advice.extend(files::judge(config));
    advice.extend(certificate::judge(config, facts.now));
    advice.extend(machine::judge(config, &facts));
    advice.sort_by_key(|one| std::cmp::Reverse(one.weight));
    advice
}

#[cfg(test)]
mod tests;
