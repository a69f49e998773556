-- only if updated_at_added
ALTER TABLE users DROP COLUMN updated_at;

-- only if created_at_added
ALTER TABLE users DROP COLUMN created_at;
