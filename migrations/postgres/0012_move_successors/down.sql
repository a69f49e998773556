ALTER TABLE sessions RESET (fillfactor);
DROP INDEX sessions_expiring;
ALTER TABLE sessions DROP COLUMN kept_until;
ALTER TABLE sessions ADD COLUMN sealed_successor bytea;

UPDATE sessions SET sealed_successor = sealed
    FROM sealed_successors
    WHERE sealed_successors.session_id = sessions.session_id
        AND rotated_at = previous_rotated_at AND ended_at IS NULL;

DROP TABLE sealed_successors;

CREATE INDEX sessions_expiring ON sessions (expires_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_sealed ON sessions (previous_rotated_at)
    WHERE sealed_successor IS NOT NULL;
