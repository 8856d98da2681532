-- bridge: version 1 (replay)
-- bridge: statement 1 of 2
CREATE TABLE users (
	id INTEGER NOT NULL, 
	username VARCHAR(64) NOT NULL, 
	email VARCHAR(190) NOT NULL, 
	password_hash VARCHAR(190), 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
-- bridge: statement 2 of 2
CREATE TABLE media_entries (
	id INTEGER NOT NULL, 
	uploader_id INTEGER NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	description TEXT, 
	path VARCHAR(500), 
	state VARCHAR(20) DEFAULT 'processed' NOT NULL, 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_media_entries_uploader FOREIGN KEY(uploader_id) REFERENCES users (id)
);
-- bridge: version 2 (replay)
-- bridge: statement 1 of 1
CREATE TABLE media_comments (
	id INTEGER NOT NULL, 
	media_id INTEGER NOT NULL, 
	author_id INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_media_comments_media FOREIGN KEY(media_id) REFERENCES media_entries (id), 
	CONSTRAINT fk_media_comments_author FOREIGN KEY(author_id) REFERENCES users (id)
);
-- bridge: version 3 (replay)
-- bridge: statement 1 of 7
PRAGMA legacy_alter_table = ON;
-- bridge: statement 2 of 7
ALTER TABLE users RENAME TO migration_tmp;
-- bridge: statement 3 of 7
PRAGMA legacy_alter_table = OFF;
-- bridge: statement 4 of 7
CREATE TABLE users (
	id INTEGER NOT NULL, 
	username VARCHAR(64) NOT NULL, 
	email VARCHAR(190) NOT NULL, 
	password_hash VARCHAR(190), 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_users_username UNIQUE (username)
);
-- bridge: statement 5 of 7
INSERT INTO users SELECT * from migration_tmp;
-- bridge: statement 6 of 7
DROP TABLE migration_tmp;
-- bridge: statement 7 of 7
CREATE INDEX ix_media_entries_created ON media_entries (created);
-- bridge: version 4 (replay)
-- bridge: version 5 (replay)
-- bridge: statement 1 of 1
ALTER TABLE media_entries ADD slug VARCHAR(220);
-- bridge: version 6 (replay)
-- bridge: statement 1 of 4
CREATE TABLE media_comments_new (id INTEGER NOT NULL, media_id INTEGER NOT NULL, author_id INTEGER, body TEXT NOT NULL, created DATETIME NOT NULL, PRIMARY KEY (id), CONSTRAINT fk_media_comments_media FOREIGN KEY(media_id) REFERENCES media_entries (id), CONSTRAINT fk_media_comments_author FOREIGN KEY(author_id) REFERENCES users (id) ON DELETE SET NULL);
-- bridge: statement 2 of 4
INSERT INTO media_comments_new (id, media_id, author_id, body, created) SELECT id, media_id, author_id, body, created FROM media_comments;
-- bridge: statement 3 of 4
DROP TABLE media_comments;
-- bridge: statement 4 of 4
ALTER TABLE media_comments_new RENAME TO media_comments;
-- bridge: version 7 (ported)
-- bridge: version 8 (replay)
-- bridge: statement 1 of 8
DROP INDEX ix_media_entries_created;
-- bridge: statement 2 of 8
PRAGMA legacy_alter_table = ON;
-- bridge: statement 3 of 8
ALTER TABLE media_entries RENAME TO migration_tmp;
-- bridge: statement 4 of 8
PRAGMA legacy_alter_table = OFF;
-- bridge: statement 5 of 8
CREATE TABLE media_entries (
	id INTEGER NOT NULL, 
	uploader_id INTEGER NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	caption TEXT, 
	path VARCHAR(500), 
	state VARCHAR(20) DEFAULT 'processed' NOT NULL, 
	created DATETIME NOT NULL, 
	slug VARCHAR(220) NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_media_entries_uploader FOREIGN KEY(uploader_id) REFERENCES users (id), 
	CONSTRAINT uq_media_entries_uploader_slug UNIQUE (uploader_id, slug)
);
-- bridge: statement 6 of 8
CREATE INDEX ix_media_entries_created ON media_entries (created);
-- bridge: statement 7 of 8
INSERT INTO media_entries SELECT * from migration_tmp;
-- bridge: statement 8 of 8
DROP TABLE migration_tmp;
-- bridge: version 9 (replay)
-- bridge: statement 1 of 2
CREATE TABLE keywords (
	id INTEGER NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_keywords_name UNIQUE (name)
);
-- bridge: statement 2 of 2
CREATE TABLE media_keywords (
	media_id INTEGER NOT NULL, 
	keyword_id INTEGER NOT NULL, 
	PRIMARY KEY (media_id, keyword_id), 
	CONSTRAINT fk_media_keywords_media FOREIGN KEY(media_id) REFERENCES media_entries (id), 
	CONSTRAINT fk_media_keywords_keyword FOREIGN KEY(keyword_id) REFERENCES keywords (id)
);
-- bridge: version 10 (replay)
-- bridge: statement 1 of 8
ALTER TABLE keywords RENAME TO tags;
-- bridge: statement 2 of 8
ALTER TABLE media_keywords RENAME TO media_tags;
-- bridge: statement 3 of 8
PRAGMA legacy_alter_table = ON;
-- bridge: statement 4 of 8
ALTER TABLE media_tags RENAME TO migration_tmp;
-- bridge: statement 5 of 8
PRAGMA legacy_alter_table = OFF;
-- bridge: statement 6 of 8
CREATE TABLE media_tags (
	media_id INTEGER NOT NULL, 
	tag_id INTEGER NOT NULL, 
	PRIMARY KEY (media_id, tag_id), 
	CONSTRAINT fk_media_keywords_media FOREIGN KEY(media_id) REFERENCES media_entries (id), 
	CONSTRAINT fk_media_keywords_keyword FOREIGN KEY(tag_id) REFERENCES tags (id)
);
-- bridge: statement 7 of 8
INSERT INTO media_tags SELECT * from migration_tmp;
-- bridge: statement 8 of 8
DROP TABLE migration_tmp;
-- bridge: version 11 (replay)
-- bridge: statement 1 of 4
CREATE TABLE settings (
	name VARCHAR(64) NOT NULL, 
	value TEXT, 
	PRIMARY KEY (name)
);
-- bridge: statement 2 of 4
INSERT INTO settings (name, value) VALUES ('footer', NULL);
-- bridge: statement 3 of 4
INSERT INTO settings (name, value) VALUES ('quota_warning', 'You have used 90% of your space: time to tidy up?');
-- bridge: statement 4 of 4
INSERT INTO settings (name, value) VALUES ('site_title', 'Someone''s gallery');
-- bridge: version 12 (replay)
-- bridge: statement 1 of 2
CREATE TABLE media_files (
	media_id INTEGER NOT NULL, 
	name VARCHAR(40) NOT NULL, 
	path VARCHAR(500) NOT NULL, 
	size BIGINT, 
	PRIMARY KEY (media_id, name), 
	CONSTRAINT fk_media_files_media FOREIGN KEY(media_id) REFERENCES media_entries (id)
);
-- bridge: statement 2 of 2
INSERT INTO media_files (media_id, name, path) SELECT media_entries.id, 'original' AS anon_1, media_entries.path 
FROM media_entries 
WHERE media_entries.path IS NOT NULL;
-- bridge: version 13 (replay)
-- bridge: statement 1 of 8
DROP INDEX ix_media_entries_created;
-- bridge: statement 2 of 8
PRAGMA legacy_alter_table = ON;
-- bridge: statement 3 of 8
ALTER TABLE media_entries RENAME TO migration_tmp;
-- bridge: statement 4 of 8
PRAGMA legacy_alter_table = OFF;
-- bridge: statement 5 of 8
CREATE TABLE media_entries (
	id INTEGER NOT NULL, 
	uploader_id INTEGER NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	caption TEXT, 
	state VARCHAR(20) DEFAULT 'processed' NOT NULL, 
	created DATETIME NOT NULL, 
	slug VARCHAR(220) NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_media_entries_uploader FOREIGN KEY(uploader_id) REFERENCES users (id), 
	CONSTRAINT uq_media_entries_uploader_slug UNIQUE (uploader_id, slug)
);
-- bridge: statement 6 of 8
CREATE INDEX ix_media_entries_created ON media_entries (created);
-- bridge: statement 7 of 8
INSERT INTO media_entries SELECT id ,uploader_id ,title ,caption ,state ,created ,slug from migration_tmp;
-- bridge: statement 8 of 8
DROP TABLE migration_tmp;
-- bridge: version 14 (replay)
-- bridge: statement 1 of 3
ALTER TABLE users ADD is_admin BOOLEAN DEFAULT (0) NOT NULL;
-- bridge: statement 2 of 3
ALTER TABLE media_entries ADD view_count INTEGER DEFAULT '0' NOT NULL;
-- bridge: statement 3 of 3
CREATE INDEX ix_media_entries_state_created ON media_entries (state, created);
