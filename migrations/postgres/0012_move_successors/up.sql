-- What a refresh changes lies in as few places as it can: in the session's row, in none of
-- the indexes of that table, and in a table that only grows at one end and shrinks at the
-- other.

-- The good token of a session, encrypted under a key that only its direct predecessor
-- yields, for as long as the predecessor is forgiven. It belongs to the session whose
-- `previous_rotated_at` is `rotated_at`; any other row of the session has had its day.
-- Housekeeping looks for `rotated_at`.
CREATE TABLE sealed_successors (
    rotated_at timestamptz NOT NULL,
    session_id uuid NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (rotated_at, session_id)
);

INSERT INTO sealed_successors (rotated_at, session_id, sealed)
    SELECT previous_rotated_at, session_id, sealed_successor
    FROM sessions
    WHERE sealed_successor IS NOT NULL AND ended_at IS NULL;

DROP INDEX sessions_sealed;
DROP INDEX sessions_expiring;
ALTER TABLE sessions DROP COLUMN sealed_successor;

-- Room on each page for the next version of a row that is on it, which no index then has
-- to hear of. The update below leaves it.
ALTER TABLE sessions SET (fillfactor = 80);

-- It is never before `expires_at`, which every refresh changes, and so far behind it that not
-- every refresh has to change it too.
ALTER TABLE sessions ADD COLUMN kept_until timestamptz;
UPDATE sessions SET kept_until = expires_at;
ALTER TABLE sessions ALTER COLUMN kept_until SET NOT NULL;

-- Housekeeping looks for it.
CREATE INDEX sessions_expiring ON sessions (kept_until) WHERE ended_at IS NULL;
