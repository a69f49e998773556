//! What must be true of one account: the ledger's page about it.
//!
//! An act whose answer was lost was done or was not, and both are possible until something
//! is seen that only one of them allows. A model is therefore the set of the states that
//! the account may be in. An answer that fits none of them is what the run looks for.

mod act;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(crate) use act::{Act, Facts, Rows, SessionId, Token, UserRow, digest_of};
pub(crate) use state::{State, User};

/// What became of a request.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// It was answered.
    Answered(Box<Facts>),
    /// It may have been done.
    Lost,
}

/// The states that an account may be in.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    possible: Vec<Possible>,
    lost: u32,
}

#[derive(Clone, Debug)]
struct Possible {
    state: State,
    /// Whether each of the acts whose answers were lost was done; none if that makes no
    /// difference.
    done: BTreeMap<(u32, &'static str), Option<bool>>,
}

impl Model {
    /// Nobody has signed up.
    pub(crate) fn new() -> Self {
        Self {
            possible: vec![Possible {
                state: State::absent(),
                done: BTreeMap::new(),
            }],
            lost: 0,
        }
    }

    /// The states, never none.
    pub(crate) fn states(&self) -> impl ExactSizeIterator<Item = &State> {
        self.possible.iter().map(|possible| &possible.state)
    }

    /// The one state, if there is no doubt.
    pub(crate) fn certain(&self) -> Option<&State> {
        match &self.possible[..] {
            [only] => Some(&only.state),
            _ => None,
        }
    }

    /// Takes in what became of `act`.
    ///
    /// # Errors
    ///
    /// When it is impossible, in words.
    pub(crate) fn see(&mut self, act: &Act, seen: &Seen) -> Result<(), String> {
        let next = self.next(act, seen)?;
        self.possible = merged(next);
        Ok(())
    }

    /// Takes in two acts that ran at once, in whichever order they were done.
    ///
    /// # Errors
    ///
    /// When neither order is possible.
    pub(crate) fn see_both(
        &mut self,
        one: (&Act, &Seen),
        two: (&Act, &Seen),
    ) -> Result<(), String> {
        let in_order = |first: (&Act, &Seen), second: (&Act, &Seen)| {
            let mut model = self.clone();
            model.see(first.0, first.1)?;
            model.see(second.0, second.1).map(|()| model)
        };
        match (in_order(one, two), in_order(two, one)) {
            (Ok(mut model), Ok(other)) => {
                model.possible.extend(other.possible);
                model.possible = merged(model.possible);
                *self = model;
            }
            (Ok(model), Err(_)) | (Err(_), Ok(model)) => *self = model,
            (Err(why), Err(_)) => return Err(format!("in either order: {why}")),
        }
        Ok(())
    }

    /// What became of the acts whose answers were lost, once that is certain.
    pub(crate) fn settled(&mut self) -> Vec<(&'static str, Option<bool>)> {
        match &mut self.possible[..] {
            [only] => std::mem::take(&mut only.done)
                .into_iter()
                .map(|((_, name), done)| (name, done))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn next(&mut self, act: &Act, seen: &Seen) -> Result<Vec<Possible>, String> {
        match seen {
            Seen::Answered(facts) => {
                let mut next = Vec::new();
                let mut expected = Vec::new();
                for possible in &self.possible {
                    match possible.state.after(act, Some(&**facts)) {
                        Ok(state) => next.push(Possible {
                            state,
                            done: possible.done.clone(),
                        }),
                        Err(why) => expected.push(why),
                    }
                }
                if next.is_empty() {
                    return Err(format!("expected: {}", expected.join(", or ")));
                }
                Ok(next)
            }
            Seen::Lost => {
                self.lost += 1;
                let ticket = (self.lost, act.name());
                let mut next = Vec::new();
                for possible in &self.possible {
                    let after = possible.state.after(act, None)?;
                    let makes_a_difference = after != possible.state;
                    for (done, state) in [(false, possible.state.clone()), (true, after)] {
                        let mut one = Possible {
                            state,
                            done: possible.done.clone(),
                        };
                        if makes_a_difference {
                            one.done.insert(ticket, Some(done));
                            next.push(one);
                        } else if !done {
                            next.push(one);
                        }
                    }
                }
                Ok(next)
            }
        }
    }
}

/// Each state once.
fn merged(all: Vec<Possible>) -> Vec<Possible> {
    let mut each: Vec<Possible> = Vec::new();
    for one in all {
        let Some(same) = each.iter_mut().find(|other| other.state == one.state) else {
            each.push(one);
            continue;
        };
        for (ticket, done) in one.done {
            let known = same.done.entry(ticket).or_insert(done);
            if *known != done {
                *known = None;
            }
        }
    }
    each
}
