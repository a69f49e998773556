ALTER TABLE users DROP COLUMN updated_at, DROP COLUMN created_at;
