-- What a refresh changes lies in as few places as it can: in the session's row, in none of
-- the indexes of that table, and at the end of a table that only grows at one end and
-- shrinks at the other.

-- The good token of a session, encrypted under a key that only its direct predecessor
-- yields, for as long as the predecessor is forgiven. It belongs to the session whose
-- `previous_rotated_at` is `rotated_at`; any other row of the session has had its day.
-- Housekeeping looks for `rotated_at`.
CREATE TABLE sealed_successors (
    rotated_at INTEGER NOT NULL,
    session_id BLOB NOT NULL CHECK (length(session_id) = 16),
    sealed BLOB NOT NULL,
    PRIMARY KEY (rotated_at, session_id)
) STRICT, WITHOUT ROWID;

INSERT INTO sealed_successors (rotated_at, session_id, sealed)
    SELECT previous_rotated_at, session_id, sealed_successor
    FROM sessions
    WHERE sealed_successor IS NOT NULL AND ended_at IS NULL;

DROP INDEX sessions_sealed;
DROP INDEX sessions_expiring;

-- The table of step 4 with `kept_until` in the place of `sealed_successor`. It is never
-- before `expires_at`, which every refresh changes, and behind it by so much that not
-- every refresh has to change it too.
CREATE TABLE sessions_anew (
    session_id BLOB NOT NULL PRIMARY KEY CHECK (length(session_id) = 16),
    user_id BLOB REFERENCES users (user_id) ON DELETE SET NULL,
    refresh_hash BLOB NOT NULL CHECK (length(refresh_hash) = 32),
    previous_refresh_hash BLOB CHECK (length(previous_refresh_hash) = 32),
    previous_rotated_at INTEGER,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    kept_until INTEGER NOT NULL,
    ended_at INTEGER,
    end_reason TEXT,
    address TEXT,
    user_agent TEXT,
    status_index INTEGER UNIQUE,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO sessions_anew (session_id, user_id, refresh_hash, previous_refresh_hash,
        previous_rotated_at, created_at, last_used_at, expires_at, kept_until, ended_at,
        end_reason, address, user_agent, status_index)
    SELECT session_id, user_id, refresh_hash, previous_refresh_hash,
        previous_rotated_at, created_at, last_used_at, expires_at, expires_at, ended_at,
        end_reason, address, user_agent, status_index
    FROM sessions ORDER BY session_id;

DROP TABLE sessions;
ALTER TABLE sessions_anew RENAME TO sessions;

-- A user's sessions, and the foreign key when a user is deleted.
CREATE INDEX sessions_user ON sessions (user_id);

-- Housekeeping looks for these two.
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_expiring ON sessions (kept_until) WHERE ended_at IS NULL;

-- What a status list is made of: the sessions that ended early.
CREATE INDEX sessions_revoked ON sessions (status_index, ended_at) WHERE ended_at IS NOT NULL;
