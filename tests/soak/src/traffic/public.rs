//! What anybody may read: keys, status lists, pages.

use crate::account::Account;
use crate::random::Random;
use crate::run::Run;

/// What is asked for, as what, and how that is called in the report.
const PUBLIC: [(&str, &str, &str); 9] = [
    ("/.well-known/jwks.json", "*/*", "key set"),
    ("/.well-known/jwks.json", "*/*", "key set"),
    ("/status-lists/0", "*/*", "status list"),
    ("/.well-known/oauth-authorization-server", "*/*", "metadata"),
    ("/api/v1/password-policy", "*/*", "password policy"),
    ("/", "text/html", "page"),
    ("/signin", "text/html", "page"),
    ("/signup", "text/html", "page"),
    ("/health", "*/*", "health"),
];

impl Run {
    /// Reads something, or the page of an account whose session is certain.
    pub(crate) async fn read_in_public(&self, account: &Account, random: &mut Random) {
        let instance = random.below(self.fleet.len());
        let Some(server) = self.fleet.server(instance) else {
            return;
        };
        let cookie = random.once_in(4).then(|| cookie(account)).flatten();
        let (name, call) = if let Some(token) = cookie {
            let page = server.get("/account").header("accept", "text/html");
            let page = page.header("sec-fetch-site", "none");
            ("page", page.header("cookie", &format!("latchkey={token}")))
        } else {
            let at = random.below(PUBLIC.len());
            let (path, accept, name) = PUBLIC[at];
            (name, server.get(path).header("accept", accept))
        };
        drop(server);
        if let Ok(answer) = self.attempt(name, call, instance).await
            && answer.status != 200
        {
            let id = answer.header("x-request-id");
            self.fail(format!("{name}, request {id}: {}", answer.shown()));
        }
    }
}

/// The good refresh token of a session that is alive beyond doubt.
fn cookie(account: &Account) -> Option<&str> {
    let state = account.model.certain()?;
    account.wallet.iter().find_map(|kept| {
        let session = state.sessions.get(&kept.session)?;
        let token = kept.refresh();
        let is_good = session.current.as_ref() == Some(&token.digest);
        is_good.then_some(&*token.text)
    })
}
