-- One row for each sign-in. `refresh_hash` is the digest of the one good refresh token and
-- `previous_refresh_hash` that of its direct predecessor; `sealed_successor` is the good
-- token, encrypted under a key that only the predecessor yields, for as long as the
-- predecessor is forgiven. A session outlives its user, as ended, until housekeeping
-- deletes it. `status_index` is the session's place in a status list.
CREATE TABLE sessions (
    session_id BLOB NOT NULL PRIMARY KEY CHECK (length(session_id) = 16),
    user_id BLOB REFERENCES users (user_id) ON DELETE SET NULL,
    refresh_hash BLOB NOT NULL CHECK (length(refresh_hash) = 32),
    previous_refresh_hash BLOB CHECK (length(previous_refresh_hash) = 32),
    previous_rotated_at INTEGER,
    sealed_successor BLOB,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    end_reason TEXT,
    address TEXT,
    user_agent TEXT,
    status_index INTEGER UNIQUE,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT, WITHOUT ROWID;

-- A user's sessions, and the foreign key when a user is deleted.
CREATE INDEX sessions_user ON sessions (user_id);

-- Housekeeping looks for these three.
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_expiring ON sessions (expires_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_sealed ON sessions (previous_rotated_at)
    WHERE sealed_successor IS NOT NULL;
