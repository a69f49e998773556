-- The audit trail: what happened, written in the transaction of what it tells of. It names
-- users and sessions and points at nothing, because it outlives them. `event_id` is a
-- UUIDv7, so that the primary key is the order of time; housekeeping deletes from its lower
-- end.
CREATE TABLE audit_events (
    event_id BLOB NOT NULL PRIMARY KEY CHECK (length(event_id) = 16),
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    actor TEXT NOT NULL,
    actor_id TEXT,
    user_id BLOB CHECK (length(user_id) = 16),
    session_id BLOB CHECK (length(session_id) = 16),
    detail TEXT,
    address TEXT,
    user_agent TEXT,
    request_id TEXT
) STRICT, WITHOUT ROWID;

-- `audit list --user`, and `audit list --event`.
CREATE INDEX audit_events_user ON audit_events (user_id, event_id);
CREATE INDEX audit_events_event ON audit_events (event, event_id);
