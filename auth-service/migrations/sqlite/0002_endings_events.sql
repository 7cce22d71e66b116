-- Without a list of reasons: the code has it.
CREATE TABLE sessions_new (
    session_id        BLOB    NOT NULL PRIMARY KEY,
    account_id        BLOB    NOT NULL REFERENCES accounts (account_id),
    -- The generation of the refresh token given out last.
    generation        INTEGER NOT NULL,
    -- The generation whose presentation made the current one.
    accepted          INTEGER,
    -- When the current generation was made.
    moved_time        INTEGER NOT NULL,
    create_time       INTEGER NOT NULL,
    last_used_time    INTEGER NOT NULL,
    -- Ends then if not used again; never later than expire_time.
    idle_expire_time  INTEGER NOT NULL,
    -- Ends then however much it is used.
    expire_time       INTEGER NOT NULL,
    -- No access token given out for it is good after that.
    token_expire_time INTEGER NOT NULL,
    user_agent        TEXT    NOT NULL,
    ip_address        TEXT    NOT NULL,
    end_time          INTEGER,
    end_reason        TEXT
) STRICT;

-- The longest that an access token could be good for is an hour.
INSERT INTO sessions_new
SELECT session_id, account_id, generation, accepted, moved_time, create_time, last_used_time,
       min(idle_expire_time, expire_time), expire_time, last_used_time + 3600000000, user_agent, ip_address, end_time,
       end_reason
FROM sessions;

DROP TABLE sessions;
ALTER TABLE sessions_new RENAME TO sessions;

-- Those that a person has now.
CREATE INDEX sessions_live ON sessions (account_id, last_used_time, session_id) WHERE end_time IS NULL;
-- Those that can be forgotten.
CREATE INDEX sessions_by_expiry ON sessions (idle_expire_time);

-- Counts the passwords that were chosen; a rehash of the same one does not count.
ALTER TABLE accounts ADD COLUMN password_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE accounts ADD COLUMN disabled_time INTEGER;
-- The account is anonymous then; its row keeps the id.
ALTER TABLE accounts ADD COLUMN deleted_time INTEGER;

-- What the services that trust access tokens must hear, in the order in which it was committed.
CREATE TABLE account_events (
    event_id    INTEGER NOT NULL PRIMARY KEY,
    kind        TEXT    NOT NULL,
    account_id  BLOB,
    session_id  BLOB,
    key_id      TEXT,
    event_time  INTEGER NOT NULL,
    -- It matters to nobody from then on, unless it is pending.
    forget_time INTEGER NOT NULL,
    -- Kept until it is acknowledged.
    pending     INTEGER NOT NULL CHECK (pending IN (0, 1))
) STRICT;

CREATE INDEX account_events_by_forgetting ON account_events (forget_time) WHERE NOT pending;
CREATE INDEX account_events_pending ON account_events (account_id) WHERE pending;

-- The last number given out of each sequence. Taken as the last thing of a transaction, so that the numbers are in the
-- order of the commits.
CREATE TABLE counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
