-- When each chore was last begun that is done once, however many servers share the
-- database: whoever moves the time on does the chore.
CREATE TABLE turns (
    chore TEXT NOT NULL PRIMARY KEY,
    taken_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
