-- One dialect for SQLite and PostgreSQL. Numbers, names and meanings are those of specs/.
CREATE TABLE list_state (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    list_id     BYTEA   NOT NULL,
    seq         BIGINT  NOT NULL,
    hash        BYTEA   NOT NULL,
    head        BYTEA   NOT NULL,
    issued_at   BIGINT  NOT NULL,
    fresh_until BIGINT  NOT NULL,
    oldest      BIGINT  NOT NULL
);
CREATE TABLE list_snapshot (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    seq      BIGINT  NOT NULL,
    taken_at BIGINT  NOT NULL,
    signed   BYTEA   NOT NULL
);
CREATE TABLE entries (
    number       BIGINT PRIMARY KEY,
    what         BIGINT NOT NULL,
    id           BYTEA  NOT NULL,
    until        BIGINT NOT NULL,
    before_time  BIGINT,
    reason       TEXT   NOT NULL,
    packed       BYTEA  NOT NULL,
    running      BYTEA  NOT NULL,
    made_at      BIGINT NOT NULL,
    made_by      TEXT   NOT NULL,
    contained_at BIGINT NOT NULL
);
CREATE INDEX entries_id ON entries (id);

CREATE TABLE replay (
    key   BYTEA  PRIMARY KEY,
    until BIGINT NOT NULL
);
CREATE INDEX replay_until ON replay (until);
CREATE TABLE replay_state (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    latest BIGINT  NOT NULL,
    held   BIGINT  NOT NULL
);
INSERT INTO replay_state (id, latest, held) VALUES (1, 0, 0);

CREATE TABLE audit (
    n       BIGINT PRIMARY KEY,
    at      BIGINT NOT NULL,
    what    TEXT   NOT NULL,
    code    TEXT   NOT NULL,
    root_id BYTEA,
    agent   TEXT,
    task    TEXT,
    tool    TEXT,
    line    TEXT   NOT NULL,
    hash    BYTEA  NOT NULL
);
CREATE INDEX audit_root_id ON audit (root_id, n);
CREATE INDEX audit_agent ON audit (agent, n);
CREATE INDEX audit_tool ON audit (tool, n);
CREATE INDEX audit_task ON audit (task, n) WHERE task <> '';
CREATE TABLE audit_state (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    n           BIGINT  NOT NULL,
    hash        BYTEA   NOT NULL,
    first_n     BIGINT  NOT NULL,
    before_hash BYTEA   NOT NULL
);

CREATE TABLE blocks (
    link       BYTEA  PRIMARY KEY,
    link_id    BYTEA  NOT NULL,
    parent     BYTEA,
    root_id    BYTEA  NOT NULL,
    depth      BIGINT NOT NULL,
    issuer     BYTEA  NOT NULL,
    delegator  BYTEA  NOT NULL,
    holder     BYTEA  NOT NULL,
    holder_id  BYTEA  NOT NULL,
    agent      TEXT   NOT NULL,
    purpose    TEXT   NOT NULL,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    caveats    TEXT   NOT NULL,
    first_seen BIGINT NOT NULL,
    last_used  BIGINT,
    uses       BIGINT NOT NULL,
    refused    BIGINT NOT NULL,
    killed_by  BIGINT
);
CREATE INDEX blocks_link_id ON blocks (link_id);
CREATE INDEX blocks_parent ON blocks (parent) WHERE killed_by IS NULL;
CREATE INDEX blocks_issuer ON blocks (issuer, link) WHERE depth = 0;
CREATE INDEX blocks_root_id ON blocks (root_id);
CREATE INDEX blocks_holder_id ON blocks (holder_id, link);
CREATE INDEX blocks_agent ON blocks (agent);
CREATE INDEX blocks_killed_by ON blocks (killed_by) WHERE killed_by IS NOT NULL;
CREATE INDEX blocks_expires_at ON blocks (expires_at);
CREATE TABLE block_tasks (
    link    BYTEA NOT NULL,
    task    TEXT  NOT NULL,
    task_id BYTEA NOT NULL,
    PRIMARY KEY (link, task)
);
CREATE INDEX block_tasks_task_id ON block_tasks (task_id, link);
-- Entries whose first blocks are not all marked, and blocks whose children are not.
CREATE TABLE killing (
    number      BIGINT PRIMARY KEY,
    what        BIGINT NOT NULL,
    id          BYTEA  NOT NULL,
    before_time BIGINT,
    after       BYTEA  NOT NULL
);
CREATE TABLE dying (
    number BIGINT NOT NULL,
    link   BYTEA  NOT NULL,
    PRIMARY KEY (number, link)
);

CREATE TABLE followers (
    name          TEXT   PRIMARY KEY,
    key           BYTEA  NOT NULL,
    registered_at BIGINT NOT NULL,
    seq           BIGINT,
    issued_at     BIGINT,
    at            BIGINT,
    heard_at      BIGINT
);
CREATE TABLE acks (
    name     TEXT   NOT NULL,
    seq      BIGINT NOT NULL,
    heard_at BIGINT NOT NULL,
    PRIMARY KEY (name, seq)
);

CREATE TABLE sessions (
    id         BYTEA  PRIMARY KEY,
    csrf       BYTEA  NOT NULL,
    token      BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL,
    seal       BYTEA  NOT NULL
);
