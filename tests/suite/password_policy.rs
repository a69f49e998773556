//! Which passwords are taken: on the server, whatever a client has found out before.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use insta::assert_snapshot;
use latchkey_tests::{Backend, Browser, Home, Person, Server, on_each_backend};
use serde_json::json;

on_each_backend![
    the_policy_is_public,
    the_default_policy,
    a_policy_of_ones_own,
    item_01_fourteen_characters_are_too_few_and_fifteen_enough,
    item_02_sixty_four_characters_and_many_more_are_taken,
    item_04_no_kind_of_character_is_asked_for,
    item_07_the_most_common_passwords_are_refused,
    item_08_words_that_everybody_knows_of_the_user_are_no_password,
    item_09_the_whole_password_is_compared_with_the_list,
    item_10_a_refusal_says_why,
    item_13_the_server_decides_whatever_a_client_has_found,
];

/// The most common passwords of 8 or more, and of 15 or more characters, the most common
/// first.
const COMMON_8: &str = include_str!("../../verifier-wasm/tests/vectors/most_common_8.txt");
const COMMON_15: &str = include_str!("../../verifier-wasm/tests/vectors/most_common_15.txt");

/// A server under the preset of SP 800-63B-4.
async fn under_nist(backend: Backend) -> Server {
    let home = Home::new(backend).env("LATCHKEY_PASSWORDS__POLICY", "nist");
    home.start().await
}

async fn the_policy_is_public(backend: Backend) {
    let server = Server::start(backend).await;
    let answer = server.get("/api/v1/password-policy").await;
    assert_snapshot!(answer.shown(), @r#"
    200
    content-type: application/json
    cache-control: public, max-age=300
    access-control-allow-origin: *

    {
      "context_words": [
        "latchkey"
      ],
      "forbid_common": true,
      "forbid_context": true,
      "max_length": 256,
      "min_length": 8,
      "min_score": 0,
      "require": [
        "upper",
        "lower",
        "digit"
      ]
    }
    "#);
}

/// Tries to sign up with each password, and compares the violations.
async fn judge(server: &Server, cases: &[(&str, &[&str])]) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    for (password, violations) in cases {
        let index = COUNT.fetch_add(1, Ordering::Relaxed);
        // "Joan" has four letters and so is a word of context.
        let person = Person {
            name: "Joan Fairweather".to_owned(),
            email: format!("winnifred{index}@example.com"),
            password: (*password).to_owned(),
            age: None,
        };
        let answer = server.sign_up(&person).await;
        if violations.is_empty() {
            assert_eq!(answer.status, 201, "{password:?}: {}", answer.shown());
            continue;
        }
        let expected: Vec<_> = violations
            .iter()
            .map(|code| format!("password: {code}"))
            .collect();
        assert_eq!(answer.expect(422).violations(), expected, "{password:?}");
    }
}

async fn the_default_policy(backend: Backend) {
    let server = Server::start(backend).await;
    let longest = format!("{}Aa1", "é".repeat(253));
    let too_long = format!("{longest}x");
    judge(
        &server,
        &[
            ("Zx3kvqpw", &[]),
            ("Zx3kvqp", &["too_short"]),
            ("zx3kvqpw", &["missing_upper"]),
            ("ZX3KVQPW", &["missing_lower"]),
            ("Zxkvqpwt", &["missing_digit"]),
            (
                "",
                &[
                    "too_short",
                    "missing_upper",
                    "missing_lower",
                    "missing_digit",
                ],
            ),
            // Letters and digits are Unicode's.
            ("Жираф٣ёлка", &[]),
            (&longest, &[]),
            (&too_long, &["too_long"]),
            ("Password1", &["too_common"]),
            ("pASSWORD1", &["too_common"]),
            ("Qwerty123", &["too_common"]),
            ("Joan-Fairweather-1", &["contains_context"]),
            ("J0an2024!", &["contains_context"]),
            ("Winnifred7!", &["contains_context"]),
            ("Latchkey2026!", &["contains_context"]),
        ],
    )
    .await;
}

async fn a_policy_of_ones_own(backend: Backend) {
    let server = Home::new(backend)
        .config(
            "[passwords.policy]\nmin_length = 10\nrequire = [\"symbol\"]\nforbid_common = false\n\
             context_words = [\"acme\"]\n",
        )
        .start()
        .await;
    judge(
        &server,
        &[
            ("zxkvqpwtjb", &["missing_symbol"]),
            ("zxkvqpwt-", &["too_short"]),
            ("zxkvqpwtj-", &[]),
            ("acme-acme-acme", &["contains_context"]),
        ],
    )
    .await;
}

async fn item_01_fourteen_characters_are_too_few_and_fifteen_enough(backend: Backend) {
    let server = under_nist(backend).await;
    for letters in ["zxkvqpwtjbhfmds", "🗝🔒🐦🗝🔒🐦🗝🔒🐦🗝🔒🐦🗝🔒🐦"]
    {
        let one_less: String = letters.chars().take(14).collect();
        judge(&server, &[(&one_less, &["too_short"]), (letters, &[])]).await;
    }
    // A letter and the accent after it are one character.
    let accented = "zx\u{fc}kvqpwtjbhf\u{e9}";
    let decomposed = "zxu\u{308}kvqpwtjbhfe\u{301}";
    for text in [accented, decomposed] {
        let longer = format!("{text}y");
        judge(&server, &[(text, &["too_short"]), (&longer, &[])]).await;
    }
}

async fn item_02_sixty_four_characters_and_many_more_are_taken(backend: Backend) {
    let server = under_nist(backend).await;
    let of = |length: usize| -> String { "ж🗝k".chars().cycle().take(length).collect() };
    for (name, length) in [("Alice", 64), ("Bobby", 256)] {
        let person = Person::named(name).with_password(&of(length));
        let _ = server.account(&person).await;
        let signed_in = server.sign_in(&person.email, &person.password).await;
        let _ = signed_in.expect(200);
        let shorter = server.sign_in(&person.email, &of(length - 1)).await;
        let _ = shorter.expect(401);
    }
    judge(&server, &[(&of(257), &["too_long"])]).await;
}

async fn item_04_no_kind_of_character_is_asked_for(backend: Backend) {
    let server = under_nist(backend).await;
    judge(
        &server,
        &[
            ("kestrels over the moors", &[]),
            ("ZXKVQPWTJBHFMDSGC", &[]),
            ("904817263549081", &[]),
            ("жирафы идут домой", &[]),
            ("~-~+~=~-~+~=~-~+~", &[]),
        ],
    )
    .await;
    let policy = server.get("/api/v1/password-policy").await.json();
    assert_eq!(policy["require"], json!([]));
    assert_eq!(policy["min_length"], 15);
}

/// All 6,000 are tried in the verifier, whose code the server runs; here are as many of
/// them as do not take long.
async fn item_07_the_most_common_passwords_are_refused(backend: Backend) {
    // The way in which most people meet the default rule.
    let fitting: Vec<String> = COMMON_8
        .lines()
        .filter(|password| password.contains(|c: char| c.is_ascii_digit()))
        .filter(|password| password.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter(|password| password[1..].contains(|c: char| c.is_ascii_lowercase()))
        .map(|password| password[..1].to_uppercase() + &password[1..])
        .collect();
    let long: Vec<String> = COMMON_15.lines().map(str::to_owned).collect();
    let (by_default, nist) = (Server::start(backend).await, under_nist(backend).await);
    for (server, passwords) in [(&by_default, &fitting), (&nist, &long)] {
        assert!(passwords.len() > 500, "{}", passwords.len());
        let some: Vec<&String> = passwords.iter().step_by(passwords.len() / 150).collect();
        let alice = server.account_of("Alice").await;
        for few in some.chunks(10) {
            let sign_ups = few
                .iter()
                .map(|password| server.sign_up(&Person::named("Bobby").with_password(password)));
            for (answer, password) in join_all(sign_ups.map(IntoFuture::into_future))
                .await
                .into_iter()
                .zip(few)
            {
                let violations = answer.expect(422).violations();
                assert_eq!(violations, ["password: too_common"], "{password}");
            }
        }
        for password in some.iter().step_by(10) {
            let answer =
                server.change_password(&alice.tokens.access, &alice.person.password, password);
            let violations = answer.await.expect(422).violations();
            assert_eq!(violations, ["new_password: too_common"], "{password}");
        }
        let right = server.sign_in(&alice.person.email, &alice.person.password);
        let _ = right.await.expect(200);
    }
}

async fn item_08_words_that_everybody_knows_of_the_user_are_no_password(backend: Backend) {
    let home = Home::new(backend)
        .config("[passwords.policy]\ncontext_words = [\"latchkey\", \"Acme Rockets\"]\n");
    let server = home.start().await;
    judge(
        &server,
        &[
            // The name, the address, the service and the operator's own words.
            ("Joan-Fairweather-1", &["contains_context"]),
            ("Winnifred-2026", &["contains_context"]),
            ("Latchkey-2026", &["contains_context"]),
            ("Rockets-of-2026", &["contains_context"]),
            // With letters swapped, in other cases, twice, and one behind the other.
            ("J0an-F4irwe4ther", &["contains_context"]),
            ("1@tChKeY-99-A", &["contains_context"]),
            ("JOAN-joan-2026", &["contains_context"]),
            ("Fairweather7Joan", &["contains_context"]),
            ("JoanLatchkey77", &["contains_context"]),
            // A word among others is no harm.
            ("Joan-feeds-7-kestrels", &[]),
            ("Kestrel-over-27-moors", &[]),
        ],
    )
    .await;
    let alice = server.account_of("Alice").await;
    let change = server.change_password(
        &alice.tokens.access,
        &alice.person.password,
        "Alice-Example-2026",
    );
    let violations = change.await.expect(422).violations();
    assert_eq!(violations, ["new_password: contains_context"]);
}

async fn item_09_the_whole_password_is_compared_with_the_list(backend: Backend) {
    let server = Server::start(backend).await;
    judge(
        &server,
        &[
            ("my-Password-is-a-kestrel-7", &[]),
            ("Password1Password2Kestrel", &[]),
            ("Joan loves 7 wild kestrels", &[]),
        ],
    )
    .await;
    judge(
        &under_nist(backend).await,
        &[("my password is a kestrel", &[])],
    )
    .await;
}

async fn item_10_a_refusal_says_why(backend: Backend) {
    let home = Home::new(backend).config(
        "[passwords.policy]\nmin_length = 12\nmax_length = 20\nmin_score = 3\n\
         require = [\"upper\", \"lower\", \"digit\", \"symbol\"]\n",
    );
    let server = home.start().await;
    let mut told = Vec::new();
    for (password, word) in [
        ("Kq-7", "at least 12 characters"),
        ("Kestrel-over-27-moors-and-hills", "at most 20 characters"),
        ("kestrel-over-27-moor", "upper-case letter"),
        ("KESTREL-OVER-27-MOOR", "lower-case letter"),
        ("Kestrel-over-moors", "digit"),
        ("Kestrel0over27moors", "symbol"),
        ("Password1", "most people use"),
        ("Alice-Example-1", "your name"),
        ("Aa1-Aa1-Aa1-Aa1-", "guess"),
    ] {
        let person = Person::named("Alice").with_password(password);
        let answer = server.sign_up(&person).await.expect(422);
        let problem = answer.json();
        let messages: Vec<&str> = problem["errors"]
            .as_array()
            .expect("errors")
            .iter()
            .map(|error| error["message"].as_str().expect("words"))
            .collect();
        let said = messages.iter().any(|message| message.contains(word));
        assert!(said, "{password}: no {word:?} in {messages:?}");
        assert!(answer.member("/msg").contains(word), "{}", answer.shown());
        told.extend(answer.violations());

        let form = [
            ("name", person.name.as_str()),
            ("email", &person.email),
            ("password", password),
        ];
        let page = Browser::new(&server).submit("/signup", &form).await;
        let page = page.expect(422);
        assert!(page.faults("password").contains(word), "{}", page.text());
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 9, "each reason there is: {told:?}");
}

/// Nothing that a client found out is believed: it is judged again, wherever a password is
/// set.
async fn item_13_the_server_decides_whatever_a_client_has_found(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let mut form = Person::named("Bobby").with_password("Password1").form();
    for (member, value) in [
        ("ok", json!(true)),
        ("score", json!(4)),
        ("violations", json!([])),
        ("policy", json!({ "forbid_common": false })),
    ] {
        form[member] = value;
    }
    let answer = server.post("/api/v1/users/signup").json(&form).await;
    let violations = answer.expect(422).violations();
    assert_eq!(violations, ["password: too_common"]);

    let fields = [
        ("current_password", &*alice.person.password),
        ("new_password", "Password1"),
        ("score", "4"),
    ];
    let mut browser = Browser::new(&server).with_token(&alice.tokens.refresh);
    let page = browser.submit("/account/password", &fields).await;
    assert!(page.expect(422).refuses("new_password"));

    let set = ["user", "set-password", &alice.person.email];
    let refused = server.home().cli_with_input("Password1", set).await;
    let _ = refused.failed(1);
    let right = server.sign_in(&alice.person.email, &alice.person.password);
    let _ = right.await.expect(200);
}
