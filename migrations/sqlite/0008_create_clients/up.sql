-- Programs that may ask about tokens at /oauth/introspect. `secret_hash` is the SHA-256 of a
-- secret of 256 random bits.
CREATE TABLE clients (
    client_id BLOB NOT NULL PRIMARY KEY CHECK (length(client_id) = 16),
    name TEXT NOT NULL UNIQUE,
    secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
