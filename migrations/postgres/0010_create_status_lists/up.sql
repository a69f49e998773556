-- The status lists that there are, from 0 on without a gap. A session's `status_index` counts
-- through all of them.
CREATE TABLE status_lists (
    list_id bigint NOT NULL PRIMARY KEY CHECK (list_id >= 0)
);

INSERT INTO status_lists (list_id) VALUES (0);

-- What a list is made of: the sessions that ended early. By the number of the list, and not by
-- the range of its places, for which there is the unique index too, of all sessions.
CREATE INDEX sessions_revoked ON sessions ((status_index >> 20), ended_at, status_index)
    WHERE ended_at IS NOT NULL;
