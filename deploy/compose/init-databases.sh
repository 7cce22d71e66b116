#!/usr/bin/env bash
# Run once by the postgres image, when its volume is empty: two databases, and for each the role that owns it and
# migrates it and the role that the service has. Names and passwords are those of the addresses in the secrets.
set -euo pipefail

# postgres://ROLE:PASSWORD@HOST/DATABASE
address='^postgres://([a-z_]+):([A-Za-z0-9_-]+)@[^/]+/([a-z_]+)'

read_address() {
    [[ $(<"${SECRETS:-/run/secrets}/$1") =~ $address ]] || {
        echo "$1 holds no address such as postgres://role:password@host/database" >&2
        exit 1
    }
}

make_database() {
    read_address "$1_owner_database_url"
    export OWNER=${BASH_REMATCH[1]} OWNER_PASSWORD=${BASH_REMATCH[2]} DATABASE=${BASH_REMATCH[3]}
    read_address "$1_database_url"
    export SERVICE=${BASH_REMATCH[1]} SERVICE_PASSWORD=${BASH_REMATCH[2]}
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<'SQL'
\getenv database DATABASE
\getenv owner OWNER
\getenv owner_password OWNER_PASSWORD
\getenv service SERVICE
\getenv service_password SERVICE_PASSWORD

-- Passwords stay out of the server's log, whatever it logs.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"service" LOGIN PASSWORD :'service_password';
CREATE DATABASE :"database" OWNER :"owner";
REVOKE ALL ON DATABASE :"database", postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"service";

\connect :"database"
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"service";

-- In the owner's name, as sqlx would make it: which steps were taken is the owner's to write, the service's to read.
SET ROLE :"owner";
CREATE TABLE _sqlx_migrations (
    version        BIGINT      PRIMARY KEY,
    description    TEXT        NOT NULL,
    installed_on   TIMESTAMPTZ NOT NULL DEFAULT now(),
    success        BOOLEAN     NOT NULL,
    checksum       BYTEA       NOT NULL,
    execution_time BIGINT      NOT NULL
);
GRANT SELECT ON _sqlx_migrations TO :"service";

-- Rows of every table that a migration makes, and nothing of the tables themselves.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"service";
SQL
}

make_database auth
make_database task
