//! What somebody does next.

use std::ops::RangeInclusive;

use latchkey_verifier::policy::common;

use crate::account::{Account, Kept};
use crate::model::{Act, State, User};
use crate::random::Random;

/// How many wrong passwords in a row somebody gives; ten would lead to a pause.
const FAILURES: usize = 4;

/// How many sessions an account has at once.
const SESSIONS: usize = 4;

/// One act, or the same one at two tabs at once.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    One(Act),
    Twice(Act),
}

/// What the owner of an account does next, who goes by one of the states that it may be
/// in; none when there is nothing left to do.
pub(crate) fn next(account: &Account, random: &mut Random) -> Option<Next> {
    let states = account.model.states();
    let at = random.below(states.len());
    let state = account.model.states().nth(at)?;
    match &state.user {
        User::Absent => Some(Next::One(sign_up(account, random))),
        User::Deleted => {
            // What is over stays over.
            let act = dead(account, state, random).unwrap_or_else(|| Act::SignIn {
                password: password(random),
            });
            (account.after_deletion < 3).then_some(Next::One(act))
        }
        User::There {
            password,
            disabled: true,
            ..
        } => Some(Next::One(match random.below(4) {
            0 => Act::SignIn {
                password: password.clone(),
            },
            1 => dead(account, state, random).unwrap_or(Act::Enable),
            _ => Act::Enable,
        })),
        User::There { password, .. } => Some(active(account, state, password, random)),
    }
}

fn active(account: &Account, state: &State, password: &str, random: &mut Random) -> Next {
    let right = || Act::SignIn {
        password: password.to_owned(),
    };
    let alive = account.in_hand(state, true);
    let Some(kept) = random.one_of(&alive).copied() else {
        return Next::One(right());
    };
    if account.failures >= FAILURES {
        return Next::One(right());
    }
    if state.sessions.len() + state.strangers > SESSIONS {
        return Next::One(fewer(kept, state, random));
    }
    let Some(access) = kept.access().cloned() else {
        return refresh(kept, random);
    };
    Next::One(match Lot::draw(random) {
        Lot::Me => Act::Me { access },
        Lot::Refresh => return refresh(kept, random),
        Lot::Patch => Act::Patch {
            access,
            name: name(random),
            age: age(random),
        },
        Lot::SignIn => right(),
        Lot::SignInWrong => Act::SignIn {
            password: self::password(random),
        },
        Lot::List => Act::ListSessions { access },
        Lot::Introspect => Act::Introspect { access },
        Lot::ChangePassword => Act::ChangePassword {
            access,
            current: if random.once_in(5) {
                self::password(random)
            } else {
                password.to_owned()
            },
            new: self::password(random),
        },
        Lot::End => fewer(kept, state, random),
        Lot::Reuse => match kept.spent() {
            Some(spent) => Act::Refresh {
                token: spent.clone(),
                oauth: random.once_in(3),
            },
            None => return refresh(kept, random),
        },
        Lot::Dead => dead(account, state, random).unwrap_or(Act::Me { access }),
        Lot::Delete => Act::Delete {
            access,
            password: if random.once_in(4) {
                self::password(random)
            } else {
                password.to_owned()
            },
        },
        Lot::SignUpAgain => sign_up(account, random),
        Lot::Disable => Act::Disable,
        Lot::SignOut => Act::SignOut,
    })
}

/// What can be drawn.
#[derive(Clone, Copy, Debug)]
enum Lot {
    Me,
    Refresh,
    Patch,
    SignIn,
    SignInWrong,
    List,
    Introspect,
    ChangePassword,
    End,
    Reuse,
    Dead,
    Delete,
    SignUpAgain,
    Disable,
    SignOut,
}

impl Lot {
    /// How many of each there are.
    const ALL: [(Self, usize); 15] = [
        (Self::Me, 240),
        (Self::Refresh, 220),
        (Self::Patch, 120),
        (Self::SignIn, 90),
        (Self::SignInWrong, 40),
        (Self::List, 60),
        (Self::Introspect, 50),
        (Self::ChangePassword, 35),
        (Self::End, 70),
        (Self::Reuse, 20),
        (Self::Dead, 35),
        (Self::Delete, 8),
        (Self::SignUpAgain, 6),
        (Self::Disable, 2),
        (Self::SignOut, 2),
    ];

    fn draw(random: &mut Random) -> Self {
        let total = Self::ALL.iter().map(|(_, count)| count).sum();
        let mut at = random.below(total);
        for (lot, count) in Self::ALL {
            if at < count {
                return lot;
            }
            at -= count;
        }
        Self::Me
    }
}

fn refresh(kept: &Kept, random: &mut Random) -> Next {
    let act = Act::Refresh {
        token: kept.refresh().clone(),
        oauth: random.once_in(3),
    };
    if random.once_in(6) {
        Next::Twice(act)
    } else {
        Next::One(act)
    }
}

/// One way to end a session, or all.
fn fewer(kept: &Kept, state: &State, random: &mut Random) -> Act {
    let token = kept.refresh().clone();
    let Some(access) = kept.access().cloned() else {
        return Act::LogOut { token };
    };
    match random.below(8) {
        0 | 1 => Act::LogOut { token },
        2 => Act::LogOut { token: access },
        3 => Act::Revoke { token },
        4 => Act::Revoke { token: access },
        5 => Act::EndAll { access },
        _ => {
            let sessions: Vec<&String> = state.sessions.keys().collect();
            let session = random.one_of(&sessions).map_or(&kept.session, |id| *id);
            Act::EndSession {
                session: session.clone(),
                access,
            }
        }
    }
}

/// Something with a token of a session that is over.
fn dead(account: &Account, state: &State, random: &mut Random) -> Option<Act> {
    let over = account.in_hand(state, false);
    let kept = random.one_of(&over)?;
    let token = kept.refresh().clone();
    Some(match (random.below(6), kept.access().cloned()) {
        (0, Some(access)) => Act::Introspect { access },
        (1 | 2, Some(access)) => Act::Me { access },
        (3, Some(access)) => Act::Patch {
            access,
            name: name(random),
            age: None,
        },
        (4, _) => Act::LogOut { token },
        (5, _) => Act::Revoke { token },
        _ => Act::Refresh {
            token,
            oauth: random.once_in(2),
        },
    })
}

/// Tried again until it is answered, each time under another name.
fn sign_up(account: &Account, random: &mut Random) -> Act {
    Act::SignUp {
        name: name(random),
        age: age(random),
        password: format!("Kestrel-over-{}-moors", account.email.len()),
    }
}

/// A name that no policy finds in a password.
fn name(random: &mut Random) -> String {
    const LETTERS: RangeInclusive<char> = 'a'..='z';
    let letter = |random: &mut Random| LETTERS.clone().nth(random.below(26)).unwrap_or('a');
    let rest: String = (0..7).map(|_| letter(random)).collect();
    format!("Q{rest}")
}

fn age(random: &mut Random) -> Option<u8> {
    let age = u8::try_from(random.below(150) + 1).ok()?;
    (age % 4 != 0).then_some(age)
}

/// A good password that nobody has used before. One in four thousand is taken for a common
/// one, as `verifier-wasm/data/README.md` says.
fn password(random: &mut Random) -> String {
    loop {
        let password = format!("Heron-under-{}-Bridges", random.number());
        if !common::contains(&password) {
            return password;
        }
    }
}
