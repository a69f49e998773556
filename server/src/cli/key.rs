//! `latchkey key`: the signing keys, changed while the server runs.
//!
//! The rules are those of `domain/keys/`; a running server notices within a second.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use zeroize::Zeroizing;

use super::open::{self, Missing};
use super::{Context, operator, output, runtime};
use crate::domain::clock::Timestamp;
use crate::domain::context::WriteContext;
use crate::domain::entropy::{Entropy, SystemEntropy};
use crate::domain::keys::{
    self, Decision, JWKS_MAX_AGE, KeyMaker, KeyRecord, KeySettings, KeyState, read_private_key,
};
use crate::storage::SharedStorage;

/// `latchkey key …`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the signing keys
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let the standby key sign, once it has been public for as long as caches keep key sets
    Rotate {
        /// Do not wait for that
        #[arg(long)]
        now: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a key out of use: the active one is rotated out, the standby one replaced
    Retire {
        /// The key
        // One in sixty-four begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// For a stolen key: refuse its tokens from now on
        #[arg(long)]
        now: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a private key as the standby key; `key rotate` makes it sign
    Import {
        /// PKCS#8 as PEM, or a private JWK; left out, it is read from standard input
        file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the public keys
    ExportPublic {
        /// In which form
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// Print JSON, as `--format jwks` does
        #[arg(long, conflicts_with = "format")]
        json: bool,
    },
}

/// The form of exported keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A JWK Set, as the server publishes it
    #[default]
    Jwks,
    /// One PEM block for each key
    Pem,
}

impl Command {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        runtime::command(async {
            // A key may be brought along before the first start.
            let missing = match self {
                Self::Import { .. } => Missing::Create,
                _ => Missing::Refuse,
            };
            let keys = Keys::open(cx, missing).await?;
            let done = self.apply(&keys).await;
            keys.storage.close().await;
            done
        })
    }

    async fn apply(self, keys: &Keys) -> anyhow::Result<()> {
        match self {
            Self::List { json } => print(keys.stored().await?, json),
            Self::Rotate { now, json } => {
                let stored = keys.change(move |plan| plan.rotate(now)).await?;
                if !json {
                    explain_rotation(&stored)?;
                }
                print(stored, json)
            }
            Self::Retire { kid, now, json } => {
                let retired = kid.clone();
                let stored = keys.change(move |plan| plan.retire(&retired, now)).await?;
                if !json {
                    explain_retirement(&kid, &stored)?;
                }
                print(stored, json)
            }
            Self::Import { file, json } => {
                let record = keys.read(file)?;
                let kid = record.kid.clone();
                let stored = keys.change(move |plan| plan.import(record.clone())).await?;
                if !json {
                    output::line(&format!("imported {kid}"))?;
                }
                print(stored, json)
            }
            Self::ExportPublic { format, .. } => keys.export(format).await,
        }
    }
}

/// The stored keys and what the configuration says about them.
struct Keys {
    storage: SharedStorage,
    settings: Arc<KeySettings>,
    entropy: Arc<dyn Entropy>,
    now: Timestamp,
}

impl Keys {
    async fn open(cx: &Context, missing: Missing) -> anyhow::Result<Self> {
        let opened = open::storage(cx, missing).await?;
        Ok(Self {
            storage: opened.storage,
            settings: Arc::new(KeySettings::new(&opened.config.tokens)),
            entropy: Arc::new(SystemEntropy),
            now: opened.now,
        })
    }

    async fn stored(&self) -> anyhow::Result<Vec<KeyRecord>> {
        let stored = self.storage.keys().await;
        Ok(stored.context("cannot read the signing keys")?.keys)
    }

    async fn change(&self, decide: impl Decision) -> anyhow::Result<Vec<KeyRecord>> {
        let cx = WriteContext::operator(self.now, operator::name());
        Ok(keys::change(&*self.storage, &cx, &self.settings, &self.entropy, decide).await?)
    }

    /// A private key of the operator's own as it is to be stored.
    fn read(&self, file: Option<PathBuf>) -> anyhow::Result<KeyRecord> {
        let mut text = Zeroizing::new(String::new());
        match file.filter(|path| path.as_os_str() != "-") {
            Some(path) => {
                *text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
            }
            None => {
                std::io::stdin()
                    .read_to_string(&mut text)
                    .context("cannot read the key from standard input")?;
            }
        }
        let key = read_private_key(&text, self.settings.algorithm)?;
        let maker = KeyMaker::new(&self.settings.sealer, &*self.entropy);
        Ok(maker.record(&key, self.now)?)
    }

    async fn export(&self, format: Format) -> anyhow::Result<()> {
        let stored = self.stored().await?;
        match format {
            Format::Jwks => {
                let jwks: serde_json::Value =
                    serde_json::from_str(&keys::jwks(stored.iter())).context("a damaged key")?;
                output::json(&jwks)
            }
            Format::Pem => {
                for key in sorted(stored).iter().filter(|key| !key.is_hmac()) {
                    let der = key.private_key(&self.settings.sealer)?.public_der()?;
                    output::raw(&pem("PUBLIC KEY", &der))?;
                }
                Ok(())
            }
        }
    }
}

/// RFC 7468 section 2.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

fn explain_rotation(stored: &[KeyRecord]) -> anyhow::Result<()> {
    let find = |state| stored.iter().find(|key: &&KeyRecord| key.state == state);
    match find(KeyState::Standby).and_then(|key| Some((key, key.activate_at?))) {
        Some((standby, at)) => output::line(&format!("{} signs from {at} on", standby.kid)),
        None => match find(KeyState::Active) {
            Some(active) => output::line(&format!("{} signs from now on", active.kid)),
            None => Ok(()),
        },
    }
}

fn explain_retirement(kid: &str, stored: &[KeyRecord]) -> anyhow::Result<()> {
    let Some(key) = stored.iter().find(|key| key.kid == kid) else {
        output::line(&format!(
            "{kid} is gone; servers refuse its tokens within a second"
        ))?;
        return output::line(&format!(
            "services that verify by themselves may keep the key set for up to {} seconds",
            JWKS_MAX_AGE.as_secs()
        ));
    };
    match key.expires_at {
        Some(until) => output::line(&format!("{kid} signs no more and verifies until {until}")),
        None => explain_rotation(stored),
    }
}

/// A key without its private part.
#[derive(Debug, Serialize)]
struct Shown {
    kid: String,
    algorithm: String,
    state: &'static str,
    /// Whether the private key is encrypted at rest.
    encrypted: bool,
    created_at: Timestamp,
    published_at: Option<Timestamp>,
    activate_at: Option<Timestamp>,
    retired_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl From<KeyRecord> for Shown {
    fn from(key: KeyRecord) -> Self {
        Self {
            published_at: (!key.is_hmac()).then_some(key.published_at),
            state: key.state.as_str(),
            encrypted: key.sealed_under.is_some(),
            created_at: key.created_at,
            activate_at: key.activate_at,
            retired_at: key.retired_at,
            expires_at: key.expires_at,
            kid: key.kid,
            algorithm: key.algorithm,
        }
    }
}

fn print(stored: Vec<KeyRecord>, json: bool) -> anyhow::Result<()> {
    let shown: Vec<Shown> = sorted(stored).into_iter().map(Shown::from).collect();
    if json {
        return output::json(&shown);
    }
    let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let mut table = output::Table::new([
        "kid",
        "algorithm",
        "state",
        "encrypted",
        "created",
        "signs from",
        "expires",
    ]);
    for key in shown {
        table.row([
            &key.kid,
            &key.algorithm,
            key.state,
            if key.encrypted { "yes" } else { "no" },
            &key.created_at.to_string(),
            &time(key.activate_at),
            &time(key.expires_at),
        ]);
    }
    table.print()
}

/// What signs, what comes next, what has been.
fn sorted(mut stored: Vec<KeyRecord>) -> Vec<KeyRecord> {
    stored.sort_by(keys::by_rank);
    stored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_lines_are_64_characters_long() {
        let text = pem("PUBLIC KEY", &[0; 49]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "-----BEGIN PUBLIC KEY-----");
        assert_eq!(lines[1].len(), 64);
        assert_eq!(lines[2].len(), 4);
        assert_eq!(lines[3], "-----END PUBLIC KEY-----");
    }
}
