//! Why there is no connection, in words that name what to change.

use std::error::Error as _;
use std::io;

use rustls::CertificateError;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error};

use super::connect::place;
use super::error::Shown;

/// The server did not take us. The text is for the operator, and never has the password.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::storage) struct Refused(String);

impl Refused {
    pub(super) fn new(config: &Config, error: Error) -> Self {
        let place = place(config);
        let code = error.code().map(|code| code.code().to_owned());
        let text = match code {
            Some(code) => by_server(config, &place, &code, error),
            None => by_cause(&place, &error),
        };
        Self(text)
    }

    pub(super) fn timed_out(config: &Config) -> Self {
        Self(format!(
            "{} does not answer; {WHERE}",
            named(&place(config))
        ))
    }
}

/// Where TLS is set. The predecessor's variables have no word for it.
const TLS_WHERE: &str = "database.url (LATCHKEY_DATABASE__URL in place of DB_HOST and its like)";

const WHERE: &str = "is it running, and is database.url (DB_HOST, DB_PORT) right?";

fn named(place: &str) -> String {
    format!("PostgreSQL at {place}")
}

fn by_server(config: &Config, place: &str, code: &str, error: Error) -> String {
    let server = named(place);
    let said = |error: Error| {
        error
            .as_db_error()
            .map_or_else(String::new, |db| db.message().to_owned())
    };
    if code == SqlState::INVALID_CATALOG_NAME.code() {
        let name = config.get_dbname().unwrap_or_default();
        return format!(
            "{server} has no database {name:?}: create it (createdb {name}), or set database.url \
             (DB_NAME)"
        );
    }
    if code.starts_with("28") {
        return format!(
            "{server} does not let us in ({}): set user and password in database.url (DB_USER, \
             DB_PASSWORD), or change its pg_hba.conf",
            said(error)
        );
    }
    if code == SqlState::TOO_MANY_CONNECTIONS.code() {
        return format!(
            "{server} has no connection left ({}): lower database.pool, or raise its \
             max_connections",
            said(error)
        );
    }
    if code == SqlState::CANNOT_CONNECT_NOW.code() {
        return format!(
            "{server} is not ready yet ({}): start again when it is",
            said(error)
        );
    }
    format!("{server} refuses the connection: {}", Shown(error))
}

fn by_cause(place: &str, error: &Error) -> String {
    let server = named(place);
    let Some(cause) = error.source() else {
        return format!("cannot connect to {server}: {error}");
    };
    if let Some(io) = cause.downcast_ref::<io::Error>() {
        if let Some(problem) = io
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            return by_tls(&server, problem);
        }
        return by_network(&server, io);
    }
    // The driver has no type for these two.
    let said = cause.to_string();
    if said.contains("does not support TLS") {
        return format!(
            "{server} does not offer TLS: switch it on there (ssl = on), or, in a network that \
             nobody else can touch, append ?sslmode=disable to {TLS_WHERE}"
        );
    }
    if said.contains("password missing") {
        return format!("{server} asks for a password: set it in database.url (DB_PASSWORD)");
    }
    format!("cannot connect to {server}: {said}")
}

fn by_network(server: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("nothing answers as {server}: {WHERE}"),
        io::ErrorKind::NotFound => format!("there is no socket of {server}: {WHERE}"),
        io::ErrorKind::TimedOut => format!("{server} does not answer: {WHERE}"),
        // The system's resolver has no kind of its own.
        _ if error.to_string().contains("lookup address") => {
            format!("the host of {server} has no address ({error}): set database.url (DB_HOST)")
        }
        _ => format!("cannot connect to {server} ({error}): {WHERE}"),
    }
}

fn by_tls(server: &str, problem: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(problem) = problem else {
        return format!("{server} and we cannot agree on TLS: {problem}");
    };
    match problem {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
            "the certificate of {server} is not of an authority that is trusted here: append \
             sslrootcert=FILE with the authority's certificate to {TLS_WHERE}"
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!(
                "the certificate of {server} is for another name: write that name as the host \
                 (database.url, DB_HOST), or append sslmode=verify-ca to {TLS_WHERE}"
            )
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate of {server} has expired: renew it there")
        }
        other => format!("the certificate of {server} is not good: {other:?}"),
    }
}
