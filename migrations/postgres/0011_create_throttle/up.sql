-- Failures in a row at an account, by a digest of its canonical address. The count of a
-- network is there once the account's owner has signed in from it, and is used until
-- `known_until`; the one with an empty network is for everywhere else. After `forget_at` a
-- row says nothing any more.
CREATE TABLE account_failures (
    account bytea NOT NULL CHECK (octet_length(account) = 32),
    network text NOT NULL,
    failures integer NOT NULL,
    failed_at timestamptz NOT NULL,
    known_until timestamptz,
    forget_at timestamptz NOT NULL,
    PRIMARY KEY (account, network)
);

-- Housekeeping looks for these two.
CREATE INDEX account_failures_over ON account_failures (forget_at);
CREATE INDEX account_failures_elsewhere ON account_failures (failures, failed_at)
    WHERE network = '';

-- What a network has spent of each budget, as the instant at which all of it has come back.
CREATE TABLE network_budgets (
    network text NOT NULL,
    budget text NOT NULL,
    full_at timestamptz NOT NULL,
    PRIMARY KEY (network, budget)
);

-- Housekeeping looks for it.
CREATE INDEX network_budgets_over ON network_budgets (full_at);
