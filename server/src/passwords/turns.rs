//! Who waits for a thread: where people come from has a line of its own, and the lines take turns. A flood from one place waits
//! for itself.

use std::collections::{HashMap, VecDeque};

use crate::throttle::Source;

pub(super) struct Turns<T> {
    lines: HashMap<Source, VecDeque<T>>,
    /// Each source that has a line, the next first.
    order: VecDeque<Source>,
    waiting: usize,
    places: usize,
}

impl<T> Turns<T> {
    pub(super) fn new(places: usize) -> Self {
        Self { lines: HashMap::new(), order: VecDeque::new(), waiting: 0, places }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Whether a newcomer from there would get a place.
    pub(super) fn have_a_place(&self, from: Source) -> bool {
        let longest = || self.lines.values().map(VecDeque::len).max().unwrap_or(0);
        self.waiting < self.places || longest() > self.length(from) + 1
    }

    fn length(&self, from: Source) -> usize {
        self.lines.get(&from).map_or(0, VecDeque::len)
    }

    /// Somebody joins the line of where they come from. Returns whoever there is no place for: the last of the longest line, if
    /// that is longer than the newcomer's is then; else the newcomer.
    pub(super) fn join(&mut self, from: Source, newcomer: T) -> Option<T> {
        if !self.have_a_place(from) {
            return Some(newcomer);
        }
        let left_out = if self.waiting < self.places { None } else { self.shorten_the_longest() };
        let line = self.lines.entry(from).or_default();
        if line.is_empty() {
            self.order.push_back(from);
        }
        line.push_back(newcomer);
        self.waiting += 1;
        left_out
    }

    fn shorten_the_longest(&mut self) -> Option<T> {
        let longest = self.lines.values_mut().max_by_key(|line| line.len())?;
        let last = longest.pop_back()?;
        self.waiting -= 1;
        Some(last)
    }

    /// The first of the line whose turn it is. That line is the last then.
    pub(super) fn next(&mut self) -> Option<T> {
        let from = self.order.pop_front()?;
        let line = self.lines.get_mut(&from)?;
        let first = line.pop_front()?;
        self.waiting -= 1;
        if line.is_empty() {
            self.lines.remove(&from);
        } else {
            self.order.push_back(from);
        }
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joins from so many hosts, in this order; each is known by when it came.
    fn joined(places: usize, hosts: &[u32]) -> (Turns<usize>, Vec<usize>) {
        let mut turns = Turns::new(places);
        let join = |(number, host): (usize, &u32)| turns.join(Source::V4(*host), number);
        let left_out = hosts.iter().enumerate().filter_map(join).collect();
        (turns, left_out)
    }

    fn order(mut turns: Turns<usize>) -> Vec<usize> {
        std::iter::from_fn(|| turns.next()).collect()
    }

    #[test]
    fn lines_take_turns_however_long_one_of_them_is() {
        let (turns, left_out) = joined(64, &[1, 1, 1, 1, 1, 2, 3, 2]);
        assert_eq!((order(turns), left_out), (vec![0, 5, 6, 1, 7, 2, 3, 4], vec![]));
    }

    #[test]
    fn one_source_may_have_all_places_until_somebody_else_comes() {
        let (turns, left_out) = joined(4, &[1, 1, 1, 1, 1, 2, 2, 2]);
        assert_eq!((order(turns), left_out), (vec![0, 5, 1, 6], vec![4, 3, 2, 7]));
    }

    #[test]
    fn who_comes_alone_to_a_house_of_people_who_came_alone_is_left_out() {
        let (turns, left_out) = joined(2, &[1, 2, 3]);
        assert_eq!((order(turns), left_out), (vec![0, 1], vec![2]));
    }

    #[test]
    fn a_line_that_has_been_served_leaves_nothing_behind() {
        let (mut turns, _) = joined(64, &[1, 2, 1]);
        while turns.next().is_some() {}
        assert!(turns.is_empty() && turns.lines.is_empty() && turns.order.is_empty());
        assert_eq!(turns.join(Source::V4(1), 7), None);
        assert_eq!(turns.next(), Some(7));
    }

    #[test]
    fn without_places_everybody_is_left_out() {
        assert_eq!(joined(0, &[1, 2]).1, [0, 1]);
    }
}
