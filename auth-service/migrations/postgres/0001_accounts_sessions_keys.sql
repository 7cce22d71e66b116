CREATE TABLE accounts (
    account_id    UUID        NOT NULL PRIMARY KEY,
    -- As the person typed it.
    email         TEXT        NOT NULL,
    -- As it is compared: NFC, lower case.
    email_key     TEXT        NOT NULL UNIQUE,
    display_name  TEXT        NOT NULL,
    -- A PHC string: algorithm, parameters, salt, hash.
    password_hash TEXT        NOT NULL,
    create_time   TIMESTAMPTZ NOT NULL,
    update_time   TIMESTAMPTZ NOT NULL
);

CREATE TABLE sessions (
    session_id       UUID        NOT NULL PRIMARY KEY,
    account_id       UUID        NOT NULL REFERENCES accounts (account_id),
    -- The generation of the refresh token given out last.
    generation       BIGINT      NOT NULL,
    -- The generation whose presentation made the current one.
    accepted         BIGINT,
    -- When the current generation was made.
    moved_time       TIMESTAMPTZ NOT NULL,
    create_time      TIMESTAMPTZ NOT NULL,
    last_used_time   TIMESTAMPTZ NOT NULL,
    -- Ends then if not used again.
    idle_expire_time TIMESTAMPTZ NOT NULL,
    -- Ends then however much it is used.
    expire_time      TIMESTAMPTZ NOT NULL,
    user_agent       TEXT        NOT NULL,
    ip_address       TEXT        NOT NULL,
    end_time         TIMESTAMPTZ,
    end_reason       TEXT        CHECK (end_reason IN ('LOGOUT', 'REFRESH_REUSED'))
);

CREATE INDEX sessions_by_account ON sessions (account_id, create_time);

CREATE TABLE signing_keys (
    -- `kid` of the tokens it signs.
    key_id        TEXT        NOT NULL PRIMARY KEY,
    state         TEXT        NOT NULL CHECK (state IN ('PENDING', 'ACTIVE', 'RETIRED')),
    -- The coordinates of the public key, 32 bytes each.
    public_x      BYTEA       NOT NULL,
    public_y      BYTEA       NOT NULL,
    -- PKCS #8, sealed under the master key of that id.
    sealed_key    BYTEA       NOT NULL,
    master_key_id TEXT        NOT NULL,
    create_time   TIMESTAMPTZ NOT NULL,
    state_time    TIMESTAMPTZ NOT NULL
);

CREATE TABLE refresh_keys (
    -- 0 to 255: the first byte of the tokens it authenticates.
    key_id        BIGINT      NOT NULL PRIMARY KEY,
    -- 32 bytes, sealed under the master key of that id.
    sealed_key    BYTEA       NOT NULL,
    master_key_id TEXT        NOT NULL,
    create_time   TIMESTAMPTZ NOT NULL
);

-- One row for each thing that only one replica may do at a time; locked by writing it.
CREATE TABLE leases (
    name TEXT        NOT NULL PRIMARY KEY
);
