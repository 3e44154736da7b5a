//! Names that people would take for each other: `Mary` and `Маry`, `Iris` and `lris`, `m` and `rn`. Of those, one is registered.
//!
//! What looks alike is Unicode's list of confusable characters (UTS #39), by the skeletons of names. Mixing scripts as such is
//! nothing bad: `小明Ming` is somebody's name, and what a foreign letter is mixed in for is to look like one that is there.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sotto_proto::Username;
use unicode_security::confusable_detection::skeleton;

/// What the names of all accounts look like.
#[derive(Debug, Default)]
pub(crate) struct Lookalikes {
    taken: Mutex<HashSet<Box<str>>>,
}

/// A look that is taken, and free again when this is dropped without [`Self::keep`].
#[derive(Debug)]
pub(crate) struct Reserved<'a> {
    all: &'a Lookalikes,
    looks: HashSet<Box<str>>,
}

impl Lookalikes {
    /// Accounts that are there. What looks alike among them stays.
    pub(crate) fn learn<'a>(&self, names: impl Iterator<Item = &'a Username>) {
        self.taken().extend(names.flat_map(looks));
    }

    /// Takes the looks of a new name; `None`: it would be taken for an account that is there, or is being made.
    pub(crate) fn reserve(&self, name: &Username) -> Option<Reserved<'_>> {
        let looks = looks(name);
        let mut taken = self.taken();
        if looks.iter().any(|look| taken.contains(look)) {
            return None;
        }
        taken.extend(looks.iter().cloned());
        drop(taken);
        Some(Reserved { all: self, looks })
    }

    fn taken(&self) -> MutexGuard<'_, HashSet<Box<str>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved<'_> {
    /// The account has been made.
    pub(crate) fn keep(mut self) {
        self.looks.clear();
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut taken = self.all.taken();
        for look in &self.looks {
            taken.remove(look);
        }
    }
}

/// As its owner writes it, in lower case, and what it looks like in lower case: `Iris` looks like `lris`, `Маry` like `Mary`, and so
/// like `mary`.
fn looks(name: &Username) -> HashSet<Box<str>> {
    let look = |name: &str| skeleton(name).collect::<String>();
    let shown = look(name.as_str());
    let lower = look(&shown.to_lowercase());
    [shown, look(name.key()), lower].into_iter().map(String::into_boxed_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(typed: &str) -> Username {
        typed.parse().unwrap()
    }

    fn may_come(there: &[&str], newcomer: &str) -> bool {
        let there: Vec<_> = there.iter().map(|there| name(there)).collect();
        let all = Lookalikes::default();
        all.learn(there.iter());
        all.reserve(&name(newcomer)).is_some()
    }

    #[test]
    fn what_looks_like_somebody_who_is_there_is_taken() {
        // Cyrillic, Greek, an l for an I, a zero, two letters for one, a dot that is another.
        for (there, newcomer) in [
            ("Mary", "Маry"),
            ("paul", "раul"),
            ("Iris", "lris"),
            ("bob", "bοb"),
            ("Otto", "0tto"),
            ("martin", "rnartin"),
            ("user1", "userl"),
            ("ann", "ANN"),
        ] {
            assert!(!may_come(&[there], newcomer), "{newcomer} looks like {there}");
            assert!(!may_come(&[newcomer], there), "{there} looks like {newcomer}");
        }
    }

    #[test]
    fn names_that_differ_are_left_alone() {
        for (there, newcomer) in [
            ("ann", "anna"),
            ("张伟", "张玮"),
            ("小明", "小明Ming"),
            ("Иван", "Ivan"),
            ("王芳", "王方"),
            ("zoë", "zoe"),
            ("user1", "user2"),
            ("a b", "ab"),
        ] {
            assert!(may_come(&[there], newcomer), "{newcomer} is not {there}");
        }
    }

    #[test]
    fn a_name_that_was_not_registered_after_all_is_free_again() {
        let all = Lookalikes::default();
        let held = all.reserve(&name("Mary")).unwrap();
        assert!(all.reserve(&name("Маry")).is_none());
        drop(held);
        all.reserve(&name("Маry")).unwrap().keep();
        assert!(all.reserve(&name("mary")).is_none());
    }
}
