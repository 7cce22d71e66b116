-- All of an account's, ended ones too.
CREATE INDEX sessions_by_account ON sessions (account_id, session_id);

-- Failed tries, by what they have in common. Names are keyed hashes: the table tells nobody's address.
CREATE TABLE throttles (
    subject     BLOB    NOT NULL PRIMARY KEY,
    -- The identifier that was tried, where the subject is an identifier at one network.
    identifier  BLOB,
    failures    INTEGER NOT NULL,
    first_time  INTEGER NOT NULL,
    last_time   INTEGER NOT NULL,
    -- It holds nobody up from then on.
    forget_time INTEGER NOT NULL
) STRICT;

CREATE INDEX throttles_by_forgetting ON throttles (forget_time);
CREATE INDEX throttles_by_identifier ON throttles (identifier) WHERE identifier IS NOT NULL;

-- From which networks accounts were signed in to lately.
CREATE TABLE known_clients (
    -- A keyed hash of identifier and network.
    client            BLOB    NOT NULL PRIMARY KEY,
    account_id        BLOB    NOT NULL REFERENCES accounts (account_id),
    last_sign_in_time INTEGER NOT NULL
) STRICT;

CREATE INDEX known_clients_by_account ON known_clients (account_id, last_sign_in_time);
CREATE INDEX known_clients_by_time ON known_clients (last_sign_in_time);

-- The one link by which an account's password can be chosen anew.
CREATE TABLE password_resets (
    account_id  BLOB    NOT NULL PRIMARY KEY REFERENCES accounts (account_id),
    -- SHA-256 of the token.
    token_hash  BLOB    NOT NULL UNIQUE,
    create_time INTEGER NOT NULL,
    expire_time INTEGER NOT NULL
) STRICT;

-- What happened to accounts, in the order in which it was committed, without gaps. Nothing in it is ever changed; only
-- whole days older than 400 days are deleted, and leave their closing hash.
CREATE TABLE audit_records (
    sequence    INTEGER NOT NULL PRIMARY KEY,
    record_time INTEGER NOT NULL,
    act         TEXT    NOT NULL,
    account_id  BLOB,
    session_id  BLOB,
    ip_address  TEXT    NOT NULL,
    user_agent  TEXT    NOT NULL,
    request_id  TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    -- The refresh key from which the key of the hash is derived.
    key_id      INTEGER NOT NULL,
    -- HMAC-SHA-256 of the record and of the hash before it.
    hash        BLOB    NOT NULL
) STRICT;

CREATE INDEX audit_records_by_account ON audit_records (account_id, sequence) WHERE account_id IS NOT NULL;

-- Up to where records were deleted, and the hash of the last of them. Inserting one deletes them.
CREATE TABLE audit_closings (
    sequence   INTEGER NOT NULL PRIMARY KEY,
    hash       BLOB    NOT NULL,
    close_time INTEGER NOT NULL,
    -- HMAC-SHA-256 of the other three, by a key of that refresh key.
    key_id     INTEGER NOT NULL,
    proof      BLOB    NOT NULL
) STRICT;

-- REPLACE deletes without asking the triggers of DELETE.
CREATE TRIGGER audit_records_not_replaced BEFORE INSERT ON audit_records
WHEN EXISTS (SELECT 1 FROM audit_records WHERE sequence = NEW.sequence)
BEGIN
    SELECT RAISE(ABORT, 'audit records are never changed');
END;

CREATE TRIGGER audit_closings_not_replaced BEFORE INSERT ON audit_closings
WHEN EXISTS (SELECT 1 FROM audit_closings WHERE sequence = NEW.sequence)
BEGIN
    SELECT RAISE(ABORT, 'audit closings are never changed');
END;

CREATE TRIGGER audit_records_unchanged BEFORE UPDATE ON audit_records
BEGIN
    SELECT RAISE(ABORT, 'audit records are never changed');
END;

CREATE TRIGGER audit_records_kept BEFORE DELETE ON audit_records
WHEN OLD.record_time > (unixepoch() - 400 * 86400) * 1000000
    OR NOT EXISTS (SELECT 1 FROM audit_closings WHERE sequence >= OLD.sequence)
BEGIN
    SELECT RAISE(ABORT, 'audit records are kept for 400 days');
END;

CREATE TRIGGER audit_closings_unchanged BEFORE UPDATE ON audit_closings
BEGIN
    SELECT RAISE(ABORT, 'audit closings are never changed');
END;

CREATE TRIGGER audit_closings_kept BEFORE DELETE ON audit_closings
BEGIN
    SELECT RAISE(ABORT, 'audit closings are kept');
END;

CREATE TRIGGER audit_closings_delete AFTER INSERT ON audit_closings
BEGIN
    DELETE FROM audit_records WHERE sequence <= NEW.sequence;
END;
