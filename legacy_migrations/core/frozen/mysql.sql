-- bridge: version 1 (replay)
-- bridge: statement 1 of 2
CREATE TABLE users (
	id INTEGER NOT NULL AUTO_INCREMENT, 
	username VARCHAR(64) NOT NULL, 
	email VARCHAR(190) NOT NULL, 
	password_hash VARCHAR(190), 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4;
-- bridge: statement 2 of 2
CREATE TABLE media_entries (
	id INTEGER NOT NULL AUTO_INCREMENT, 
	uploader_id INTEGER NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	description TEXT, 
	path VARCHAR(500), 
	state VARCHAR(20) NOT NULL DEFAULT 'processed', 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_media_entries_uploader FOREIGN KEY(uploader_id) REFERENCES users (id)
)ENGINE=InnoDB CHARSET=utf8mb4;
-- bridge: version 2 (replay)
-- bridge: statement 1 of 1
CREATE TABLE media_comments (
	id INTEGER NOT NULL AUTO_INCREMENT, 
	media_id INTEGER NOT NULL, 
	author_id INTEGER NOT NULL, 
	`body` TEXT NOT NULL, 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_media_comments_media FOREIGN KEY(media_id) REFERENCES media_entries (id), 
	CONSTRAINT fk_media_comments_author FOREIGN KEY(author_id) REFERENCES users (id)
)ENGINE=InnoDB CHARSET=utf8mb4;
-- bridge: version 3 (replay)
-- bridge: statement 1 of 2
ALTER TABLE users ADD CONSTRAINT uq_users_username UNIQUE (username);
-- bridge: statement 2 of 2
CREATE INDEX ix_media_entries_created ON media_entries (created);
-- bridge: version 4 (replay)
-- bridge: version 5 (replay)
-- bridge: statement 1 of 1
ALTER TABLE media_entries ADD slug VARCHAR(220);
-- bridge: version 6 (replay)
-- bridge: statement 1 of 3
ALTER TABLE media_comments DROP FOREIGN KEY fk_media_comments_author;
-- bridge: statement 2 of 3
ALTER TABLE media_comments CHANGE COLUMN author_id author_id INTEGER(11);
-- bridge: statement 3 of 3
ALTER TABLE media_comments ADD CONSTRAINT fk_media_comments_author FOREIGN KEY(author_id) REFERENCES users (id) ON DELETE SET NULL;
-- bridge: version 7 (ported)
-- bridge: version 8 (replay)
-- bridge: statement 1 of 1
ALTER TABLE media_entries CHANGE COLUMN description caption TEXT;
-- bridge: version 9 (replay)
-- bridge: statement 1 of 2
CREATE TABLE keywords (
	id INTEGER NOT NULL AUTO_INCREMENT, 
	name VARCHAR(100) NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_keywords_name UNIQUE (name)
)ENGINE=InnoDB CHARSET=utf8mb4;
-- bridge: statement 2 of 2
CREATE TABLE media_keywords (
	media_id INTEGER NOT NULL, 
	keyword_id INTEGER NOT NULL, 
	PRIMARY KEY (media_id, keyword_id), 
	CONSTRAINT fk_media_keywords_media FOREIGN KEY(media_id) REFERENCES media_entries (id), 
	CONSTRAINT fk_media_keywords_keyword FOREIGN KEY(keyword_id) REFERENCES keywords (id)
)ENGINE=InnoDB CHARSET=utf8mb4;
-- bridge: version 10 (replay)
-- bridge: statement 1 of 3
ALTER TABLE keywords RENAME TO tags;
-- bridge: statement 2 of 3
ALTER TABLE media_keywords RENAME TO media_tags;
-- bridge: statement 3 of 3
ALTER TABLE media_tags CHANGE COLUMN keyword_id tag_id INTEGER(11) NOT NULL;
-- bridge: version 11 (replay)
-- bridge: statement 1 of 4
CREATE TABLE settings (
	name VARCHAR(64) NOT NULL, 
	value TEXT, 
	PRIMARY KEY (name)
)ENGINE=InnoDB CHARSET=utf8mb4;
-- bridge: statement 2 of 4
INSERT INTO settings (name, value) VALUES ('footer', NULL);
-- bridge: statement 3 of 4
INSERT INTO settings (name, value) VALUES ('quota_warning', 'You have used 90% of your space: time to tidy up?');
-- bridge: statement 4 of 4
INSERT INTO settings (name, value) VALUES ('site_title', 'Someone\'s gallery');
-- bridge: version 12 (replay)
-- bridge: statement 1 of 2
CREATE TABLE media_files (
	media_id INTEGER NOT NULL, 
	name VARCHAR(40) NOT NULL, 
	path VARCHAR(500) NOT NULL, 
	size BIGINT, 
	PRIMARY KEY (media_id, name), 
	CONSTRAINT fk_media_files_media FOREIGN KEY(media_id) REFERENCES media_entries (id)
)ENGINE=InnoDB CHARSET=utf8mb4;
-- bridge: statement 2 of 2
INSERT INTO media_files (media_id, name, path) SELECT media_entries.id, 'original' AS anon_1, media_entries.path 
FROM media_entries 
WHERE media_entries.path IS NOT NULL;
-- bridge: version 13 (replay)
-- bridge: statement 1 of 1
ALTER TABLE media_entries DROP COLUMN path;
-- bridge: version 14 (replay)
-- bridge: statement 1 of 3
ALTER TABLE users ADD is_admin BOOL NOT NULL DEFAULT false;
-- bridge: statement 2 of 3
ALTER TABLE media_entries ADD view_count INTEGER NOT NULL DEFAULT '0';
-- bridge: statement 3 of 3
CREATE INDEX ix_media_entries_state_created ON media_entries (state, created);
