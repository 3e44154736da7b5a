-- The second half of 004: what is narrower takes the place of what was there.

INSERT INTO offered(id, place, sender, size, hash, media, until, stage)
SELECT id, conv << 32 | seq, sender, size, hash, media, until, stage FROM file ORDER BY id;

DROP TABLE file;
DROP TABLE message;
ALTER TABLE placed RENAME TO message;
ALTER TABLE offered RENAME TO file;

CREATE INDEX file_live ON file(sender, size) WHERE stage < 2;
