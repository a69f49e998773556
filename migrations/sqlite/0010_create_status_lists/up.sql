-- The status lists that there are, from 0 on without a gap. A session's `status_index` counts
-- through all of them.
CREATE TABLE status_lists (
    list_id INTEGER NOT NULL PRIMARY KEY CHECK (list_id >= 0)
) STRICT;

INSERT INTO status_lists (list_id) VALUES (0);

-- What a list is made of: the sessions that ended early.
CREATE INDEX sessions_revoked ON sessions (status_index, ended_at) WHERE ended_at IS NOT NULL;
