//! Places in the status lists, when few are left.

use super::*;
use crate::domain::status::StatusIndex;

/// Chance that knows 64 places only, and is like any other beside that.
struct FewPlaces;

impl Entropy for FewPlaces {
    fn fill(&self, bytes: &mut [u8]) {
        SystemEntropy.fill(bytes);
        // Eight bytes are the number that a place is made of, and nothing else.
        if let [zeros @ .., last] = bytes
            && zeros.len() == 7
        {
            zeros.fill(0);
            *last %= 64;
        }
    }
}

async fn crowded() -> World {
    let mut world = World::new(|_| {}).await;
    world.sessions = Arc::new(Sessions::new(
        Arc::clone(&world.storage),
        Arc::clone(world.sessions.keyring()),
        world.sessions.rules().clone(),
        Arc::new(FewPlaces),
    ));
    world
}

/// Signs in once more.
async fn sign_in(world: &World, user: &User) -> Result<TokenPair> {
    let expected = PasswordHash::new("$argon2id$none");
    let cx = world.cx();
    let store = |session| {
        world
            .storage
            .start_session(&cx, user.id, &expected, None, session)
    };
    let (_, tokens) = world.sessions.start(user.id, world.now(), store).await?;
    Ok(tokens.release())
}

fn places() -> Vec<StatusIndex> {
    (0..64).map(|offset| StatusIndex::new(0, offset)).collect()
}

#[tokio::test]
async fn a_place_that_is_taken_is_exchanged_for_another() {
    let world = crowded().await;
    let (user, _) = world.sign_up("ada@example.com").await;
    for _ in 1..32 {
        sign_in(&world, &user).await.expect("another place");
    }
    let taken = world.storage.taken_places(&places()).await;
    assert_eq!(taken.expect("answers"), 32);
}

#[tokio::test]
async fn without_a_place_there_is_no_session() {
    let world = crowded().await;
    let (user, _) = world.sign_up("ada@example.com").await;
    let mut sessions = 1;
    // It may find a place at every try, and never more often than there are places.
    let refused = loop {
        match sign_in(&world, &user).await {
            Ok(_) => sessions += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Overloaded), "{refused}");
    assert!(sessions <= 64);
    let stored = world.sessions.list(user.id, world.now()).await;
    assert_eq!(stored.expect("answers").len(), sessions);
}

#[tokio::test]
async fn another_list_is_opened_when_too_many_places_are_taken() {
    let world = crowded().await;
    let (user, _) = world.sign_up("ada@example.com").await;
    let make_room = async || world.sessions.places().make_room(world.now()).await;
    assert!(!make_room().await.expect("answers"), "one in 64 is taken");
    for _ in 1..32 {
        sign_in(&world, &user).await.expect("another place");
    }
    assert!(
        make_room().await.expect("answers"),
        "every other one is taken"
    );
    assert_eq!(world.storage.status_lists().await.expect("answers"), 2);
    // Everybody who asks gets to know it.
    let elsewhere = world.another_server().await;
    elsewhere.places().refresh().await.expect("answers");
    let lists: std::collections::BTreeSet<u32> = (0..200)
        .map(|_| elsewhere.places().choose().list())
        .collect();
    assert_eq!(lists, [0, 1].into());
}
