-- The table of step 4.
CREATE TABLE sessions_anew (
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

INSERT INTO sessions_anew (session_id, user_id, refresh_hash, previous_refresh_hash,
        previous_rotated_at, sealed_successor, created_at, last_used_at, expires_at, ended_at,
        end_reason, address, user_agent, status_index)
    SELECT session_id, user_id, refresh_hash, previous_refresh_hash,
        previous_rotated_at,
        (SELECT sealed FROM sealed_successors
         WHERE sealed_successors.rotated_at = sessions.previous_rotated_at
             AND sealed_successors.session_id = sessions.session_id
             AND sessions.ended_at IS NULL),
        created_at, last_used_at, expires_at, ended_at,
        end_reason, address, user_agent, status_index
    FROM sessions ORDER BY session_id;

DROP TABLE sealed_successors;
DROP TABLE sessions;
ALTER TABLE sessions_anew RENAME TO sessions;

CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_expiring ON sessions (expires_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_sealed ON sessions (previous_rotated_at)
    WHERE sealed_successor IS NOT NULL;
CREATE INDEX sessions_revoked ON sessions (status_index, ended_at) WHERE ended_at IS NOT NULL;
