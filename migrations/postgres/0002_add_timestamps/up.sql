-- Times without a zone are UTC. The default is for other programs that insert, and for
-- users of before the best that is known; our own INSERT names its time.
ALTER TABLE users
    ADD COLUMN created_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    ADD COLUMN updated_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc');
