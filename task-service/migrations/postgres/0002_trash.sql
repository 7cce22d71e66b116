-- What waits to be purged.
CREATE INDEX tasks_in_trash ON tasks (owner_id, delete_time) WHERE delete_time IS NOT NULL;

-- The owners who have something in the trash, and when to look there. Never later than the first task is due.
CREATE TABLE purges (
    due_owner UUID        NOT NULL PRIMARY KEY,
    due_time  TIMESTAMPTZ NOT NULL
);

CREATE INDEX purges_by_due_time ON purges (due_time);

-- Thirty days after the first was deleted.
INSERT INTO purges
SELECT owner_id, min(delete_time) + interval '30 days' FROM tasks WHERE delete_time IS NOT NULL GROUP BY owner_id;
