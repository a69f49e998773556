//! `latchkey token`: what stands in a token, and whether it is good.

use std::io::Read as _;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use latchkey_verifier::{KeySet, NumericDate, Options, Verifier};
use serde_json::{Map, Value, json};

use super::jwks_source::JwksSource;
use super::{Context, open, output, runtime};
use crate::config::Config;
use crate::domain::clock::{CLOCK_SKEW, Clock as _, SystemClock, Timestamp};
use crate::domain::keyring::verifying_keys;
use crate::domain::keys::{KeySettings, is_expired};

/// The claims that are times (RFC 7519 sections 4.1.4 to 4.1.6).
const TIMES: [&str; 3] = ["exp", "nbf", "iat"];

/// `latchkey token …`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show what stands in a token, without checking anything
    Inspect {
        /// The token; left out, it is read from standard input
        token: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a token: its signature, type, issuer and times, but not its session
    Verify(Verify),
}

/// `latchkey token verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The token; left out, it is read from standard input
    token: Option<String>,
    /// Take the keys from this key set instead of the database: a file, its URL, or the URL
    /// of an issuer that says where it is; https, or http on this machine
    #[arg(long, value_name = "URL|FILE")]
    jwks: Option<JwksSource>,
    /// The issuer that it must have; left out, the configured one with the database's keys
    #[arg(long)]
    issuer: Option<String>,
    /// The audience that it must have; left out, the configured one with the database's keys
    #[arg(long)]
    audience: Option<String>,
    /// The type that it must have: at+jwt for access tokens, rt+jwt for refresh tokens
    #[arg(long, default_value = "at+jwt")]
    typ: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        match self {
            Self::Inspect { token, json } => inspect(&read_token(token)?, json),
            Self::Verify(verify) => verify.run(cx),
        }
    }
}

fn inspect(token: &str, json: bool) -> anyhow::Result<()> {
    let mut segments = token.split('.');
    let (header, claims) = match (segments.next(), segments.next(), segments.next()) {
        (Some(header), Some(claims), Some(_)) if segments.next().is_none() => {
            (decode(header, "header")?, decode(claims, "payload")?)
        }
        _ => bail!("not a token: it does not have three segments joined by dots"),
    };
    output::warning("nothing of this has been verified: anybody can write such a token");
    show(&header, &claims, json.then_some(("verified", false)))
}

fn decode(segment: &str, name: &str) -> anyhow::Result<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD
        .decode(segment)
        .with_context(|| format!("the token's {name} is not base64url"))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("the token's {name} is not a JSON object"))
}

impl Verify {
    fn run(self, cx: &Context) -> anyhow::Result<()> {
        let token = read_token(self.token.clone())?;
        let (verifier, issuer) = self.verifier(cx)?;
        let now = NumericDate::from_millis(SystemClock.now().as_millis());
        match verifier.verify(&token, now) {
            Ok(verified) => {
                if !self.json {
                    output::line("the token is good")?;
                }
                let valid = self.json.then_some(("valid", true));
                show(&verified.protected_header, &verified.payload, valid)
            }
            Err(error) => {
                if self.json {
                    let (code, message) = (error.code(), error.to_string());
                    output::json(&json!({ "valid": false, "code": code, "message": message }))?;
                }
                let hint = match issuer {
                    Some(issuer) if error.code() == "wrong_issuer" => {
                        format!(" than {issuer}; name its own with --issuer")
                    }
                    _ => String::new(),
                };
                bail!("{error}{hint} ({})", error.code())
            }
        }
    }

    /// What verifies, and the issuer that it expects.
    fn verifier(&self, cx: &Context) -> anyhow::Result<(Verifier, Option<String>)> {
        let mut options = Options {
            issuer: self.issuer.clone(),
            audience: self.audience.clone().map(|audience| vec![audience]),
            typ: Some(self.typ.clone()),
            ..Options::default()
        };
        if let Some(source) = &self.jwks {
            let jwks = runtime::command(source.read())?;
            let keys = if jwks.is_remote {
                KeySet::from_published_jwks(&jwks.text)
            } else {
                KeySet::from_jwks(&jwks.text)
            };
            let keys = keys.with_context(|| format!("in {source}"))?;
            for (kid, error) in keys.unusable() {
                let kid = kid.unwrap_or("without a name");
                output::warning(&format!("the key {kid} of {source} is not usable: {error}"));
            }
            options.issuer = options.issuer.or(jwks.issuer);
            let issuer = options.issuer.clone();
            return Ok((Verifier::new(keys, options), issuer));
        }
        let (config, keys) = runtime::command(stored_keys(cx))?;
        // As the servers do: the one that issued it may have a clock that is ahead.
        options.issued_ahead = CLOCK_SKEW;
        options.issuer = options.issuer.or_else(|| known_issuer(&config));
        let is_access = self.typ == Options::default().typ.unwrap_or_default();
        if let (None, true, Some(audience)) = (&options.audience, is_access, config.tokens.audience)
        {
            options.audience = Some(vec![audience]);
        }
        let issuer = options.issuer.clone();
        Ok((Verifier::new(keys, options), issuer))
    }
}

async fn stored_keys(cx: &Context) -> anyhow::Result<(Config, KeySet)> {
    let opened = open::storage(cx, open::Missing::Refuse).await?;
    let stored = opened.storage.keys().await;
    opened.storage.close().await;
    let stored = stored.context("cannot read the signing keys")?.keys;
    let good: Vec<_> = stored
        .iter()
        .filter(|key| !is_expired(key, opened.now))
        .collect();
    let keys = verifying_keys(&good, &KeySettings::new(&opened.config.tokens))?;
    Ok((opened.config, keys))
}

/// The issuer of the server's tokens, if the configuration says it: without a public URL
/// and with a port that the system picks it does not.
fn known_issuer(config: &Config) -> Option<String> {
    let is_said = config.tokens.issuer.is_some() || config.server.public_url.is_some();
    (is_said || config.server.listen.port() != 0).then(|| config.issuer(config.server.listen))
}

/// The token from the argument or from standard input. White space around it comes from
/// the shell and is not of the token.
fn read_token(argument: Option<String>) -> anyhow::Result<String> {
    let text = match argument {
        Some(text) if text != "-" => text,
        _ => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read the token from standard input")?;
            text
        }
    };
    let token = text.trim();
    if token.is_empty() {
        bail!("no token: give it as the argument or on standard input");
    }
    Ok(token.to_owned())
}

/// Prints the two parts; as JSON, with a member that says what they are worth.
fn show(
    header: &Map<String, Value>,
    claims: &Map<String, Value>,
    json: Option<(&str, bool)>,
) -> anyhow::Result<()> {
    if let Some((name, worth)) = json {
        let times: Map<String, Value> = times(claims)
            .map(|(name, time)| (name.to_owned(), time.to_string().into()))
            .collect();
        let mut value = json!({ "header": header, "claims": claims, "times": times });
        value[name] = worth.into();
        return output::json(&value);
    }
    let mut table = output::Table::new(["part", "name", "value"]);
    for (name, value) in header {
        table.row(["header", name, &text(value)]);
    }
    for (name, value) in claims {
        let mut text = text(value);
        if let Some((_, time)) = times(claims).find(|(time, _)| time == name) {
            text = format!("{text} ({time})");
        }
        table.row(["claim", name, &text]);
    }
    table.print()
}

fn times(claims: &Map<String, Value>) -> impl Iterator<Item = (&'static str, Timestamp)> {
    TIMES.into_iter().filter_map(|name| {
        let seconds = claims.get(name)?.as_i64()?;
        Some((name, Timestamp::from_seconds(seconds)))
    })
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
