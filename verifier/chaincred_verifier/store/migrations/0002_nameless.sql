-- Ids of a snapshot that took the place of entries: of these nobody knows what they were. `number`
-- is the snapshot's, and `before_time` an issuer's.
CREATE TABLE nameless (
    id          BYTEA  PRIMARY KEY,
    number      BIGINT NOT NULL,
    until       BIGINT NOT NULL,
    before_time BIGINT
);
