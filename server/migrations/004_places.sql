-- Narrower: 60 bytes a message beyond its text, which were 94.
--
-- A message is found by one number, its place. What is not stored but computed from what is has no column of its own. These
-- become `message` and `file` once all that was said has been brought over (store/sqlite/narrow.rs).

CREATE TABLE placed (
    place  INTEGER PRIMARY KEY,        -- its conversation, and in the lower 32 bits its seq
    sender INTEGER NOT NULL REFERENCES account(id),
    stamp  INTEGER NOT NULL,           -- when; if it came without encryption, every bit of that turned over
    cid    BLOB,
    text   TEXT NOT NULL,
    conv   INTEGER REFERENCES conversation(id) AS (place >> 32),
    seq    INTEGER AS (place & 0xFFFFFFFF),
    at     INTEGER AS (max(stamp, ~stamp)),
    clear  INTEGER AS (stamp < 0)
) STRICT;

-- Where messages are that have a cid. A mark is when the cid says it was made, and 14 bits that its sender and the cid decide
-- together with a number that nobody knows who could choose either (store/sqlite/sent.rs): of other messages hardly any has
-- the same one. Whether it is the same cid is seen by the message.
CREATE TABLE sent (
    mark INTEGER NOT NULL,
    conv INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (mark, conv, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE offered (
    id     BLOB PRIMARY KEY,           -- 16 random bytes
    place  INTEGER NOT NULL UNIQUE REFERENCES message(place),
    sender INTEGER NOT NULL REFERENCES account(id),
    size   INTEGER NOT NULL,
    hash   BLOB NOT NULL,              -- SHA-256 of what has to be in it
    media  TEXT NOT NULL,
    until  INTEGER NOT NULL,           -- when it is let go of
    stage  INTEGER NOT NULL,           -- 0 on its way to the server, 1 all here, 2 gone
    conv   INTEGER AS (place >> 32),
    seq    INTEGER AS (place & 0xFFFFFFFF)
) STRICT, WITHOUT ROWID;
