-- What waits to be purged.
CREATE INDEX tasks_in_trash ON tasks (owner_id, delete_time) WHERE delete_time IS NOT NULL;

-- The owners of whom something is to be purged, and when to look. Never later than the first of it is due.
CREATE TABLE purges (
    due_owner BLOB    NOT NULL PRIMARY KEY CHECK (length(due_owner) = 16),
    due_time  INTEGER NOT NULL
) STRICT;

CREATE INDEX purges_by_due_time ON purges (due_time);

-- Thirty days after the first was deleted.
INSERT INTO purges
SELECT owner_id, min(delete_time) + 2592000000000 FROM tasks WHERE delete_time IS NOT NULL GROUP BY owner_id;

-- Requests that had their effect, and what came of each: repeated within a day, they have it once.
CREATE TABLE requests (
    owner_id    BLOB    NOT NULL CHECK (length(owner_id) = 16),
    -- As the client chose it.
    request_id  TEXT    NOT NULL,
    -- SHA-256 of what was asked.
    digest      BLOB    NOT NULL,
    -- The task as it was answered, in JSON.
    outcome     TEXT    NOT NULL,
    create_time INTEGER NOT NULL,
    PRIMARY KEY (owner_id, request_id)
) STRICT;

CREATE INDEX requests_by_age ON requests (owner_id, create_time);
