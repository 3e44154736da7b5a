-- Files: what was offered, by which message. The message's text is the file's name; the content is in the spool.

CREATE TABLE file (
    id     BLOB PRIMARY KEY,           -- 16 random bytes
    conv   INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES account(id),
    size   INTEGER NOT NULL,
    hash   BLOB NOT NULL,              -- SHA-256 of what has to be in it
    media  TEXT NOT NULL,
    until  INTEGER NOT NULL,           -- when it is let go of
    stage  INTEGER NOT NULL,           -- 0 on its way to the server, 1 all here, 2 gone
    UNIQUE (conv, seq),
    FOREIGN KEY (conv, seq) REFERENCES message(conv, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX file_live ON file(sender, size) WHERE stage < 2;

CREATE TABLE standing (
    file    BLOB NOT NULL REFERENCES file(id),
    account INTEGER NOT NULL REFERENCES account(id),
    said    INTEGER NOT NULL,          -- 1 accepted, 2 declined, 3 received, 4 taken back from
    PRIMARY KEY (file, account)
) STRICT, WITHOUT ROWID;
