//! Who does a thing, from where and when: handed to everything that changes something.

use std::net::IpAddr;
use std::sync::Arc;

use super::clock::Timestamp;
use super::ids::UserId;
use super::throttle::Network;

/// What a back end is told about the cause of a change.
///
/// It goes with every change in the same transaction, so that what is recorded about a
/// change can never disagree with the change.
#[derive(Clone, Debug)]
pub struct WriteContext {
    /// Who acts.
    pub actor: Actor,
    /// The client's address, after trusted proxies; none for the command line.
    pub address: Option<IpAddr>,
    /// The client's `User-Agent`, cut to [`USER_AGENT_MAX`] characters.
    pub user_agent: Option<String>,
    /// The request's identifier, as it stands in the log.
    pub request_id: Option<String>,
    /// When it happens.
    pub now: Timestamp,
}

/// The most characters of a `User-Agent` that are kept.
pub const USER_AGENT_MAX: usize = 256;

impl WriteContext {
    /// A change that an operator makes at the command line.
    #[must_use]
    pub const fn operator(now: Timestamp, name: OperatorName) -> Self {
        Self::without_client(Actor::Operator(name), now)
    }

    /// A change that the service makes by itself, such as housekeeping.
    #[must_use]
    pub const fn service(now: Timestamp) -> Self {
        Self::without_client(Actor::Service, now)
    }

    const fn without_client(actor: Actor, now: Timestamp) -> Self {
        Self {
            actor,
            address: None,
            user_agent: None,
            request_id: None,
            now,
        }
    }

    /// The network of the client; none for the command line.
    #[must_use]
    pub fn network(&self) -> Option<Network> {
        self.address.map(Network::of)
    }

    /// The same cause, with `user` as the one who acts.
    #[must_use]
    pub fn by(mut self, user: UserId) -> Self {
        self.actor = Actor::User(user);
        self
    }
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who has not signed in.
    Anonymous,
    /// A signed-in user.
    User(UserId),
    /// An operator at the command line.
    Operator(OperatorName),
    /// The service itself.
    Service,
}

/// Who an operator is to the operating system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorName(Arc<str>);

impl OperatorName {
    /// The operator of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
