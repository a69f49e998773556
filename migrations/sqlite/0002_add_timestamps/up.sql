-- Times are whole milliseconds since 1970 in UTC. SQLite adds a NOT NULL column only with
-- a constant default; every INSERT names its own time.
ALTER TABLE users ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;

-- For users of before, the best that is known.
UPDATE users SET created_at = unixepoch() * 1000, updated_at = unixepoch() * 1000;
