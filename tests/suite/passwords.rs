//! What becomes of a password: nothing of it is lost, and it is stored as a hash.

use latchkey_tests::{Backend, Browser, Home, Person, Server, on_each_backend};

on_each_backend![
    item_03_nothing_is_truncated,
    item_05_every_character_counts,
    item_06_composed_and_decomposed_are_the_same,
    item_03_an_endless_password_is_refused_at_once,
    item_14_what_is_stored_is_argon2id_with_a_salt_of_its_own,
    item_15_an_older_cost_is_replaced_at_the_next_sign_in,
    many_sign_ins_at_once_replace_it_once,
    item_15_the_predecessors_hashes_verify_and_are_replaced,
    the_way_back_to_the_predecessor_stays_open,
];

/// bcrypt of `correct horse battery staple`, as passlib writes it.
const BCRYPT: &str = "$2b$05$VHJn3nw7EXR3ZZIExVptMeNRQXD6zwEt9PuL1ksKamrczBBW.ewYW";

async fn item_03_nothing_is_truncated(backend: Backend) {
    let server = Server::start(backend).await;
    let password = format!("Kestrel-7-{}", "abcdefghi".repeat(10));
    let alice = Person::named("Alice").with_password(&password);
    let _ = server.account(&alice).await;
    assert_eq!(password.len(), 100);
    for length in [72, 99] {
        let answer = server.sign_in(&alice.email, &password[..length]).await;
        let _ = answer.expect(401);
    }
    let longer = format!("{password}x");
    let _ = server.sign_in(&alice.email, &longer).await.expect(401);
    let _ = server.sign_in(&alice.email, &password).await.expect(200);
}

async fn item_05_every_character_counts(backend: Backend) {
    let server = Server::start(backend).await;
    let printing: String = (' '..='~').collect();
    let password = format!(" {printing} ");
    let alice = Person::named("Alice").with_password(&password);
    let _ = server.account(&alice).await;
    for other in [
        password.trim().to_owned(),
        password.trim_end().to_owned(),
        password.trim_start().to_owned(),
        password.to_lowercase(),
        password.replace("  ", " "),
        password.replace(' ', ""),
        password.replace(' ', "\u{a0}"),
    ] {
        let answer = server.sign_in(&alice.email, &other).await;
        let _ = answer.expect(401);
    }
    let _ = server.sign_in(&alice.email, &password).await.expect(200);

    // A form of a page loses none either.
    for (typed, status) in [(password.trim(), 401), (&*password, 303)] {
        let form = [("email", &*alice.email), ("password", typed)];
        let answer = Browser::new(&server).submit("/signin", &form).await;
        let _ = answer.expect(status);
    }
}

async fn item_06_composed_and_decomposed_are_the_same(backend: Backend) {
    let server = Server::start(backend).await;
    let (composed, decomposed) = ("Gr\u{fc}ne-K\u{e4}uze-27", "Gru\u{308}ne-Ka\u{308}uze-27");
    for (name, set, other) in [
        ("Alice", composed, decomposed),
        ("Bobby", decomposed, composed),
    ] {
        let person = Person::named(name).with_password(set);
        let _ = server.account(&person).await;
        let _ = server.sign_in(&person.email, set).await.expect(200);
        let _ = server.sign_in(&person.email, other).await.expect(200);
    }
    // The same letters without their marks are another password.
    let answer = server.sign_in("alice@example.com", "Grune-Kauze-27").await;
    let _ = answer.expect(401);
}

async fn item_03_an_endless_password_is_refused_at_once(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = Person::named("Alice");
    let _ = server.account(&alice).await;
    let endless = format!("Aa1{}", "\u{308}".repeat(20_000));
    let answer = server
        .sign_up(&Person::named("Bobby").with_password(&endless))
        .await;
    assert_eq!(answer.expect(422).violations(), ["password: too_long"]);
    // At sign-in it is a wrong password like any other.
    let answer = server.sign_in(&alice.email, &endless).await;
    assert!([401, 422].contains(&answer.status), "{}", answer.shown());
}

async fn item_14_what_is_stored_is_argon2id_with_a_salt_of_its_own(backend: Backend) {
    let server = Home::new(backend).with_default_hashing().start().await;
    let _ = server.account_of("Alice").await;
    let _ = server.account_of("Bobby").await;

    let stored = server.database().rows("select password from users");

    assert_eq!(stored.len(), 2);
    for row in &stored {
        assert!(
            row[0].starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{row:?}"
        );
    }
    assert_ne!(stored[0], stored[1], "the same password, two salts");
}

async fn item_15_an_older_cost_is_replaced_at_the_next_sign_in(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.person;
    let stored = "select password from users";
    let weak = server.database().rows(stored)[0][0].clone();
    assert!(!weak.contains("m=19456,t=2,p=1"), "{weak}");
    let server = server
        .terminate()
        .await
        .with_default_hashing()
        .start()
        .await;

    let _ = server
        .sign_in(&alice.email, "Not-the-password-1")
        .await
        .expect(401);
    assert_eq!(server.database().rows(stored)[0][0], weak);
    let _ = server
        .sign_in(&alice.email, &alice.password)
        .await
        .expect(200);

    let strong = server.database().rows(stored)[0][0].clone();
    assert!(strong.contains("m=19456,t=2,p=1"), "{strong}");
    let _ = server
        .sign_in(&alice.email, &alice.password)
        .await
        .expect(200);
    assert_eq!(server.database().rows(stored)[0][0], strong);
}

async fn many_sign_ins_at_once_replace_it_once(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.person;
    let home = server.terminate().await;
    let server = home.env("LATCHKEY_PASSWORDS__ARGON2__T", "2").start().await;
    let tries: Vec<_> = (0..10)
        .map(|_| tokio::spawn(server.sign_in(&alice.email, &alice.password).into_future()))
        .collect();
    for answer in tries {
        let tokens = answer.await.expect("an answer").expect(200).tokens();
        let _ = server.me(&tokens.access).await.expect(200);
    }
    let _ = server
        .sign_in(&alice.email, &alice.password)
        .await
        .expect(200);
}

/// A server with a user whose password the predecessor hashed.
async fn adopted(home: Home) -> (Server, Person) {
    let server = home.start().await;
    let alice = server.account_of("Alice").await.person;
    server
        .database()
        .execute(&format!("update users set password = '{BCRYPT}'"));
    (server, alice.with_password("correct horse battery staple"))
}

async fn item_15_the_predecessors_hashes_verify_and_are_replaced(backend: Backend) {
    let (server, alice) = adopted(Home::new(backend)).await;
    let _ = server
        .sign_in(&alice.email, "Correct horse")
        .await
        .expect(401);
    let _ = server
        .sign_in(&alice.email, &alice.password)
        .await
        .expect(200);
    let stored = server.database().rows("select password from users");
    assert!(stored[0][0].starts_with("$argon2id$"), "{stored:?}");
    let _ = server
        .sign_in(&alice.email, &alice.password)
        .await
        .expect(200);
}

async fn the_way_back_to_the_predecessor_stays_open(backend: Backend) {
    let home = Home::new(backend).env("LATCHKEY_PASSWORDS__UPGRADE_FOREIGN", "false");
    let (server, alice) = adopted(home).await;
    let _ = server
        .sign_in(&alice.email, &alice.password)
        .await
        .expect(200);
    let stored = server.database().rows("select password from users");
    assert_eq!(stored, [[BCRYPT]]);
}
