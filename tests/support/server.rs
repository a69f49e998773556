//! A running server, with a verb for each thing that a client does.

use std::ffi::OsStr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::sync::OnceCell;

use crate::account::{Account, ApiClient, Person};
use crate::answer::Answer;
use crate::backend::{Backend, Database};
use crate::call::Call;
use crate::home::Home;
use crate::openapi::Contract;
use crate::output::Output;
use crate::process::{Process, Signal};
use crate::raw::Raw;
use crate::token::Jwt;
use crate::wait::{SAFETY_NET, eventually, within};

/// `/health` knows by then how the database is: its question takes 5 s at most, as the
/// documentation says, and there is room for a machine that is busy.
const HEALTH_KNOWN: Duration = Duration::from_secs(15);

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct Server {
    // Dropped first: the server ends before its directory goes.
    process: Process,
    home: Home,
    client: Client,
}

/// What sends requests to one server. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) origin: String,
    contract: Option<Arc<OnceCell<Contract>>>,
}

impl Client {
    /// Holds an answer against what the server documents, unless it documents nothing.
    pub(crate) async fn hold_to_contract(&self, method: &Method, path: &str, answer: &Answer) {
        let Some(contract) = &self.contract else {
            return;
        };
        contract
            .get_or_init(async || Contract::fetch(&self.http, &self.origin).await)
            .await
            .hold(method, path, answer);
    }
}

/// The life of the process.
impl Server {
    /// Starts a server with a database of its own and default settings.
    pub async fn start(backend: Backend) -> Self {
        Home::new(backend).start().await
    }

    pub(crate) fn new(home: Home, process: Process) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(SAFETY_NET)
            .build()
            .expect("an HTTP client");
        let client = Client {
            http,
            origin: process.origin.clone(),
            contract: home.documented.then(Arc::default),
        };
        Self {
            process,
            home,
            client,
        }
    }

    /// Kills the server without a warning.
    #[must_use]
    pub fn kill_9(mut self) -> Home {
        self.process.kill_9();
        self.home
    }

    /// Kills the server without a warning, and waits for nothing: for a test whose
    /// clients still hold it.
    pub fn send_kill_9(&self) {
        self.process.signal(Signal::Kill);
    }

    /// Asks the server to finish, and waits until it has.
    ///
    /// # Panics
    ///
    /// When it does not end with exit code 0.
    pub async fn terminate(mut self) -> Home {
        self.process.signal(Signal::Terminate);
        let status = self.process.exit().await;
        assert_eq!(status.code(), Some(0), "{status}");
        self.home
    }

    /// Ends the server in good order and starts it again.
    pub async fn restart(self) -> Self {
        self.terminate().await.start().await
    }

    /// Sends a signal, and waits for nothing.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits until the server ends by itself.
    pub async fn exit(&mut self) -> ExitStatus {
        self.process.exit().await
    }

    /// Whether the server runs.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// The process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// All that the server wrote to stdout.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.process.stdout()
    }

    /// All that servers on this database have logged.
    #[must_use]
    pub fn logs(&self) -> String {
        self.home.logs()
    }

    /// Where it runs.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Its database.
    #[must_use]
    pub fn database(&self) -> &Database {
        self.home.database()
    }

    /// Runs a subcommand on the same database while the server runs.
    pub async fn cli<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        self.home.cli(arguments).await
    }

    /// `http://127.0.0.1:12345`
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.client.origin
    }

    /// `127.0.0.1:12345`
    #[must_use]
    pub fn address(&self) -> &str {
        self.client.origin.trim_start_matches("http://")
    }
}

/// Requests of any kind.
impl Server {
    /// A request.
    ///
    /// # Panics
    ///
    /// When there can be no such method.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        Call::new(self.client.clone(), method, path)
    }

    /// A GET request.
    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    /// A POST request.
    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// A DELETE request.
    pub fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }

    /// A connection, for what no well-behaved client would send.
    pub async fn raw(&self) -> Raw {
        Raw::connect(self.address()).await
    }
}

/// The verbs of the API.
impl Server {
    /// POST `/api/v1/users/signup`
    pub fn sign_up(&self, person: &Person) -> Call {
        self.post("/api/v1/users/signup").json(&person.form())
    }

    /// POST `/api/v1/users/signin`
    pub fn sign_in(&self, email: &str, password: &str) -> Call {
        self.post("/api/v1/users/signin")
            .json(&json!({ "email": email, "password": password }))
    }

    /// POST `/api/v1/users/refresh`, the token as Bearer.
    pub fn refresh(&self, refresh_token: &str) -> Call {
        self.post("/api/v1/users/refresh").bearer(refresh_token)
    }

    /// POST `/api/v1/users/logout`
    pub fn log_out(&self, token: &str) -> Call {
        self.post("/api/v1/users/logout").bearer(token)
    }

    /// GET `/api/v1/users/me`
    pub fn me(&self, access_token: &str) -> Call {
        self.get("/api/v1/users/me").bearer(access_token)
    }

    /// PATCH `/api/v1/users/me`
    pub fn update_me(&self, access_token: &str, change: &serde_json::Value) -> Call {
        self.call("PATCH", "/api/v1/users/me")
            .bearer(access_token)
            .json(change)
    }

    /// DELETE `/api/v1/users/me`
    pub fn delete_me(&self, access_token: &str, password: &str) -> Call {
        self.delete("/api/v1/users/me")
            .bearer(access_token)
            .json(&json!({ "password": password }))
    }

    /// POST `/api/v1/users/me/password`
    pub fn change_password(&self, access_token: &str, current: &str, new: &str) -> Call {
        self.post("/api/v1/users/me/password")
            .bearer(access_token)
            .json(&json!({ "current_password": current, "new_password": new }))
    }

    /// GET `/api/v1/users/me/sessions`
    pub fn sessions(&self, access_token: &str) -> Call {
        self.get("/api/v1/users/me/sessions").bearer(access_token)
    }

    /// DELETE `/api/v1/users/me/sessions/{session_id}`
    pub fn end_session(&self, access_token: &str, session_id: &str) -> Call {
        self.delete(&format!("/api/v1/users/me/sessions/{session_id}"))
            .bearer(access_token)
    }

    /// DELETE `/api/v1/users/me/sessions`
    pub fn end_sessions(&self, access_token: &str) -> Call {
        self.delete("/api/v1/users/me/sessions")
            .bearer(access_token)
    }

    /// Makes a client, which must work.
    pub async fn client(&self, name: &str) -> ApiClient {
        let added = self.cli(["client", "add", name, "--json"]).await.json();
        let text = |member: &str| added[member].as_str().expect("text").to_owned();
        ApiClient {
            id: text("client_id"),
            secret: text("client_secret"),
        }
    }

    /// POST `/oauth/introspect` by this client.
    pub fn introspect(&self, client: &ApiClient, token: &str) -> Call {
        self.post("/oauth/introspect")
            .basic(&client.id, &client.secret)
            .form(&[("token", token)])
    }

    /// POST `/oauth/revoke` by the public client.
    pub fn revoke(&self, token: &str) -> Call {
        self.post("/oauth/revoke").form(&[("token", token)])
    }

    /// POST `/oauth/token` by the public client.
    pub fn oauth_refresh(&self, token: &str) -> Call {
        self.post("/oauth/token")
            .form(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// Waits until `/health` and `/health/ready` say this, which they do within seconds.
    ///
    /// # Panics
    ///
    /// When they do not.
    pub async fn health_becomes(&self, status: u16) {
        let becomes = async |path: &str| {
            within(HEALTH_KNOWN, &format!("{path} is {status}"), async || {
                (self.get(path).await.status == status).then_some(())
            })
            .await;
        };
        tokio::join!(becomes("/health"), becomes("/health/ready"));
    }

    /// Signs a person up, which must work.
    pub async fn account(&self, person: &Person) -> Account {
        let answer = self.sign_up(person).await.expect(201);
        Account {
            person: person.clone(),
            user_id: answer.member("/user/user_id"),
            tokens: answer.tokens(),
        }
    }

    /// Signs up the person with this first name, which must work.
    pub async fn account_of(&self, first_name: &str) -> Account {
        self.account(&Person::named(first_name)).await
    }

    /// Waits until the server's own clock shows this time, in seconds since 1970: the
    /// `iat` of the tokens that it issues to this person.
    pub async fn wait_until(&self, person: &Person, time: i64) {
        eventually("a later time", async || {
            let answer = self.sign_in(&person.email, &person.password).await;
            let now = Jwt::read(&answer.expect(200).tokens().access).seconds("iat");
            (now >= time).then_some(())
        })
        .await;
    }
}
