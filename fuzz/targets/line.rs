//! Lines of an import as strangers write them: nothing panics, and a user that is taken is
//! written as a line that is the same user.
#![no_main]

use latchkey::domain::clock::Timestamp;
use latchkey::domain::hasher::Argon2Cost;
use latchkey::domain::ids::UserId;
use latchkey::domain::transfer::line::{self, Defaults, LineError};
use latchkey::domain::transfer::{ImportOutcome, ImportedUser};
use latchkey::domain::user::{Age, Credentials, User};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &str| {
    match read(line) {
        Ok(user) => hold(&user),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn read(line: &str) -> Result<ImportedUser, LineError> {
    let defaults = Defaults {
        id: UserId::from_bytes([7; 16]),
        now: Timestamp::from_seconds(1_800_000_000),
    };
    line::read(line, defaults, Argon2Cost::default())
}

fn hold(user: &ImportedUser) {
    assert!(user.name.as_str().chars().count() <= 100);
    assert!(user.email.as_str().len() <= 254 && user.email.canonical().len() <= 254);
    assert!(user.password.as_str().len() <= 255);

    let stored = Credentials {
        user: User {
            id: user.id,
            name: user.name.as_str().to_owned(),
            email: user.email.as_str().to_owned(),
            age: user.age.map(Age::years),
            created_at: user.created_at,
            updated_at: user.updated_at,
            disabled_at: user.disabled_at,
        },
        password: user.password.clone(),
    };
    let written = line::write(&stored);
    assert!(written.len() <= line::MAX_BYTES && !written.contains('\n'));
    let again = read(&written).expect(&written);
    assert_eq!(again.outcome(&[stored]), ImportOutcome::Unchanged);
}
