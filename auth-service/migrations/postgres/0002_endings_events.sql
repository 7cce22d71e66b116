-- The code has the list of reasons.
ALTER TABLE sessions DROP CONSTRAINT sessions_end_reason_check;
-- No access token given out for it is good after that.
ALTER TABLE sessions ADD COLUMN token_expire_time TIMESTAMPTZ;
-- The longest that an access token could be good for is an hour. From now on idle_expire_time is never after expire_time.
UPDATE sessions
SET token_expire_time = last_used_time + interval '1 hour', idle_expire_time = least(idle_expire_time, expire_time);
ALTER TABLE sessions ALTER COLUMN token_expire_time SET NOT NULL;

DROP INDEX sessions_by_account;
-- Those that a person has now.
CREATE INDEX sessions_live ON sessions (account_id, last_used_time, session_id) WHERE end_time IS NULL;
-- Those that can be forgotten.
CREATE INDEX sessions_by_expiry ON sessions (idle_expire_time);

-- Counts the passwords that were chosen; a rehash of the same one does not count.
ALTER TABLE accounts ADD COLUMN password_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE accounts ADD COLUMN disabled_time TIMESTAMPTZ;
-- The account is anonymous then; its row keeps the id.
ALTER TABLE accounts ADD COLUMN deleted_time TIMESTAMPTZ;

-- What the services that trust access tokens must hear, in the order in which it was committed.
CREATE TABLE account_events (
    event_id    BIGINT      NOT NULL PRIMARY KEY,
    kind        TEXT        NOT NULL,
    account_id  UUID,
    session_id  UUID,
    key_id      TEXT,
    event_time  TIMESTAMPTZ NOT NULL,
    -- It matters to nobody from then on, unless it is pending.
    forget_time TIMESTAMPTZ NOT NULL,
    -- Kept until it is acknowledged.
    pending     BOOLEAN     NOT NULL
);

CREATE INDEX account_events_by_forgetting ON account_events (forget_time) WHERE NOT pending;
CREATE INDEX account_events_pending ON account_events (account_id) WHERE pending;

-- The last number given out of each sequence. Taken as the last thing of a transaction, so that the numbers are in the
-- order of the commits.
CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
