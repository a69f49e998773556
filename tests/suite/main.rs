//! The black-box suite: what the service promises, tried from outside.
//!
//! One file per concern. Each runs the real binary with a database of its own; see the
//! fixture in `tests/support` for how. `item_17_…` in a name says which item of the security
//! checklist the test proves.

mod adoption;
mod answers;
mod audit;
mod backup;
mod client_command;
mod clocks;
mod commands;
mod configuration;
mod cors;
mod discovery;
mod disk;
mod durability;
mod email;
mod health;
mod hmac_secret;
mod http;
mod import_export;
mod instances;
mod introspect;
mod jwks_over_tls;
mod keys;
mod log_out;
mod logs;
mod migrations;
mod oauth_requests;
mod oauth_token;
mod outages;
mod pages;
mod pages_account;
mod pages_assets;
mod pages_cross_site;
mod pages_forms;
mod pages_over_tls;
mod pages_token;
mod password_change;
mod password_policy;
mod passwords;
mod postgres_tls;
mod power_cut;
mod predecessor;
mod process_faults;
mod profile;
mod races;
mod refresh;
mod revoke;
mod schemathesis;
mod secrets_at_rest;
mod security_table;
mod sessions;
mod shutdown;
mod sign_in;
mod sign_up;
mod slow_network;
mod status_list;
mod throttle;
mod throttle_lock;
mod timing;
mod token_attacks;
mod token_claims;
mod tokens;
mod users_command;
mod wire;
