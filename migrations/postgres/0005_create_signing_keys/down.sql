DROP TABLE signing_key_generation;
DROP TABLE signing_keys;
