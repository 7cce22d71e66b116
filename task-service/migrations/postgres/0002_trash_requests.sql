-- What waits to be purged.
CREATE INDEX tasks_in_trash ON tasks (owner_id, delete_time) WHERE delete_time IS NOT NULL;

-- The owners of whom something is to be purged, and when to look. Never later than the first of it is due.
CREATE TABLE purges (
    due_owner UUID        NOT NULL PRIMARY KEY,
    due_time  TIMESTAMPTZ NOT NULL
);

CREATE INDEX purges_by_due_time ON purges (due_time);

-- Thirty days after the first was deleted.
INSERT INTO purges
SELECT owner_id, min(delete_time) + interval '30 days' FROM tasks WHERE delete_time IS NOT NULL GROUP BY owner_id;

-- Requests that had their effect, and what came of each: repeated within a day, they have it once.
CREATE TABLE requests (
    owner_id    UUID        NOT NULL,
    -- As the client chose it.
    request_id  TEXT        NOT NULL,
    -- SHA-256 of what was asked.
    digest      BYTEA       NOT NULL,
    -- The task as it was answered, in JSON.
    outcome     TEXT        NOT NULL,
    create_time TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (owner_id, request_id)
);

CREATE INDEX requests_by_age ON requests (owner_id, create_time);
