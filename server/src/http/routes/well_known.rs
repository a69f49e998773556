//! `/.well-known`: the public keys, and what this authorization server is.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use warp::Filter;
use warp::http::StatusCode;
use warp::http::header::HeaderMap;

use super::with;
use crate::domain::keys::JWKS_MAX_AGE;
use crate::http::document::{Document, JSON};
use crate::http::operation::{Endpoint, Operation};
use crate::http::state::{Settings, Shared};

/// How long the metadata may be kept, in seconds: it changes with the configuration.
const METADATA_MAX_AGE: u32 = 300;

/// A JWK Set (RFC 7517 section 5).
#[derive(JsonSchema)]
#[schemars(rename = "JwkSet")]
#[expect(
    dead_code,
    reason = "only its schema is used: the keyring writes the document"
)]
struct JwkSet {
    /// The public keys: what signs first, what comes next, and what has been.
    keys: Vec<Jwk>,
}

/// A public key (RFC 7517 section 4).
#[derive(JsonSchema)]
#[expect(
    dead_code,
    reason = "only its schema is used: the keyring writes the document"
)]
struct Jwk {
    kty: String,
    kid: String,
    alg: String,
    #[schemars(rename = "use")]
    public_use: String,
}

/// Authorization server metadata (RFC 8414 section 2). Only what exists is in it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServerMetadata")]
struct Metadata<'a> {
    issuer: &'a str,
    jwks_uri: String,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: &'a [&'a str],
    grant_types_supported: &'a [&'a str],
    response_types_supported: &'a [&'a str],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: &'a [&'a str],
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    service_documentation: Option<String>,
}

/// The key set as a document, made when the keys have changed.
#[derive(Default)]
struct Published(ArcSwapOption<Document>);

impl Published {
    fn document(&self, json: &Bytes) -> Arc<Document> {
        let made = self.0.load_full();
        made.filter(|document| document.body() == json)
            .unwrap_or_else(|| {
                let max_age = u32::try_from(JWKS_MAX_AGE.as_secs()).unwrap_or(u32::MAX);
                let document = Arc::new(Document::new(json.clone(), JSON, max_age));
                self.0.store(Some(Arc::clone(&document)));
                document
            })
    }
}

pub(crate) fn jwks(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named("jwks", "The public keys that tokens are verified with")
        .public()
        .answer::<JwkSet>(StatusCode::OK, "A JWK Set; without keys under HMAC.")
        .no_content(StatusCode::NOT_MODIFIED, "It is what the client has.")
        .answered_by(|route| {
            let published = Arc::new(Published::default());
            route
                .and(with(state))
                .and(warp::header::headers_cloned())
                .map(move |state: Shared, headers: HeaderMap| {
                    let keys = state.sessions.keyring().view();
                    published.document(keys.published()).answer(&headers)
                })
        })
}

pub(crate) fn metadata(operation: Operation, state: &Shared) -> Endpoint {
    let document = Document::new(describe(&state.settings), JSON, METADATA_MAX_AGE);
    operation
        .named(
            "server_metadata",
            "What this authorization server is (RFC 8414)",
        )
        .public()
        .answer::<Metadata<'_>>(StatusCode::OK, "The metadata.")
        .no_content(StatusCode::NOT_MODIFIED, "It is what the client has.")
        .answered_by(|route| {
            route
                .and(warp::header::headers_cloned())
                .map(move |headers: HeaderMap| document.answer(&headers))
        })
}

fn describe(settings: &Settings) -> Vec<u8> {
    let base = settings.public_url.as_str();
    let metadata = Metadata {
        issuer: &settings.issuer,
        jwks_uri: format!("{base}/.well-known/jwks.json"),
        token_endpoint: format!("{base}/oauth/token"),
        token_endpoint_auth_methods_supported: &["none"],
        grant_types_supported: &["refresh_token"],
        // The member must be there and no array may be empty. There is no authorization
        // endpoint, and this is the type of a response with nothing in it.
        response_types_supported: &["none"],
        revocation_endpoint: format!("{base}/oauth/revoke"),
        revocation_endpoint_auth_methods_supported: &[
            "none",
            "client_secret_basic",
            "client_secret_post",
        ],
        introspection_endpoint: format!("{base}/oauth/introspect"),
        introspection_endpoint_auth_methods_supported: &[
            "client_secret_basic",
            "client_secret_post",
        ],
        service_documentation: settings.docs.then(|| format!("{base}/docs")),
    };
    // Strings under fixed names: there is nothing that could fail.
    serde_json::to_vec(&metadata).unwrap_or_default()
}
