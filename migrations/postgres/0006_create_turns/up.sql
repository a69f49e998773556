-- When each chore was last begun that is done once, however many servers share the
-- database: whoever moves the time on does the chore. By the clock of this database.
CREATE TABLE turns (
    chore text NOT NULL PRIMARY KEY,
    taken_at timestamptz NOT NULL
);
