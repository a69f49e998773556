-- The audit trail: what happened, written in the transaction of what it tells of. It names
-- users and sessions and points at nothing, because it outlives them. `event_id` is a
-- UUIDv7, so that the primary key is the order of time; housekeeping deletes from its lower
-- end.
CREATE TABLE audit_events (
    event_id uuid NOT NULL PRIMARY KEY,
    at timestamptz NOT NULL,
    event text NOT NULL,
    outcome text NOT NULL,
    reason text,
    actor text NOT NULL,
    actor_id text,
    user_id uuid,
    session_id uuid,
    detail text,
    address text,
    user_agent text,
    request_id text
);

-- `audit list --user`, and `audit list --event`.
CREATE INDEX audit_events_user ON audit_events (user_id, event_id);
CREATE INDEX audit_events_event ON audit_events (event, event_id);
