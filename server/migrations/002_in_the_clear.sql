-- Whether a message came to the server without encryption, through the original's door.

ALTER TABLE message ADD COLUMN clear INTEGER NOT NULL DEFAULT 0;
