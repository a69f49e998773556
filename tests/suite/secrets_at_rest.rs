//! What lies on the disk and in the log is of no use to a thief.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use latchkey_tests::{
    Backend, Browser, Home, Jwt, Person, Server, Signal, Tokens, on_each_backend, on_sqlite,
};

on_each_backend![
    item_16_neither_passwords_nor_tokens_are_kept,
    item_16_a_crash_leaves_no_core_file,
];
on_sqlite![files_are_for_their_owner_alone];

const SECRET: &str = "3f6c0a9d5e7b4821964dc0ffb1a27e85";
const KEY_ENCRYPTION_SECRET: &str = "c2b7f0e19a6d4e3581724d6b90ffac13";

/// Everything that may not be found, with a name.
#[derive(Default)]
struct Secrets(Vec<(String, Vec<u8>)>);

impl Secrets {
    fn add(&mut self, name: &str, secret: impl AsRef<[u8]>) {
        let secret = secret.as_ref();
        assert!(secret.len() >= 8, "{name} would be found by chance");
        self.0.push((name.to_owned(), secret.to_vec()));
        for encoded in [
            STANDARD_NO_PAD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
        ] {
            self.0
                .push((format!("{name} in base64"), encoded.into_bytes()));
        }
        let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0
            .push((format!("{name} in hexadecimal"), digits.into()));
    }

    fn add_tokens(&mut self, name: &str, tokens: &Tokens) {
        for (kind, token) in [("access", &tokens.access), ("refresh", &tokens.refresh)] {
            let name = format!("{name}: {kind} token");
            self.add(&name, token);
            let signature = token.rsplit('.').next().expect("a signature");
            self.add(&format!("{name}'s signature"), signature);
            self.add(
                &format!("{name}'s signature, raw"),
                Jwt::read(token).signature,
            );
        }
        let jti = Jwt::read(&tokens.refresh).claims["jti"].clone();
        let jti = jti.as_str().expect("text");
        self.add(&format!("{name}: refresh jti"), jti);
        if let Ok(raw) = URL_SAFE_NO_PAD.decode(jti) {
            self.add(&format!("{name}: refresh jti, raw"), raw);
        }
    }

    /// On the disk, in the log beside it, and in what a query shows, where PostgreSQL may have
    /// stored something long in another form.
    fn not_in_database(&self, server: &Server) {
        let bytes = server.database().bytes();
        let email = "alice@example.com";
        assert!(as_text(&bytes).contains(email), "what is stored is found");
        self.not_in("the database", &bytes);
        let dump = server.database().dump();
        for table in ["users", "sessions", "signing_keys", "audit_events"] {
            let rows = dump.matches(&format!("{table}: ")).count();
            assert!(rows > 0, "{table} is not in the dump");
        }
        self.not_in("the tables", dump.to_lowercase().as_bytes());
        self.not_in("the tables", dump.as_bytes());
    }

    fn not_in(&self, place: &str, bytes: &[u8]) {
        let place_as_text = as_text(bytes);
        for (name, secret) in &self.0 {
            let found = place_as_text.contains(&as_text(secret));
            assert!(!found, "{name} is in {place}");
        }
    }
}

/// A character for each byte: the standard library looks for texts in megabytes faster than
/// anything that is compiled without optimisation.
fn as_text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

async fn item_16_neither_passwords_nor_tokens_are_kept(backend: Backend) {
    let server = Home::new(backend)
        .env("JWT_SECRET_KEY", SECRET)
        .env(
            "LATCHKEY_TOKENS__KEY_ENCRYPTION_SECRET",
            KEY_ENCRYPTION_SECRET,
        )
        .env("LATCHKEY_LOG", "trace")
        .start()
        .await;
    let mut secrets = Secrets::default();
    secrets.add("the HMAC key", SECRET);
    secrets.add("the key-encryption secret", KEY_ENCRYPTION_SECRET);

    let alice = Person::named("Alice").with_password("Wren-in-the-9-hedges");
    secrets.add("a password", &alice.password);
    let signed_up = server.account(&alice).await.tokens;
    secrets.add_tokens("sign-up", &signed_up);
    let signed_in = server.sign_in(&alice.email, &alice.password).await.tokens();
    secrets.add_tokens("sign-in", &signed_in);
    let refreshed = server.refresh(&signed_in.refresh).await.tokens();
    secrets.add_tokens("refresh", &refreshed);
    // The successor is still unused, and so still kept for the predecessor.
    secrets.not_in_database(&server);

    secrets.add("a wrong password", "Wrong-wren-in-10-hedges");
    let _ = server
        .sign_in(&alice.email, "Wrong-wren-in-10-hedges")
        .await
        .expect(401);
    secrets.add("a new password", "Heron-under-38-bridges");
    let changed = server
        .change_password(&refreshed.access, &alice.password, "Heron-under-38-bridges")
        .await
        .expect(200)
        .tokens();
    secrets.add_tokens("change", &changed);
    // Where they do not belong.
    let _ = server
        .get(&format!("/nowhere?token={}", changed.refresh))
        .await;
    let _ = server.get(&format!("/{}", changed.refresh)).await;
    for place in ["problems", "status-lists", "api/v1/users/me/sessions"] {
        let path = format!("/{place}/{}", changed.refresh);
        let _ = server.get(&path).await;
        let _ = server.delete(&path).bearer(&changed.access).await;
    }
    let broken = format!("{{\"password\": \"{}\"", alice.password);
    let _ = server
        .post("/api/v1/users/signin")
        .body("application/json", broken)
        .await;
    let in_the_email = server.sign_in(&alice.password, "x").await;
    assert!([401, 422].contains(&in_the_email.status));
    // A password that could be an address is looked up as one.
    secrets.add("a password like an address", "Correct-horse@battery.staple");
    secrets.add("the same, canonical", "correct-horse@battery.staple");
    let like_an_address = server.sign_in("Correct-horse@battery.staple", "x");
    let _ = like_an_address.await.expect(401);
    for wrong in ["Wrong-wren-in-11-hedges", "Wrong-wren-in-12-hedges"] {
        secrets.add("a wrong password", wrong);
        let _ = server.delete_me(&changed.access, wrong).await.expect(403);
        let change = server.change_password(&changed.access, wrong, "Heron-under-39-bridges");
        let _ = change.await.expect(403);
    }
    by_oauth_and_by_pages(
        &server,
        &alice.email,
        "Heron-under-38-bridges",
        &mut secrets,
    )
    .await;
    let trail = server.cli(["audit", "list"]).await.ok().stdout;
    assert!(trail.contains("user.deletion_failed"), "{trail}");
    secrets.not_in("the audit trail", trail.as_bytes());

    secrets.not_in_database(&server);
    let home = server.terminate().await;
    secrets.not_in("the database", &home.database().bytes());
    let logs = home.logs();
    assert!(!logs.is_empty());
    secrets.not_in("the log", logs.as_bytes());
}

/// Whoever started it allows core files of any size, as some systems do.
async fn item_16_a_crash_leaves_no_core_file(backend: Backend) {
    let home = Home::new(backend).under(&["prlimit", "--core=unlimited"]);
    let mut server = home.start().await;
    assert_eq!(server.soft_limit("Max core file size"), "0");

    server.signal(Signal::Abort);
    let ended = server.exit().await;
    assert_eq!(ended.signal(), Some(6));
    assert!(!ended.core_dumped());
}

/// The other ways in, each with a secret or two.
async fn by_oauth_and_by_pages(
    server: &Server,
    email: &str,
    password: &str,
    secrets: &mut Secrets,
) {
    let client = server.client("gateway").await;
    secrets.add("a client's secret", &client.secret);
    let tokens = server.sign_in(email, password).await.tokens();
    secrets.add_tokens("for introspection", &tokens);
    for token in [&tokens.access, &tokens.refresh] {
        let _ = server.introspect(&client, token).await.expect(200);
    }
    let granted = server.oauth_refresh(&tokens.refresh).await.expect(200);
    secrets.add_tokens("oauth", &granted.tokens());
    secrets.add("a wrong client's secret", "not-the-secret-of-the-gateway");
    let wrong = server
        .post("/oauth/introspect")
        .basic(&client.id, "not-the-secret-of-the-gateway")
        .form(&[("token", "x")]);
    let _ = wrong.await.expect(401);
    let _ = server.revoke(&granted.tokens().refresh).await.expect(200);

    let mut browser = Browser::new(server);
    secrets.add("a wrong password in a form", "Wrong-wren-in-13-hedges");
    for (password, status) in [("Wrong-wren-in-13-hedges", 401), (password, 303)] {
        let form = [("email", email), ("password", password)];
        let _ = browser.submit("/signin", &form).await.expect(status);
    }
    secrets.add("the cookie", browser.token());
    let given = browser.submit("/account/token", &[]).await.expect(200);
    secrets.add("a token for scripts", given.member("/access_token"));
    secrets.add("the next cookie", browser.token());
    secrets.add("a password of a form", "Petrel-across-41-bays");
    let fields = [
        ("current_password", password),
        ("new_password", "Petrel-across-41-bays"),
    ];
    let changed = browser.submit("/account/password", &fields).await;
    let _ = changed.expect(303);
    secrets.add("the last cookie", browser.token());
    let _ = browser.submit("/signout", &[]).await.expect(303);
}

async fn files_are_for_their_owner_alone(backend: Backend) {
    let server = Server::start(backend).await;
    let _ = server.account_of("Alice").await;
    let backup = server.home().path("backup.db");
    let _ = server
        .cli(["backup", backup.to_str().expect("a path of text")])
        .await
        .ok();

    let mut files = server.database().files();
    assert!(files.len() >= 2, "database and log: {files:?}");
    files.push(backup);
    for file in files {
        let mode = fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}
