-- One row for each sign-in. `refresh_hash` is the digest of the one good refresh token and
-- `previous_refresh_hash` that of its direct predecessor; `sealed_successor` is the good
-- token, encrypted under a key that only the predecessor yields, for as long as the
-- predecessor is forgiven. A session outlives its user, as ended, until housekeeping
-- deletes it. `status_index` is the session's place in a status list.
CREATE TABLE sessions (
    session_id uuid NOT NULL PRIMARY KEY,
    user_id uuid REFERENCES users (user_id) ON DELETE SET NULL,
    refresh_hash bytea NOT NULL CHECK (octet_length(refresh_hash) = 32),
    previous_refresh_hash bytea CHECK (octet_length(previous_refresh_hash) = 32),
    previous_rotated_at timestamptz,
    sealed_successor bytea,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    address text,
    user_agent text,
    status_index bigint UNIQUE,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

-- A user's sessions, and the foreign key when a user is deleted.
CREATE INDEX sessions_user ON sessions (user_id);

-- Housekeeping looks for these three.
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_expiring ON sessions (expires_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_sealed ON sessions (previous_rotated_at)
    WHERE sealed_successor IS NOT NULL;
