-- Since when the user may not sign in; null for a user who may.
ALTER TABLE users ADD COLUMN disabled_at timestamptz;
