-- What a server keeps. Times are Unix milliseconds.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    id         INTEGER PRIMARY KEY,
    key        TEXT NOT NULL UNIQUE,   -- what two spellings of one name share
    name       TEXT NOT NULL,          -- as it was registered
    password   TEXT NOT NULL,          -- argon2id, PHC string
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE token (
    hash    BLOB PRIMARY KEY,          -- SHA-256 of the token: the token itself is never stored
    account INTEGER NOT NULL REFERENCES account(id),
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX token_by_account ON token(account, expires);

CREATE TABLE conversation (
    id   INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,             -- 0 the lobby, 1 a set
    key  BLOB NOT NULL UNIQUE,         -- a set's: SHA-256 of its sorted members
    head INTEGER NOT NULL DEFAULT 0    -- the counter that makes seq dense and commit-ordered
) STRICT;

INSERT INTO conversation(id, kind, key) VALUES (1, 0, CAST('lobby' AS BLOB));

CREATE TABLE seat (
    account   INTEGER NOT NULL REFERENCES account(id),
    conv      INTEGER NOT NULL REFERENCES conversation(id),
    since     INTEGER NOT NULL,        -- messages up to this seq are not this member's to see
    confirmed INTEGER NOT NULL,        -- messages up to this seq are known to have been taken
    PRIMARY KEY (account, conv)
) STRICT, WITHOUT ROWID;

CREATE INDEX seat_by_conversation ON seat(conv, account);

CREATE TABLE message (
    conv   INTEGER NOT NULL REFERENCES conversation(id),
    seq    INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES account(id),
    at     INTEGER NOT NULL,
    cid    BLOB,
    text   TEXT NOT NULL,
    PRIMARY KEY (conv, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX message_by_cid ON message(sender, cid) WHERE cid IS NOT NULL;
