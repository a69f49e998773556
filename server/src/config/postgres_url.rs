//! `postgres://` URLs, in the form that libpq and `psql` take.
//!
//! The driver reads all of it but what concerns TLS: it knows neither certificates nor
//! the modes that verify them, and its default does not verify anything. Those parameters
//! are taken out here, and without them a remote server has to prove who it is.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use tokio_postgres::config::{Host, SslMode as DriverMode};
use url::form_urlencoded;

const FORM: &str = "write postgres://USER:PASSWORD@HOST:PORT/NAME";

/// The parameters that may follow the `?`. The last four are ours, the others the
/// driver's.
const PARAMETERS: [&str; 21] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
];

/// A PostgreSQL database, parsed from its URL.
///
/// `Debug` and `Display` replace the password by `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    shown: String,
    server: tokio_postgres::Config,
    tls: TlsSettings,
}

/// Whether and how the connection to PostgreSQL is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// What is asked of the server.
    pub mode: SslMode,
    /// Whom to trust, in PEM; the system's certificates when it is not given.
    pub root_certificates: Option<PathBuf>,
    /// How to prove who we are.
    pub client: Option<ClientCertificate>,
}

/// The files of a client certificate, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate and those that lead from it to a trusted one.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The `sslmode` of libpq; its `allow` is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// No encryption.
    Disable,
    /// Encryption if the server offers it, to whomever answers.
    Prefer,
    /// Encryption, to whomever answers.
    Require,
    /// Encryption, to a server with a certificate of somebody who is trusted.
    VerifyCa,
    /// The same, and the certificate is for the host of the URL.
    VerifyFull,
}

impl SslMode {
    const ALL: [Self; 5] = [
        Self::Disable,
        Self::Prefer,
        Self::Require,
        Self::VerifyCa,
        Self::VerifyFull,
    ];

    /// The word in the URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    const fn driver(self) -> DriverMode {
        match self {
            Self::Disable => DriverMode::Disable,
            Self::Prefer => DriverMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => DriverMode::Require,
        }
    }
}

impl PostgresUrl {
    /// What the driver connects with; it holds the password.
    #[must_use]
    pub const fn server(&self) -> &tokio_postgres::Config {
        &self.server
    }

    /// How the connection is encrypted.
    #[must_use]
    pub const fn tls(&self) -> &TlsSettings {
        &self.tls
    }

    /// Whether every host of the URL is this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        is_local(&self.server)
    }
}

/// What is wrong, to follow "database.url". It repeats nothing of the text: any part of
/// it may be a piece of a password.
impl FromStr for PostgresUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = Parts::of(text)?;
        let mut ours = Ours::default();
        let mut theirs = Vec::new();
        for parameter in parts.query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = decode(parameter)?;
            if !PARAMETERS.contains(&name.as_str()) {
                let known = PARAMETERS.join(", ");
                return Err(format!("has an unknown parameter; known are {known}"));
            }
            if !ours.take(&name, value)? {
                theirs.push(parameter);
            }
        }
        let mut server: tokio_postgres::Config =
            format!("{}?{}", parts.before_query, theirs.join("&"))
                .parse()
                .map_err(|error| problem(&error))?;
        check(&server)?;
        let tls = ours.settle(&server)?;
        server.ssl_mode(tls.mode.driver());
        Ok(Self {
            shown: parts.shown(),
            server,
            tls,
        })
    }
}

/// The driver says which option has a bad value, and never the value.
fn problem(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("is not a PostgreSQL URL ({cause}); {FORM}"),
        None => format!("is not a PostgreSQL URL; {FORM}"),
    }
}

fn check(server: &tokio_postgres::Config) -> Result<(), String> {
    if server.get_dbname().is_none_or(str::is_empty) {
        return Err(format!("names no database; {FORM}"));
    }
    let hosts = server.get_hosts();
    if hosts.is_empty() && server.get_hostaddrs().is_empty() {
        return Err(format!("names no host; {FORM}"));
    }
    for host in hosts {
        let Host::Tcp(name) = host else { continue };
        if name.is_empty() {
            return Err(format!("names no host; {FORM}"));
        }
        if name.contains('@') {
            return Err("has an @ in the user or the password; write it as %40".to_owned());
        }
    }
    Ok(())
}

fn is_local(server: &tokio_postgres::Config) -> bool {
    let addresses = server.get_hostaddrs();
    if !addresses.is_empty() {
        return addresses.iter().all(IpAddr::is_loopback);
    }
    server.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name.eq_ignore_ascii_case("localhost")
                || name
                    .parse()
                    .is_ok_and(|address: IpAddr| address.is_loopback())
        }
        Host::Unix(_) => true,
    })
}

/// A URL in pieces, split where the driver splits it.
struct Parts<'a> {
    /// All but the query.
    before_query: &'a str,
    query: &'a str,
    /// Up to the end of the user's name, if a password follows.
    before_password: Option<&'a str>,
    /// From the `@` to the query.
    after_password: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self, String> {
        let start = text
            .find("://")
            .ok_or_else(|| format!("is not a PostgreSQL URL; {FORM}"))?
            + 3;
        // The first @ ends the password, which may hold a / or a ?.
        let at = text[start..].find('@').map_or(start, |at| start + at);
        let end = text[at..].find('?').map_or(text.len(), |end| at + end);
        Ok(Self {
            before_query: &text[..end],
            query: text[end..].strip_prefix('?').unwrap_or_default(),
            before_password: text[start..at]
                .find(':')
                .map(|colon| &text[..start + colon]),
            after_password: &text[at..end],
        })
    }

    fn shown(&self) -> String {
        let mut shown = match self.before_password {
            Some(before) => format!("{before}:***{}", self.after_password),
            None => self.before_query.to_owned(),
        };
        if self.query.contains("password") {
            shown.push_str("?***");
        } else if !self.query.is_empty() {
            shown.push('?');
            shown.push_str(self.query);
        }
        shown
    }
}

/// A name and a value, percent-decoded. A plus is a plus, as in libpq.
fn decode(parameter: &str) -> Result<(String, String), String> {
    if !parameter.contains('=') {
        return Err("has a parameter without a value; write NAME=VALUE".to_owned());
    }
    let escaped = parameter.replace('+', "%2B");
    let (name, value) = form_urlencoded::parse(escaped.as_bytes())
        .next()
        .ok_or_else(|| "has a parameter without a name; write NAME=VALUE".to_owned())?;
    Ok((name.into_owned(), value.into_owned()))
}

/// The parameters that the driver does not take.
#[derive(Default)]
struct Ours {
    mode: Option<SslMode>,
    root_certificates: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Ours {
    /// Says whether the parameter is one of ours.
    fn take(&mut self, name: &str, value: String) -> Result<bool, String> {
        match name {
            "sslmode" => {
                let mode = SslMode::ALL.into_iter().find(|mode| mode.as_str() == value);
                self.mode = Some(mode.ok_or_else(|| {
                    let known = SslMode::ALL.map(SslMode::as_str).join(", ");
                    format!("has an unknown sslmode; write one of {known}")
                })?);
            }
            // As in libpq, the word for what is the default here.
            "sslrootcert" if value == "system" => self.root_certificates = None,
            "sslrootcert" => self.root_certificates = Some(value.into()),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn settle(self, server: &tokio_postgres::Config) -> Result<TlsSettings, String> {
        let mode = match self.mode {
            // As in libpq: who names certificates wants them to count.
            Some(SslMode::Require) if self.root_certificates.is_some() => SslMode::VerifyCa,
            Some(mode) => mode,
            None if is_local(server) && self.root_certificates.is_none() => SslMode::Prefer,
            None => SslMode::VerifyFull,
        };
        let client = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
            (None, None) => None,
            _ => return Err("has only one of sslcert and sslkey; write both".to_owned()),
        };
        Ok(TlsSettings {
            mode,
            root_certificates: self.root_certificates,
            client,
        })
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> PostgresUrl {
        text.parse().expect(text)
    }

    #[test]
    fn a_remote_server_has_to_prove_who_it_is_unless_told_otherwise() {
        for (text, mode) in [
            ("postgres://db.example.com/users", SslMode::VerifyFull),
            ("postgres://10.0.0.7/users", SslMode::VerifyFull),
            ("postgres://localhost,db/users", SslMode::VerifyFull),
            ("postgres://db/users?hostaddr=127.0.0.1", SslMode::Prefer),
            (
                "postgres://localhost/users?hostaddr=10.0.0.7",
                SslMode::VerifyFull,
            ),
            ("postgres://LOCALHOST/users", SslMode::Prefer),
            ("postgres://127.8.0.1:5433/users", SslMode::Prefer),
            ("postgres://[::1]/users", SslMode::Prefer),
            ("postgres:///users?host=/run/postgresql", SslMode::Prefer),
            ("postgres://%2Frun%2Fpostgresql/users", SslMode::Prefer),
            (
                "postgres://localhost/users?sslrootcert=ca.pem",
                SslMode::VerifyFull,
            ),
            ("postgres://db/users?sslmode=disable", SslMode::Disable),
            ("postgres://db/users?sslmode=require", SslMode::Require),
            (
                "postgres://db/u?sslmode=require&sslrootcert=a",
                SslMode::VerifyCa,
            ),
            ("postgres://db/users?sslmode=verify-ca", SslMode::VerifyCa),
            (
                "postgres://localhost/users?sslmode=verify-full",
                SslMode::VerifyFull,
            ),
        ] {
            assert_eq!(parsed(text).tls().mode, mode, "{text}");
        }
    }

    #[test]
    fn certificates_are_named_by_their_files() {
        let url = parsed(
            "postgres://db/users?sslrootcert=/etc/my%20ca.pem&sslcert=me+us.pem&sslkey=me.key",
        );
        let tls = url.tls();
        assert_eq!(tls.root_certificates, Some("/etc/my ca.pem".into()));
        let client = tls.client.as_ref().expect("a client certificate");
        assert_eq!(client.certificate, PathBuf::from("me+us.pem"));
        assert_eq!(client.key, PathBuf::from("me.key"));
        let system = parsed("postgres://db/users?sslrootcert=system");
        assert_eq!(system.tls().root_certificates, None);
    }

    #[test]
    fn everything_else_is_the_drivers() {
        let url = parsed(
            "postgresql://me:p%40ss/w?rd@one:5433,two/users?sslmode=disable&connect_timeout=3\
             &options=-csearch_path%3Dauth&target_session_attrs=read-write",
        );
        let server = url.server();
        assert_eq!(server.get_password(), Some(&b"p@ss/w?rd"[..]));
        assert_eq!(server.get_hosts().len(), 2);
        assert_eq!(server.get_ports(), [5433, 5432]);
        assert_eq!(server.get_options(), Some("-csearch_path=auth"));
        assert_eq!(server.get_dbname(), Some("users"));
        assert_eq!(server.get_ssl_mode(), DriverMode::Disable);
    }

    #[test]
    fn no_password_is_shown() {
        for (text, shown) in [
            ("postgres://app@db/users", "postgres://app@db/users"),
            (
                "postgres://app:s3cr3t/s3cr3t?s3cr3t@a:1,b:2/users?sslmode=disable",
                "postgres://app:***@a:1,b:2/users?sslmode=disable",
            ),
            (
                "postgres:///users?host=/run/pg&password=s3cr3t",
                "postgres:///users?***",
            ),
            (
                "postgres://app:s3cr3t@[::1]/a",
                "postgres://app:***@[::1]/a",
            ),
        ] {
            let url = parsed(text);
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("s3cr3t"));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_without_repeating_it() {
        for (text, hint) in [
            ("postgres:s3cr3t", "postgres://USER"),
            ("postgres://u:s3cr3t@h", "names no database"),
            ("postgres://u:s3cr3t@h/", "names no database"),
            ("postgres:///users", "names no host"),
            ("postgres://u:s3cr3t@/users", "names no host"),
            ("postgres://u:s3cr3t@h:x/d", "option `port`"),
            ("postgres://u:s3@cr3t@h/d", "%40"),
            ("postgres://u@h/d?sslmode=s3cr3t", "verify-full"),
            ("postgres://u@h/d?sslmod=s3cr3t", "sslrootcert"),
            ("postgres://u@h/d?s3cr3t", "NAME=VALUE"),
            ("postgres://u@h/d?sslcert=s3cr3t", "sslkey"),
            ("postgres://u@h/d?keepalives=s3cr3t", "keepalives"),
        ] {
            let error = text.parse::<PostgresUrl>().expect_err(text);
            assert!(error.contains(hint) && !error.contains("cr3t"), "{error}");
        }
    }
}
