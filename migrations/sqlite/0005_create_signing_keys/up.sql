-- The keys that sign tokens, active, standby and retired. `private_key` is encrypted when
-- `sealed_under` names the secret that opens it.
CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    algorithm TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('standby', 'active', 'retired')),
    public_jwk TEXT,
    private_key BLOB NOT NULL,
    sealed_under TEXT,
    created_at INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    activate_at INTEGER,
    retired_at INTEGER,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;

-- One row that grows by one with every change to the keys: whoever changes them names the
-- generation that the decision was made upon.
CREATE TABLE signing_key_generation (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    generation INTEGER NOT NULL
) STRICT;

INSERT INTO signing_key_generation (only_row, generation) VALUES (1, 0);
