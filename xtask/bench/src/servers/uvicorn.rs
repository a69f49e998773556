//! Peers in Python, each served by uvicorn with a worker for each of two cores.

use std::process::Command;

use anyhow::Result;

use super::SECRET;
use super::install;
use super::process::{Process, free_address};

/// What is served.
pub(crate) struct App {
    /// The folder of its sources.
    pub(crate) peer: &'static str,
    /// For `DATABASE_URL`.
    pub(crate) database: String,
    pub(crate) variables: Vec<(&'static str, String)>,
}

/// Makes the table, starts the app and waits until it answers.
pub(crate) fn start(app: &App) -> Result<Process> {
    let folder = install::python(app.peer)?;
    let python = folder.join("environment/bin/python");
    let address = free_address()?;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(&python);
        command
            .args(arguments)
            .current_dir(&folder)
            .env("DATABASE_URL", &app.database)
            .env("JWT_SECRET_KEY", SECRET)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(app.variables.iter().cloned());
        command
    };
    install::run(&mut command(&["app.py"]), "python3")?;
    let port = address.port().to_string();
    let mut serve = command(&["-m", "uvicorn", "app:app", "--workers", "2"]);
    serve.args(["--host", "127.0.0.1", "--port", &port]);
    // As it is fastest.
    serve.args(["--no-access-log", "--log-level", "warning"]);
    Process::on(address, "/health", &serve, &folder.join("server.log"))
}
