-- Exactly what adopting added. Nobody's row is deleted.
DROP INDEX users_without_canonical;
DROP INDEX users_email_canonical_key;
ALTER TABLE users DROP COLUMN email_canonical;

-- only if age_added
ALTER TABLE users DROP COLUMN age;

-- only if email_fits
ALTER TABLE users ALTER COLUMN email TYPE varchar(:email_was);
