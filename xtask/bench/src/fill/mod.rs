//! Databases that are filled behind the service's back, as years of use would fill them.
//!
//! Every user has one session that is alive. Some users, spread over the whole table, are
//! known: their password and their tokens are at hand, so that requests reach every part of
//! the tables and of their indexes.

mod postgres;
mod sqlite;

use std::collections::HashMap;
use std::process::Command;
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use latchkey::domain::clock::Timestamp;
use latchkey::domain::session;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::servers::database::Store;
use crate::servers::latchkey::Account;
use crate::servers::{PASSWORD, SECRET, latchkey_binary};

/// The issuer in the tokens of known users, for `LATCHKEY_TOKENS__ISSUER`.
const ISSUER: &str = "http://localhost:8000";

/// A hash that costs next to nothing: what is looked up is measured, not what is hashed.
const COST: (u32, u32) = (8, 1);

/// What a server on a filled database is told.
pub(crate) const SETTINGS: [(&str, &str); 3] = [
    ("LATCHKEY_TOKENS__ISSUER", ISSUER),
    ("LATCHKEY_PASSWORDS__ARGON2__M", "8"),
    ("LATCHKEY_PASSWORDS__ARGON2__T", "1"),
];

/// A user of whom everything is known.
struct Known {
    number: u64,
    user: [u8; 16],
    session: [u8; 16],
    jti: String,
}

/// Fills an empty database with so many users. Gives up to `known` of them, in no order.
pub(crate) fn fill(store: &Store, users: u64, known: u64) -> Result<Vec<Account>> {
    let began = Instant::now();
    let migrated = Command::new(latchkey_binary()?)
        .args(["--database", &store.url(), "migrate", "up"])
        .current_dir(std::env::temp_dir())
        .output()?;
    ensure!(migrated.status.success(), "{migrated:?}");
    let mut rows = Rows::new(users)?;
    let known = rows.known(known);
    let hashes = known
        .iter()
        .map(|known| (known.number, refresh_hash(&known.jti)));
    rows.hashes = hashes.collect();
    match store {
        Store::Sqlite(file) => sqlite::fill(file, &rows)?,
        Store::Postgres(database) => postgres::fill(database, &rows)?,
    }
    eprintln!("    {users} users in {:.0?}", began.elapsed());
    known.iter().map(|known| account(known, &rows)).collect()
}

/// What the rows are made of.
struct Rows {
    users: u64,
    /// Milliseconds since 1970.
    now: i64,
    password: String,
    /// What is stored of the refresh tokens that are known, by the number of the user.
    hashes: HashMap<u64, [u8; 32]>,
}

impl Rows {
    fn new(users: u64) -> Result<Self> {
        let (memory, passes) = COST;
        let params = argon2::Params::new(memory, passes, 1, None);
        let params = params.map_err(|error| anyhow::anyhow!("{error}"))?;
        let argon2 = argon2::Argon2::from(params);
        let hash =
            argon2::PasswordHasher::hash_password_with_salt(&argon2, PASSWORD.as_bytes(), &[7; 16]);
        Ok(Self {
            users,
            now: now_millis(),
            password: hash
                .map_err(|error| anyhow::anyhow!("{error}"))?
                .to_string(),
            hashes: HashMap::new(),
        })
    }

    /// Users at random places, each once.
    fn known(&self, count: u64) -> Vec<Known> {
        let count = count.min(self.users);
        let step = self.users / count.max(1);
        let mut known: Vec<Known> = (0..count)
            .map(|nth| {
                let number = nth * step + mixed(nth) % step;
                Known {
                    number,
                    user: self.id(number, USER),
                    session: self.id(number, SESSION),
                    jti: format!("{:022x}", u128::from(mixed(number ^ 0xABCD))),
                }
            })
            .collect();
        known.sort_by_key(|known| mixed(known.number ^ 0x5EED));
        known
    }

    /// A `UUIDv7` of an hour in which all signed up, in the order of the numbers.
    fn id(&self, number: u64, kind: u64) -> [u8; 16] {
        let ago = (self.users - number) * 3_600_000 / self.users;
        let millis = self.now.cast_unsigned() - ago;
        let chance = u128::from(mixed(number ^ kind)) << 14 | u128::from(number & 0x3FFF);
        let id = u128::from(millis) << 80 | 7 << 76 | (chance >> 62 & 0xFFF) << 64 | 2 << 62;
        (id | (chance & ((1 << 62) - 1))).to_be_bytes()
    }

    /// What is stored of a session's refresh token; of one that nobody knows it is nothing.
    fn refresh_hash(&self, number: u64) -> [u8; 32] {
        self.hashes.get(&number).copied().unwrap_or_default()
    }

    /// When the sessions end, in milliseconds since 1970.
    fn expires_at(&self) -> i64 {
        self.now + 24 * 3_600_000
    }

    /// Until when their rows are kept, as the service counts it.
    fn kept_until(&self) -> i64 {
        let [expires_at, now] = [self.expires_at(), self.now].map(Timestamp::from_millis);
        session::kept_until(expires_at, now).as_millis()
    }

    /// How many status lists have room for all sessions with as much again.
    fn status_lists(&self) -> u64 {
        (4 * self.users).div_ceil(LIST_SIZE)
    }

    /// A session's place in the status lists: no two have one.
    fn place(&self, number: u64) -> i64 {
        (number * 4).cast_signed()
    }
}

const USER: u64 = 0x1111_0000_0000_0000;
const SESSION: u64 = 0x2222_0000_0000_0000;

/// What a status list holds, as in the server.
const LIST_SIZE: u64 = 1 << 20;

/// An address that tells nothing about its place in the table.
fn email(number: u64) -> String {
    format!("{:016x}@example.org", mixed(number))
}

/// What looks like chance, another one for each number: the finisher of splitmix64.
fn mixed(number: u64) -> u64 {
    let mut state = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    state = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ state >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ state >> 31
}

/// What is stored of a refresh token.
fn refresh_hash(jti: &str) -> [u8; 32] {
    Sha256::digest(jti.as_bytes()).into()
}

fn account(known: &Known, rows: &Rows) -> Result<Account> {
    let now = rows.now / 1000;
    let token = |kind: &str, typ: &str| {
        let claims = json!({
            "iss": ISSUER, "sub": hyphenated(known.user), "sid": hyphenated(known.session),
            "iat": now, "exp": now + 24 * 3600, "jti": known.jti, "type": kind,
            "client_id": "latchkey",
        });
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(typ.to_owned());
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::encode(&header, &claims, &key).context("a token")
    };
    Ok(Account {
        email: email(known.number),
        access: token("access", "at+jwt")?,
        refresh: token("refresh", "rt+jwt")?,
    })
}

/// An identifier as text.
fn hyphenated(id: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(id));
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server that is measured goes by the same clock"
)]
fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn identifiers_are_distinct_version_7_and_in_the_order_of_the_numbers() {
        let rows = Rows::new(100_000).expect("rows");
        let ids: Vec<_> = (0..100_000).map(|number| rows.id(number, USER)).collect();
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert!(ids.iter().all(|id| id[6] >> 4 == 7 && id[8] >> 6 == 2));
        assert!(ids.windows(2).all(|two| two[0][..6] <= two[1][..6]));
    }

    #[test]
    fn known_users_are_spread_and_none_is_known_twice() {
        let rows = Rows::new(1_000_000).expect("rows");
        let known = rows.known(1000);
        let numbers: BTreeSet<_> = known.iter().map(|known| known.number).collect();
        assert_eq!(numbers.len(), 1000);
        assert!(
            numbers
                .iter()
                .next_back()
                .is_some_and(|last| (999_000..1_000_000).contains(last))
        );
        assert!(!known.is_sorted_by_key(|known| known.number));
    }

    #[test]
    fn no_more_are_known_than_there_are() {
        assert_eq!(Rows::new(10).expect("rows").known(1000).len(), 10);
    }

    #[test]
    fn an_identifier_is_written_as_a_uuid() {
        let id = 0x0198_c0de_1234_7abc_8def_0123_4567_89ab_u128.to_be_bytes();
        assert_eq!(hyphenated(id), "0198c0de-1234-7abc-8def-0123456789ab");
    }
}
