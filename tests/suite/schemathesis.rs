//! The API against its own description, as somebody else's program reads it: what the
//! description says works, what it does not say is refused, and every answer is described.

use std::path::Path;
use std::process::Stdio;

use latchkey_tests::{Backend, Home, Python, Server, on_each_backend};
use tokio::process::Command;

on_each_backend![the_api_is_what_its_description_says];

/// What schemathesis does, each of which must have been done.
const PHASES: [&str; 4] = ["Examples", "Coverage", "Fuzzing", "Stateful"];

async fn the_api_is_what_its_description_says(backend: Backend) {
    let server = Home::new(backend)
        // One client, and most of what it tries to sign in with is wrong.
        .env("LATCHKEY_RATE_LIMITS__ADDRESS_FAILURES", "1000000")
        .env("LATCHKEY_RATE_LIMITS__ADDRESS_SIGN_UPS", "1000000")
        .start()
        .await;
    let output = schemathesis(&server).await;
    for phase in PHASES {
        let passed = |line: &str| line.contains("\u{2705}") && line.contains(phase);
        assert!(output.lines().any(passed), "{phase} in {output}");
    }
}

/// Runs it on the server with every check, and gives what it says.
async fn schemathesis(server: &Server) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis");
    let client = server.client("schemathesis").await;
    let run = Command::new(Python::with_schemathesis().program())
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(folder.join("schemathesis.toml"))
        .args(["run", "--no-color", "--checks", "all"])
        .arg(format!("{}/openapi.json", server.origin()))
        .current_dir(server.home().directory())
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("LATCHKEY_ORIGIN", server.origin())
        .env("LATCHKEY_CLIENT_ID", &client.id)
        .env("LATCHKEY_CLIENT_SECRET", &client.secret)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("schemathesis runs");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}{complained}");
    said
}
