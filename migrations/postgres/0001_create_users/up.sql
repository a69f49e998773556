-- The accounts. `email` is what its owner typed; `email_canonical` is the form in which
-- addresses are unique, compared byte by byte. It is null for a row that another program
-- has inserted, until the next start puts that in order. `password` is the one hash, in
-- the PHC format or a foreign one.
CREATE TABLE users (
    user_id uuid NOT NULL PRIMARY KEY,
    name varchar(100) NOT NULL,
    email varchar(254) NOT NULL,
    email_canonical varchar(254) COLLATE "C",
    password varchar(255) NOT NULL,
    age integer
);

CREATE UNIQUE INDEX users_email_canonical_key ON users (email_canonical);

-- Each start looks for rows that are to be put in order.
CREATE INDEX users_without_canonical ON users (user_id) WHERE email_canonical IS NULL;
