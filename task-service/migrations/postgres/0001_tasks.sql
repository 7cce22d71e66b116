-- Every key begins with the owner: the tables can be spread over machines by it.

CREATE TABLE tasks (
    owner_id      UUID        NOT NULL,
    task_id       UUID        NOT NULL,
    -- Counts the changes of this task; the etag is made from it.
    version       BIGINT      NOT NULL,
    -- The place of the last change among all changes of the owner, in commit order.
    change_seq    BIGINT      NOT NULL,
    title         TEXT        NOT NULL,
    description   TEXT        NOT NULL,
    completed     BOOLEAN     NOT NULL,
    -- 1 low, 2 medium, 3 high.
    priority      SMALLINT    NOT NULL CHECK (priority BETWEEN 1 AND 3),
    -- A line feed before, between and after the tags, so that LIKE finds a whole one; empty without tags.
    -- A line feed within a tag is written \n, a backslash \\.
    tags          TEXT        NOT NULL,
    -- The moment it is due; of a whole day, the midnight UTC that begins it. Sorts both kinds together.
    due_time      TIMESTAMPTZ,
    -- The IANA zone of the moment; NULL means that the whole day is meant.
    due_zone      TEXT        CHECK (due_zone IS NULL OR due_time IS NOT NULL),
    create_time   TIMESTAMPTZ NOT NULL,
    update_time   TIMESTAMPTZ NOT NULL,
    complete_time TIMESTAMPTZ CHECK ((complete_time IS NOT NULL) = completed),
    delete_time   TIMESTAMPTZ,
    PRIMARY KEY (owner_id, task_id)
);

-- The list, newest first.
CREATE INDEX tasks_by_newest ON tasks (owner_id, create_time, task_id) WHERE delete_time IS NULL;

-- One row for each owner, locked first by everything that changes their tasks.
CREATE TABLE owner_state (
    owner_id    UUID        NOT NULL PRIMARY KEY,
    -- What the next change gets as its change_seq.
    next_seq    BIGINT      NOT NULL,
    -- Set once the account is gone: nothing may be written for it any more.
    erased_time TIMESTAMPTZ
);

-- The key that seals page tokens; one row.
CREATE TABLE token_keys (
    key_id BIGINT      NOT NULL PRIMARY KEY,
    secret BYTEA       NOT NULL CHECK (length(secret) = 32)
);
