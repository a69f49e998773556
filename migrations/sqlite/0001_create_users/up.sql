-- The accounts. `email` is what its owner typed; `email_canonical` is the form in which
-- addresses are unique. `password` is the one hash, in the PHC format or a foreign one.
CREATE TABLE users (
    user_id BLOB NOT NULL PRIMARY KEY CHECK (length(user_id) = 16),
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    email_canonical TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    age INTEGER CHECK (age BETWEEN 1 AND 150)
) STRICT, WITHOUT ROWID;
