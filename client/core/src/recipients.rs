//! Whom a message in the room of everyone goes to: everybody, newcomers included, or those who are ticked.

use std::collections::BTreeSet;

use sotto_proto::{Audience, Username, limits};

/// Whom a message goes to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Recipients {
    /// Everybody, whoever comes later too.
    #[default]
    Everyone,
    /// Exactly these; nobody else ever joins them by himself.
    Only(BTreeSet<Username>),
}

/// More people are ticked than one message may name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooMany;

impl Recipients {
    /// Whether this person gets the message.
    #[must_use]
    pub fn contains(&self, name: &Username) -> bool {
        match self {
            Self::Everyone => true,
            Self::Only(names) => names.contains(name),
        }
    }

    /// Ticks or unticks somebody. All ticked is everyone; `people` is who there is to tick.
    pub fn toggle(&mut self, name: &Username, people: &BTreeSet<Username>) {
        let mut names = match self {
            Self::Everyone => people.clone(),
            Self::Only(names) => std::mem::take(names),
        };
        if !names.remove(name) {
            names.insert(name.clone());
        }
        *self = if people.is_subset(&names) { Self::Everyone } else { Self::Only(names) };
    }

    /// Nobody.
    #[must_use]
    pub fn nobody() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// How many of `people` get it.
    #[must_use]
    pub fn count(&self, people: usize) -> usize {
        match self {
            Self::Everyone => people,
            Self::Only(names) => names.len(),
        }
    }

    /// The audience; `None` when nobody is ticked.
    ///
    /// # Errors
    /// [`TooMany`]: more than 256 are ticked.
    pub fn audience(&self) -> Result<Option<Audience>, TooMany> {
        match self {
            Self::Everyone => Ok(Some(Audience::Everyone)),
            Self::Only(names) if names.is_empty() => Ok(None),
            Self::Only(names) if names.len() > limits::MAX_RECIPIENTS => Err(TooMany),
            Self::Only(names) => Audience::set(names.iter().cloned()).map(Some).map_err(|_| TooMany),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(names: &[&str]) -> BTreeSet<Username> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn everyone_includes_newcomers_and_an_explicit_set_does_not() {
        let mut to = Recipients::default();
        let newcomer = "dora".parse().unwrap();
        assert!(to.contains(&newcomer));
        assert_eq!(to.audience(), Ok(Some(Audience::Everyone)));
        to.toggle(&"ann".parse().unwrap(), &people(&["ann", "bob", "carol"]));
        assert!(!to.contains(&newcomer));
        assert_eq!(to.audience(), Ok(Some(Audience::set(people(&["bob", "carol"])).unwrap())));
    }

    #[test]
    fn ticking_the_last_one_is_everyone_again() {
        let all = people(&["ann", "bob"]);
        let mut to = Recipients::nobody();
        assert_eq!((to.audience(), to.count(2)), (Ok(None), 0));
        for name in &all {
            to.toggle(name, &all);
        }
        assert_eq!(to, Recipients::Everyone);
    }

    #[test]
    fn more_people_than_a_message_can_name_are_refused() {
        let names: Vec<_> = (0..=limits::MAX_RECIPIENTS).map(|number| format!("p{number}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        assert_eq!(Recipients::Only(people(&names)).audience(), Err(TooMany));
    }
}
