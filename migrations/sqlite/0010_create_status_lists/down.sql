DROP INDEX sessions_revoked;
DROP TABLE status_lists;
UPDATE sessions SET status_index = NULL;
