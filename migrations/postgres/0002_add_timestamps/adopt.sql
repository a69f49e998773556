-- only if created_at_added
ALTER TABLE users ADD COLUMN created_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc');

-- only if updated_at_added
ALTER TABLE users ADD COLUMN updated_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc');

-- Where the columns were there, they may have been null.
-- only if times_of_before
UPDATE users
    SET created_at = coalesce(created_at, updated_at, now() AT TIME ZONE 'utc'),
        updated_at = coalesce(updated_at, created_at, now() AT TIME ZONE 'utc')
    WHERE created_at IS NULL OR updated_at IS NULL;
