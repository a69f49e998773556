-- The longest, in milliseconds, that tokens under the key are good: a retired key stays for
-- as long, also when the configuration is another one by then.
ALTER TABLE signing_keys ADD COLUMN token_life INTEGER NOT NULL DEFAULT 0;
