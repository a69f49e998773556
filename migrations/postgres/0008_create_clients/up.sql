-- Programs that may ask about tokens at /oauth/introspect. `secret_hash` is the SHA-256 of a
-- secret of 256 random bits.
CREATE TABLE clients (
    client_id uuid NOT NULL PRIMARY KEY,
    name text NOT NULL UNIQUE,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    created_at timestamptz NOT NULL
);
