-- bridge: version 1 (replay)
-- bridge: statement 1 of 1
CREATE TABLE likes (
	id INTEGER NOT NULL, 
	media_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	created DATETIME, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_likes_media FOREIGN KEY(media_id) REFERENCES media_entries (id), 
	CONSTRAINT fk_likes_user FOREIGN KEY(user_id) REFERENCES users (id)
);
-- bridge: version 2 (ported)
-- bridge: statement 1 of 6
PRAGMA legacy_alter_table = ON;
-- bridge: statement 2 of 6
ALTER TABLE likes RENAME TO migration_tmp;
-- bridge: statement 3 of 6
PRAGMA legacy_alter_table = OFF;
-- bridge: statement 4 of 6
CREATE TABLE likes (
	id INTEGER NOT NULL, 
	media_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	created DATETIME, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_likes_media FOREIGN KEY(media_id) REFERENCES media_entries (id), 
	CONSTRAINT fk_likes_user FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_likes_media_user UNIQUE (media_id, user_id)
);
-- bridge: statement 5 of 6
INSERT INTO likes SELECT * from migration_tmp;
-- bridge: statement 6 of 6
DROP TABLE migration_tmp;
-- bridge: version 3 (replay)
-- bridge: statement 1 of 2
ALTER TABLE likes ADD kind VARCHAR(16) DEFAULT 'like' NOT NULL;
-- bridge: statement 2 of 2
CREATE INDEX ix_likes_user_id ON likes (user_id);
