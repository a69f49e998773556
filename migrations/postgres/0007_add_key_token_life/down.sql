ALTER TABLE signing_keys DROP COLUMN token_life;
