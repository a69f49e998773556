//! Token verification and password rules.
