-- The predecessor's table stays where it is and keeps its rows, so that what refers to
-- users (user_id) goes on doing so. What is added may be null or has a default: the
-- predecessor can still insert.

-- only if email_widened
ALTER TABLE users ALTER COLUMN email TYPE varchar(254);

-- only if age_added
ALTER TABLE users ADD COLUMN age integer;

ALTER TABLE users ADD COLUMN email_canonical varchar(254) COLLATE "C";
CREATE UNIQUE INDEX users_email_canonical_key ON users (email_canonical);
CREATE INDEX users_without_canonical ON users (user_id) WHERE email_canonical IS NULL;
