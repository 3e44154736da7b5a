//! Answers of several frames, gathered by the `ref=` of their question.

use std::time::Instant;

use sotto_proto::{Password, Reply, Request};

use super::{Asked, Session};
use crate::update::{PasswordChange, Proof, Trouble, Update};

impl Session {
    pub(super) fn ask(&mut self, request: &Request, asked: Asked) {
        self.next_reference += 1;
        let reference = self.next_reference.to_string();
        self.output.push_back(request.encode(Some(&reference)));
        self.asked.insert(reference, asked);
    }

    /// One frame of an answer; it is waited for again if there is more to come.
    pub(super) fn answered(
        &mut self,
        (reference, asked): (String, Asked),
        reply: Reply,
        now: Instant,
    ) -> Result<(), Trouble> {
        let waiting = match (asked, reply) {
            (Asked::History { conv, limit, mut messages }, Reply::Message(message)) => {
                let follows = messages.last().is_none_or(|last| last.seq < message.seq);
                if message.conv != conv || !follows || messages.len() >= usize::from(limit) {
                    return Err(Trouble::Broken(format!(
                        "the server sent another page of conversation {conv} than was asked for"
                    )));
                }
                messages.push(message);
                Some(Asked::History { conv, limit, messages })
            }
            (Asked::History { conv, messages, .. }, Reply::End { more }) => {
                self.updates.push_back(Update::History { conv, messages, more });
                None
            }
            (Asked::People(mut all), Reply::Everyone { people, more }) => {
                all.extend(people);
                self.more_or(more, Asked::People(all), |asked| match asked {
                    Asked::People(all) => Some(Update::People(all)),
                    _ => None,
                })
            }
            (Asked::Online(mut all), Reply::Online { people, more }) => {
                all.extend(people);
                let more = self.more_or(more, Asked::Online(all), |asked| match asked {
                    Asked::Online(all) => Some(Update::Online(all)),
                    _ => None,
                });
                if more.is_none() && self.ask_again {
                    self.ask_who();
                }
                more
            }
            (Asked::Password(new), reply) => return self.password_answer(new, reply, now),
            (_, Reply::Refused(refusal)) => {
                self.updates.push_back(Update::Refused(refusal));
                None
            }
            (Asked::Files { files, message }, reply) => self.listed((files, message), reply),
            (_, other) => return self.take(other, now),
        };
        if let Some(asked) = waiting {
            self.asked.insert(reference, asked);
        }
        Ok(())
    }

    pub(super) fn change_password(&mut self, old: Option<Password>, new: Password) {
        let logged_in_with = match &self.account.proof {
            Proof::Password(password) => Some(password.clone()),
            Proof::Ticket(_) => None,
        };
        let Some(old) = old.or(logged_in_with) else {
            return self.updates.push_back(Update::Password(PasswordChange::WrongOld));
        };
        self.ask(&Request::ChangePassword { old, new: new.clone() }, Asked::Password(new));
    }

    fn password_answer(&mut self, new: Password, reply: Reply, now: Instant) -> Result<(), Trouble> {
        let change = match reply {
            Reply::PasswordChanged => {
                self.account.proof = Proof::Password(new);
                PasswordChange::Changed
            }
            Reply::WrongPassword => PasswordChange::WrongOld,
            Reply::Refused(refusal) => PasswordChange::Refused(refusal),
            other => return self.take(other, now),
        };
        self.updates.push_back(Update::Password(change));
        Ok(())
    }

    pub(super) fn more_or(
        &mut self,
        more: bool,
        asked: Asked,
        done: fn(Asked) -> Option<Update>,
    ) -> Option<Asked> {
        if more {
            return Some(asked);
        }
        self.updates.extend(done(asked));
        None
    }
}
