-- All of an account's, ended ones too.
CREATE INDEX sessions_by_account ON sessions (account_id, session_id);

-- Failed tries, by what they have in common. Names are keyed hashes: the table tells nobody's address.
CREATE TABLE throttles (
    subject     BYTEA       NOT NULL PRIMARY KEY,
    -- The identifier that was tried, where the subject is an identifier at one network.
    identifier  BYTEA,
    failures    BIGINT      NOT NULL,
    first_time  TIMESTAMPTZ NOT NULL,
    last_time   TIMESTAMPTZ NOT NULL,
    -- It holds nobody up from then on.
    forget_time TIMESTAMPTZ NOT NULL
);

CREATE INDEX throttles_by_forgetting ON throttles (forget_time);
CREATE INDEX throttles_by_identifier ON throttles (identifier) WHERE identifier IS NOT NULL;

-- From which networks accounts were signed in to lately.
CREATE TABLE known_clients (
    -- A keyed hash of identifier and network.
    client            BYTEA       NOT NULL PRIMARY KEY,
    account_id        UUID        NOT NULL REFERENCES accounts (account_id),
    last_sign_in_time TIMESTAMPTZ NOT NULL
);

CREATE INDEX known_clients_by_account ON known_clients (account_id, last_sign_in_time);
CREATE INDEX known_clients_by_time ON known_clients (last_sign_in_time);

-- The one link by which an account's password can be chosen anew.
CREATE TABLE password_resets (
    account_id  UUID        NOT NULL PRIMARY KEY REFERENCES accounts (account_id),
    -- SHA-256 of the token.
    token_hash  BYTEA       NOT NULL UNIQUE,
    create_time TIMESTAMPTZ NOT NULL,
    expire_time TIMESTAMPTZ NOT NULL
);

-- What happened to accounts, in the order in which it was committed, without gaps. Nothing in it is ever changed; only
-- whole days older than 400 days are deleted, and leave their closing hash.
CREATE TABLE audit_records (
    sequence    BIGINT      NOT NULL PRIMARY KEY,
    record_time TIMESTAMPTZ NOT NULL,
    act         TEXT        NOT NULL,
    account_id  UUID,
    session_id  UUID,
    ip_address  TEXT        NOT NULL,
    user_agent  TEXT        NOT NULL,
    request_id  TEXT        NOT NULL,
    detail      TEXT        NOT NULL,
    -- The refresh key from which the key of the hash is derived.
    key_id      BIGINT      NOT NULL,
    -- HMAC-SHA-256 of the record and of the hash before it.
    hash        BYTEA       NOT NULL
);

CREATE INDEX audit_records_by_account ON audit_records (account_id, sequence) WHERE account_id IS NOT NULL;

-- Up to where records were deleted, and the hash of the last of them. Inserting one deletes them.
CREATE TABLE audit_closings (
    sequence   BIGINT      NOT NULL PRIMARY KEY,
    hash       BYTEA       NOT NULL,
    close_time TIMESTAMPTZ NOT NULL,
    -- HMAC-SHA-256 of the other three, by a key of that refresh key.
    key_id     BIGINT      NOT NULL,
    proof      BYTEA       NOT NULL
);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit records are never changed';
END;
$$;

CREATE FUNCTION keep_audit_records() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.record_time > now() - interval '400 days'
        OR NOT EXISTS (SELECT 1 FROM audit_closings WHERE sequence >= OLD.sequence) THEN
        RAISE EXCEPTION 'audit records are kept for 400 days';
    END IF;
    RETURN OLD;
END;
$$;

-- With the rights of the owner: the service's own role deletes no record.
CREATE FUNCTION delete_closed_audit_records() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM audit_records WHERE sequence <= NEW.sequence;
    RETURN NULL;
END;
$$;

CREATE TRIGGER audit_records_unchanged BEFORE UPDATE ON audit_records
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_records_kept BEFORE DELETE ON audit_records
    FOR EACH ROW EXECUTE FUNCTION keep_audit_records();
CREATE TRIGGER audit_records_not_emptied BEFORE TRUNCATE ON audit_records
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_closings_unchanged BEFORE UPDATE OR DELETE ON audit_closings
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_closings_not_emptied BEFORE TRUNCATE ON audit_closings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_closings_delete AFTER INSERT ON audit_closings
    FOR EACH ROW EXECUTE FUNCTION delete_closed_audit_records();

-- A role that is not the owner may add to the log and read it, whatever it may do with other tables.
DO $$
DECLARE
    other name;
BEGIN
    FOR other IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name IN ('audit_records', 'audit_closings')
            AND grantee NOT IN (current_user, 'PUBLIC')
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON audit_records, audit_closings FROM %I', other);
    END LOOP;
END;
$$;
REVOKE UPDATE, DELETE, TRUNCATE ON audit_records, audit_closings FROM PUBLIC;
