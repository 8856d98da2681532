BEGIN TRANSACTION;
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
INSERT INTO "media_comments" VALUES(1,1,2,'Pyszne! Smacznego 😋','2012-11-15 12:20:15.000000');
INSERT INTO "media_comments" VALUES(2,1,3,'It''s 100% sugar -- isn''t it?','2012-11-16 12:37:15.000000');
INSERT INTO "media_comments" VALUES(3,3,1,'Line one

line three: ''quoted'' "twice"','2012-11-17 12:54:15.000000');
INSERT INTO "media_comments" VALUES(4,5,4,'\N is not NULL; NULL is not ''NULL''','2012-11-18 13:11:15.000000');
INSERT INTO "media_comments" VALUES(5,2,1,':param %d %% {brace}','2012-11-19 13:28:15.000000');
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
INSERT INTO "media_entries" VALUES(1,1,'Crème brûlée: 100% homemade','First line
second line, a "quote" and it''s 12:30','ada/crème.jpg','processed','2012-11-09 10:38:15.000000');
INSERT INTO "media_entries" VALUES(2,1,'creme brulee - 100% HOMEMADE',NULL,'ada/2%20copy.jpg','processed','2012-11-10 10:55:15.000000');
INSERT INTO "media_entries" VALUES(3,2,'夜の東京 🎬','emoji 🎞️ and a tab	here','g/東京.webm','processed','2012-11-11 11:12:15.000000');
INSERT INTO "media_entries" VALUES(4,3,'%s %(title)s :title ?','',NULL,'failed','2012-11-12 11:29:15.000000');
INSERT INTO "media_entries" VALUES(5,3,'Don''t look; DROP TABLE','C:\temp\new','o''b/x.png','private','2012-11-13 11:46:15.000000');
INSERT INTO "media_entries" VALUES(6,4,'夜の東京',NULL,NULL,'private','2012-11-14 12:03:15.000000');
CREATE TABLE migrate_version (
	repository_id VARCHAR(250) NOT NULL, 
	repository_path TEXT, 
	version INTEGER, 
	PRIMARY KEY (repository_id)
);
INSERT INTO "migrate_version" VALUES('core','/srv/gallery/releases/2013-04-02/legacy_migrations/core',3);
CREATE TABLE users (
	id INTEGER NOT NULL, 
	username VARCHAR(64) NOT NULL, 
	email VARCHAR(190) NOT NULL, 
	password_hash VARCHAR(190), 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_users_username UNIQUE (username)
);
INSERT INTO "users" VALUES(1,'ada','ada@example.org','sha256:100%:abc''def','2012-11-05 09:30:15.000000');
INSERT INTO "users" VALUES(2,'Grażyna','grazyna@example.org',NULL,'2012-11-06 09:47:15.000000');
INSERT INTO "users" VALUES(3,'o''brien','o''brien+50%@example.org','pbkdf2:"x"','2012-11-07 10:04:15.000000');
INSERT INTO "users" VALUES(4,'李雷','lilei@example.org','','2012-11-08 10:21:15.000000');
CREATE INDEX ix_media_entries_created ON media_entries (created);
COMMIT;
