//! One mailbox is one account, however its address is spelt.

use latchkey_tests::{Backend, Person, Server, on_each_backend};

on_each_backend![
    item_25_one_mailbox_is_one_account,
    item_25_different_mailboxes_are_different_accounts,
    item_25_characters_that_only_look_alike_are_refused,
    item_25_a_domain_that_is_none_in_the_dns_is_refused,
    the_address_stays_as_it_was_typed,
];

async fn item_25_one_mailbox_is_one_account(backend: Backend) {
    let server = Server::start(backend).await;
    for spellings in [
        &[
            "alice@example.com",
            "ALICE@EXAMPLE.COM",
            "  Alice@Example.com ",
        ][..],
        // Composed, decomposed, and in capitals.
        &[
            "j\u{f6}rg@example.com",
            "jo\u{308}rg@example.com",
            "J\u{d6}RG@example.com",
        ],
        // A domain in Unicode, in capitals, decomposed, and as it goes over the wire.
        &[
            "bob@b\u{fc}cher.example",
            "bob@B\u{dc}CHER.example",
            "bob@bu\u{308}cher.example",
            "bob@xn--bcher-kva.example",
            "bob@XN--BCHER-KVA.example",
            "bob@b\u{fc}cher\u{3002}example",
        ],
        // Final sigma is a sigma.
        &["\u{3c3}\u{3c2}@example.com", "\u{3a3}\u{3a3}@example.com"],
    ] {
        let person = Person::named("Alice").with_email(spellings[0]);
        let account = server.account(&person).await;
        for spelling in spellings {
            let again = server.sign_up(&person.clone().with_email(spelling)).await;
            assert_eq!(again.expect(400).code(), "email_taken", "{spelling}");
            let signed_in = server.sign_in(spelling, &person.password).await.expect(200);
            assert_eq!(signed_in.member("/user/user_id"), account.user_id);
        }
    }
}

async fn item_25_different_mailboxes_are_different_accounts(backend: Backend) {
    let server = Server::start(backend).await;
    for email in [
        "admin@example.com",
        // Turkish dotless i: its capital is I, but it is another letter.
        "adm\u{131}n@example.com",
        "admin@example.org",
        "admin+1@example.com",
        "ad.min@example.com",
    ] {
        let account = server
            .account(&Person::named("Admin").with_email(email))
            .await;
        assert_eq!(
            server.me(&account.tokens.access).await.member("/email"),
            email
        );
    }
}

async fn item_25_characters_that_only_look_alike_are_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let _ = server
        .account(&Person::named("Mike").with_email("mike@example.com"))
        .await;
    for email in [
        // Kelvin sign, full-width letters, a long s, a ligature, a mathematical letter.
        "mi\u{212a}e@example.com",
        "\u{ff4d}ike@example.com",
        "mike\u{ff20}example.com",
        "mike@example\u{ff0e}com",
        "mike@\u{212a}ite.example",
        "mike@example.\u{1d50}",
        "mi\u{17f}s@example.com",
        "o\u{fb03}ce@example.com",
        "\u{1d426}ike@example.com",
    ] {
        let person = Person::named("Mike").with_email(email);
        let violations = server.sign_up(&person).await.expect(422).violations();
        assert_eq!(violations.len(), 1, "{email}");
        let answer = server.sign_in(email, &person.password).await;
        assert!([401, 422].contains(&answer.status), "{}", answer.shown());
    }
}

/// An `xn--` form is the domain that it stands for (above), or nothing.
async fn item_25_a_domain_that_is_none_in_the_dns_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let mike = server
        .account(&Person::named("Mike").with_email("mike@example.com"))
        .await;
    for domain in [
        "xn--.com",
        "xn--a.com",
        // Punycode of what is ASCII, and of a full-width letter.
        "xn--example-.com",
        "xn--mike-i43c.com",
        "xn--ls8h=.la",
        "xn--zzzzzzzzzzzzzzz.com",
        "exa\u{200d}mple.com",
        "ex\u{ad}ample.com",
        "example.com.",
        "example..com",
        "[127.0.0.1]",
        "127.0.0.1:25",
        "localhost",
    ] {
        let email = format!("mike@{domain}");
        let person = Person::named("Mike").with_email(&email);
        let violations = server.sign_up(&person).await.expect(422).violations();
        assert_eq!(violations, ["email: invalid_email"], "{email}");
        let answer = server.sign_in(&email, &person.password).await;
        assert!([401, 422].contains(&answer.status), "{}", answer.shown());
        let set = ["user", "set-email", "mike@example.com", &email];
        let _ = server.cli(set).await.failed(2);
    }
    // A dotless i in a domain is another domain, which has another account.
    let other = Person::named("Mike").with_email("m\u{131}ke@examp\u{131}e.com");
    let other = server.account(&other).await;
    assert_ne!(other.user_id, mike.user_id);
    let answer = server.sign_in("mike@example.com", &mike.person.password);
    assert_eq!(answer.await.member("/user/user_id"), mike.user_id);
}

async fn the_address_stays_as_it_was_typed(backend: Backend) {
    let server = Server::start(backend).await;
    for (typed, kept) in [
        (" Alice.Smith@Example.COM\t", "Alice.Smith@Example.COM"),
        ("Zoe\u{308}@Example.com", "Zo\u{eb}@Example.com"),
    ] {
        let answer = server
            .sign_up(&Person::named("Alice").with_email(typed))
            .await
            .expect(201);
        assert_eq!(answer.member("/user/email"), kept);
    }
}
