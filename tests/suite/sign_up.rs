//! POST `/api/v1/users/signup`.

use insta::assert_snapshot;
use latchkey_tests::{Backend, Person, Server, on_each_backend};
use serde_json::{Value, json};

on_each_backend![
    answers_with_the_user_and_tokens,
    a_taken_email_is_refused,
    names_have_5_to_100_characters,
    ages_are_1_to_150_as_number_or_text,
    item_25_addresses_look_like_addresses,
    an_address_has_at_most_254_bytes,
    item_10_all_that_is_wrong_is_told_at_once,
    what_is_missing_or_of_another_kind_does_not_fit,
    item_27_what_the_form_does_not_have_has_no_effect,
    item_26_fifty_sign_ups_of_one_address_make_one_account,
];

async fn answers_with_the_user_and_tokens(backend: Backend) {
    let server = Server::start(backend).await;
    let mut alice = Person::named("Alice");
    alice.age = Some(30);

    let answer = server.sign_up(&alice).await;

    assert_snapshot!(answer.shown(), @r#"
    201
    content-type: application/json
    cache-control: no-store

    {
      "access_token": "[jwt]",
      "expires_in": 1800,
      "refresh_token": "[jwt]",
      "token_type": "bearer",
      "user": {
        "age": 30,
        "created_at": "[time]",
        "email": "alice@example.com",
        "name": "Alice Example",
        "updated_at": "[time]",
        "user_id": "[uuid]"
      }
    }
    "#);
    let me = server.me(&answer.tokens().access).await.expect(200);
    assert_eq!(me.json(), answer.json()["user"]);
}

async fn a_taken_email_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;

    let answer = server.sign_up(&alice.person).await;

    assert_snapshot!(answer.shown(), @r#"
    400
    content-type: application/problem+json
    cache-control: no-store

    {
      "code": "email_taken",
      "detail": "Email already registered",
      "msg": "Email already registered",
      "status": 400,
      "title": "Email already registered",
      "type": "/problems/email_taken"
    }
    "#);
}

async fn names_have_5_to_100_characters(backend: Backend) {
    let server = Server::start(backend).await;
    for (index, (name, violations)) in [
        ("Adam".to_owned(), vec!["name: too_short"]),
        ("Adams".to_owned(), vec![]),
        ("Zoë Ñ".to_owned(), vec![]),
        ("é".repeat(100), vec![]),
        ("é".repeat(101), vec!["name: too_long"]),
        (String::new(), vec!["name: too_short"]),
        (
            "Adam\r\nSet-Cookie: x".to_owned(),
            vec!["name: invalid_characters"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut person = Person::named(&format!("person{index}"));
        person.name.clone_from(&name);
        let answer = server.sign_up(&person).await;
        if violations.is_empty() {
            assert_eq!(answer.expect(201).member("/user/name"), name);
        } else {
            assert_eq!(answer.expect(422).violations(), violations, "{name:?}");
        }
    }
}

async fn ages_are_1_to_150_as_number_or_text(backend: Backend) {
    let server = Server::start(backend).await;
    for (index, (age, kept)) in [
        (json!(1), Some(json!(1))),
        (json!(150), Some(json!(150))),
        (json!("42"), Some(json!(42))),
        (json!(null), Some(json!(null))),
        (json!(0), None),
        (json!(151), None),
        (json!(-1), None),
        (json!("0"), None),
        (json!(30.5), None),
        (json!("thirty"), None),
        (json!(""), None),
        (json!(true), None),
        (json!([30]), None),
        (json!(18_446_744_073_709_551_615_u64), None),
    ]
    .into_iter()
    .enumerate()
    {
        let mut form = Person::named(&format!("person{index}")).form();
        form["age"] = age.clone();
        let answer = server.post("/api/v1/users/signup").json(&form).await;
        match kept {
            Some(kept) => assert_eq!(answer.expect(201).json()["user"]["age"], kept),
            None => {
                let violations = answer.expect(422).violations();
                assert_eq!(violations.len(), 1, "{age}");
                assert!(violations[0].starts_with("age: "), "{age}: {violations:?}");
            }
        }
    }
    let without = server.sign_up(&Person::named("nobody")).await.expect(201);
    assert_eq!(without.json()["user"]["age"], Value::Null);
}

async fn item_25_addresses_look_like_addresses(backend: Backend) {
    let server = Server::start(backend).await;
    for email in [
        "",
        "alice",
        "@example.com",
        "alice@",
        "alice@@example.com",
        "alice@exa mple.com",
        "alice@example..com",
        "alice@-example.com",
        ".alice@example.com",
        "alice.@example.com",
        "al ice@example.com",
        "alice@example.com\r\nBcc: eve@example.com",
        "alice\u{0}@example.com",
        "Alice <alice@example.com>",
        // Full-width @: NFKC would make a real one of it.
        "alice\u{ff20}example.com",
    ] {
        let answer = server
            .sign_up(&Person::named("Alice").with_email(email))
            .await
            .expect(422);
        let violations = answer.violations();
        assert_eq!(violations.len(), 1, "{email:?}");
        assert!(
            violations[0].starts_with("email: "),
            "{email:?}: {violations:?}"
        );
    }
    for email in [
        "a@b.co",
        "alice+latchkey@example.com",
        "o'neil@example.com",
        "用户@例子.广告",
        "jörg@müller.example",
    ] {
        let person = Person::named("Alice").with_email(email);
        let answer = server.sign_up(&person).await.expect(201);
        assert_eq!(answer.member("/user/email"), email);
    }
}

async fn an_address_has_at_most_254_bytes(backend: Backend) {
    let server = Server::start(backend).await;
    let of_length = |length: usize| {
        let domain = format!(
            "{}.{}.{}.example",
            "a".repeat(60),
            "b".repeat(60),
            "c".repeat(50)
        );
        let local = "x".repeat(length - domain.len() - 1);
        Person::named("Alice").with_email(&format!("{local}@{domain}"))
    };
    let _ = server.sign_up(&of_length(240)).await.expect(201);
    let answer = server.sign_up(&of_length(255)).await.expect(422);
    assert_eq!(answer.violations(), ["email: invalid_email"]);
}

async fn item_10_all_that_is_wrong_is_told_at_once(backend: Backend) {
    let server = Server::start(backend).await;
    let form = json!({ "name": "Al", "email": "alice", "password": "short", "age": 200 });

    let answer = server.post("/api/v1/users/signup").json(&form).await;

    assert_snapshot!(answer.shown(), @r#"
    422
    content-type: application/problem+json
    cache-control: no-store

    {
      "code": "validation_failed",
      "detail": "name: must have at least 5 characters; email: must have one @ between a name and a domain, as in name@example.com; password: Use at least 8 characters, not 5.; password: Add an upper-case letter.; password: Add a digit.; password: Choose another password. This is one of those that most people use and attackers try first.; age: must be between 1 and 150",
      "errors": [
        {
          "code": "too_short",
          "field": "name",
          "message": "must have at least 5 characters"
        },
        {
          "code": "invalid_email",
          "field": "email",
          "message": "must have one @ between a name and a domain, as in name@example.com"
        },
        {
          "code": "too_short",
          "field": "password",
          "message": "Use at least 8 characters, not 5."
        },
        {
          "code": "missing_upper",
          "field": "password",
          "message": "Add an upper-case letter."
        },
        {
          "code": "missing_digit",
          "field": "password",
          "message": "Add a digit."
        },
        {
          "code": "too_common",
          "field": "password",
          "message": "Choose another password. This is one of those that most people use and attackers try first."
        },
        {
          "code": "out_of_range",
          "field": "age",
          "message": "must be between 1 and 150"
        }
      ],
      "msg": "name: must have at least 5 characters; email: must have one @ between a name and a domain, as in name@example.com; password: Use at least 8 characters, not 5.; password: Add an upper-case letter.; password: Add a digit.; password: Choose another password. This is one of those that most people use and attackers try first.; age: must be between 1 and 150",
      "status": 422,
      "title": "The request body does not fit",
      "type": "/problems/validation_failed"
    }
    "#);
}

async fn what_is_missing_or_of_another_kind_does_not_fit(backend: Backend) {
    let server = Server::start(backend).await;
    let sign_up = |form: Value| {
        server
            .post("/api/v1/users/signup")
            .json(&form)
            .into_future()
    };

    assert_snapshot!(sign_up(json!({})).await.shown(), @r#"
    422
    content-type: application/problem+json
    cache-control: no-store

    {
      "code": "validation_failed",
      "detail": "name: is required; email: is required; password: is required",
      "errors": [
        {
          "code": "missing",
          "field": "name",
          "message": "is required"
        },
        {
          "code": "missing",
          "field": "email",
          "message": "is required"
        },
        {
          "code": "missing",
          "field": "password",
          "message": "is required"
        }
      ],
      "msg": "name: is required; email: is required; password: is required",
      "status": 422,
      "title": "The request body does not fit",
      "type": "/problems/validation_failed"
    }
    "#);
    for field in ["name", "email", "password"] {
        for value in [json!(null), json!(1), json!(["x"]), json!({})] {
            let mut form = Person::named("Alice").form();
            form[field] = value.clone();
            let violations = sign_up(form).await.expect(422).violations();
            assert_eq!(violations.len(), 1, "{field}: {value}");
            assert!(
                violations[0].starts_with(&format!("{field}: ")),
                "{field}: {value}: {violations:?}"
            );
        }
    }
    for body in [json!([]), json!("text"), json!(1), json!(null)] {
        let _ = sign_up(body).await.expect(422);
    }
}

async fn item_27_what_the_form_does_not_have_has_no_effect(backend: Backend) {
    let server = Server::start(backend).await;
    let mut form = Person::named("Alice").form();
    for (member, value) in [
        ("user_id", json!("01932f6e-7a5b-7cde-8f01-23456789abcd")),
        ("id", json!(1)),
        ("role", json!("admin")),
        ("is_admin", json!(true)),
        ("email_verified", json!(true)),
        ("disabled_at", json!(null)),
        ("created_at", json!("2000-01-01T00:00:00.000Z")),
        ("hash", json!("x")),
    ] {
        form[member] = value;
    }

    let answer = server
        .post("/api/v1/users/signup")
        .json(&form)
        .await
        .expect(201);

    let user = answer.json()["user"].clone();
    let members: Vec<_> = user.as_object().expect("a user").keys().cloned().collect();
    let mut expected = [
        "user_id",
        "name",
        "email",
        "age",
        "created_at",
        "updated_at",
    ];
    expected.sort_unstable();
    assert_eq!(members, expected);
    assert_ne!(user["user_id"], form["user_id"]);
    assert_ne!(user["created_at"], form["created_at"]);
    assert!(!answer.text().contains("$argon2"), "{}", answer.shown());
}

async fn item_26_fifty_sign_ups_of_one_address_make_one_account(backend: Backend) {
    let server = Server::start(backend).await;
    let spellings = [
        "alice@example.com",
        "ALICE@example.com",
        "Alice@EXAMPLE.com",
    ];

    let mut tries = Vec::new();
    for index in 0..50 {
        let person = Person::named("Alice").with_email(spellings[index % spellings.len()]);
        tries.push(tokio::spawn(server.sign_up(&person).into_future()));
    }
    let mut created = Vec::new();
    for answer in tries {
        let answer = answer.await.expect("an answer");
        match answer.status {
            201 => created.push(answer.tokens()),
            _ => assert_eq!(answer.expect(400).code(), "email_taken"),
        }
    }

    assert_eq!(created.len(), 1);
    assert_eq!(
        server.database().rows("select count(*) from users"),
        [["1"]]
    );
    let _ = server.me(&created[0].access).await.expect(200);
}
