-- The keys that sign tokens, active, standby and retired. `private_key` is encrypted when
-- `sealed_under` names the secret that opens it.
CREATE TABLE signing_keys (
    kid text NOT NULL PRIMARY KEY,
    algorithm text NOT NULL,
    state text NOT NULL CHECK (state IN ('standby', 'active', 'retired')),
    public_jwk text,
    private_key bytea NOT NULL,
    sealed_under text,
    created_at timestamptz NOT NULL,
    published_at timestamptz NOT NULL,
    activate_at timestamptz,
    retired_at timestamptz,
    expires_at timestamptz
);

-- One row that grows by one with every change to the keys: whoever changes them names the
-- generation that the decision was made upon.
CREATE TABLE signing_key_generation (
    only_row integer NOT NULL PRIMARY KEY CHECK (only_row = 1),
    generation bigint NOT NULL
);

INSERT INTO signing_key_generation (only_row, generation) VALUES (1, 0);
