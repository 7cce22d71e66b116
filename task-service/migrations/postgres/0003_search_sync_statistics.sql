-- Lower-cased and without accents: what is searched, and what titles are ordered by. NULL only until the first start
-- after this step has filled them.
ALTER TABLE tasks ADD COLUMN folded_title TEXT COLLATE "C";
ALTER TABLE tasks ADD COLUMN folded_description TEXT COLLATE "C";

-- The owners whose tasks are still to be filled.
CREATE TABLE unfolded (
    unfolded_owner UUID NOT NULL PRIMARY KEY
);

INSERT INTO unfolded SELECT DISTINCT owner_id FROM tasks;

-- What changed since.
CREATE INDEX tasks_by_change ON tasks (owner_id, change_seq);

-- Only the active ones that are due: the statistics count in it, and read nothing else.
CREATE INDEX tasks_by_due ON tasks (owner_id, due_time, due_zone)
    WHERE delete_time IS NULL AND completed = FALSE AND due_time IS NOT NULL;

-- Of the tasks that are not deleted.
ALTER TABLE owner_state ADD COLUMN task_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE owner_state ADD COLUMN completed_count BIGINT NOT NULL DEFAULT 0;
-- The greatest change_seq among the tasks that were purged: who has not seen it yet never will.
ALTER TABLE owner_state ADD COLUMN purged_seq BIGINT NOT NULL DEFAULT 0;

UPDATE owner_state
SET task_count = (
        SELECT count(*) FROM tasks WHERE tasks.owner_id = owner_state.owner_id AND delete_time IS NULL),
    completed_count = (
        SELECT count(*) FROM tasks
        WHERE tasks.owner_id = owner_state.owner_id AND delete_time IS NULL AND completed),
    -- What was purged before is not known.
    purged_seq = next_seq - 1;

-- Whose tasks changed, told to the other processes on this database: the owners of a batch, 16 bytes each.
CREATE TABLE announcements (
    announcement BIGINT NOT NULL PRIMARY KEY,
    owners       BYTEA  NOT NULL
);

-- The number of the last announcement; one row. Locked by the transaction that makes one, so that the numbers are in the
-- order of the commits.
CREATE TABLE announcement_counter (
    counter_id        BIGINT NOT NULL PRIMARY KEY CHECK (counter_id = 1),
    last_announcement BIGINT NOT NULL
);

INSERT INTO announcement_counter VALUES (1, 0);

-- What came of a request is a list now.
UPDATE requests SET outcome = '[' || outcome || ']';
