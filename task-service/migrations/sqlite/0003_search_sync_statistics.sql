-- Lower-cased and without accents: what is searched, and what titles are ordered by. NULL only until the first start
-- after this step has filled them.
ALTER TABLE tasks ADD COLUMN folded_title TEXT;
ALTER TABLE tasks ADD COLUMN folded_description TEXT;

-- The owners whose tasks are still to be filled.
CREATE TABLE unfolded (
    unfolded_owner BLOB NOT NULL PRIMARY KEY CHECK (length(unfolded_owner) = 16)
) STRICT;

INSERT INTO unfolded SELECT DISTINCT owner_id FROM tasks;

-- What changed since.
CREATE INDEX tasks_by_change ON tasks (owner_id, change_seq);

-- Only the active ones that are due: the statistics count in it, and read nothing else.
CREATE INDEX tasks_by_due ON tasks (owner_id, due_time, due_zone, completed, delete_time)
    WHERE delete_time IS NULL AND completed = FALSE AND due_time IS NOT NULL;

-- Of the tasks that are not deleted.
ALTER TABLE owner_state ADD COLUMN task_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE owner_state ADD COLUMN completed_count INTEGER NOT NULL DEFAULT 0;
-- The greatest change_seq among the tasks that were purged: who has not seen it yet never will.
ALTER TABLE owner_state ADD COLUMN purged_seq INTEGER NOT NULL DEFAULT 0;

UPDATE owner_state
SET task_count = (
        SELECT count(*) FROM tasks WHERE tasks.owner_id = owner_state.owner_id AND delete_time IS NULL),
    completed_count = (
        SELECT count(*) FROM tasks
        WHERE tasks.owner_id = owner_state.owner_id AND delete_time IS NULL AND completed = 1),
    -- What was purged before is not known.
    purged_seq = next_seq - 1;

-- Whose tasks changed, told to the other processes on this database: the owners of a batch, 16 bytes each.
CREATE TABLE announcements (
    announcement INTEGER NOT NULL PRIMARY KEY,
    owners       BLOB    NOT NULL
) STRICT;

-- The number of the last announcement; one row. Locked by the transaction that makes one, so that the numbers are in the
-- order of the commits.
CREATE TABLE announcement_counter (
    counter_id        INTEGER NOT NULL PRIMARY KEY CHECK (counter_id = 1),
    last_announcement INTEGER NOT NULL
) STRICT;

INSERT INTO announcement_counter VALUES (1, 0);

-- What came of a request is a list now.
UPDATE requests SET outcome = '[' || outcome || ']';
