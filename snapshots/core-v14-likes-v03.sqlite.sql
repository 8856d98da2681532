BEGIN TRANSACTION;
CREATE TABLE likes (
	id INTEGER NOT NULL, 
	media_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	created DATETIME, kind VARCHAR(16) DEFAULT 'like' NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_likes_media FOREIGN KEY(media_id) REFERENCES media_entries (id), 
	CONSTRAINT fk_likes_user FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_likes_media_user UNIQUE (media_id, user_id)
);
INSERT INTO "likes" VALUES(1,1,2,'2012-11-20 13:45:15.000000','like');
INSERT INTO "likes" VALUES(2,1,3,NULL,'like');
INSERT INTO "likes" VALUES(4,3,1,'2012-11-22 14:19:15.000000','like');
INSERT INTO "likes" VALUES(5,5,4,'2012-11-23 14:36:15.000000','like');
INSERT INTO "likes" VALUES(6,1,4,'2012-12-05 18:00:15.000000','love');
CREATE TABLE "media_comments" (id INTEGER NOT NULL, media_id INTEGER NOT NULL, author_id INTEGER, body TEXT NOT NULL, created DATETIME NOT NULL, PRIMARY KEY (id), CONSTRAINT fk_media_comments_media FOREIGN KEY(media_id) REFERENCES media_entries (id), CONSTRAINT fk_media_comments_author FOREIGN KEY(author_id) REFERENCES users (id) ON DELETE SET NULL);
INSERT INTO "media_comments" VALUES(1,1,2,'Pyszne! Smacznego 😋','2012-11-15 12:20:15.000000');
INSERT INTO "media_comments" VALUES(2,1,3,'It''s 100% sugar -- isn''t it?','2012-11-16 12:37:15.000000');
INSERT INTO "media_comments" VALUES(3,3,1,'Line one

line three: ''quoted'' "twice"','2012-11-17 12:54:15.000000');
INSERT INTO "media_comments" VALUES(4,5,4,'\N is not NULL; NULL is not ''NULL''','2012-11-18 13:11:15.000000');
INSERT INTO "media_comments" VALUES(5,2,1,':param %d %% {brace}','2012-11-19 13:28:15.000000');
INSERT INTO "media_comments" VALUES(6,3,NULL,'Written by someone who left','2012-11-25 15:10:15.000000');
CREATE TABLE media_entries (
	id INTEGER NOT NULL, 
	uploader_id INTEGER NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	caption TEXT, 
	state VARCHAR(20) DEFAULT 'processed' NOT NULL, 
	created DATETIME NOT NULL, 
	slug VARCHAR(220) NOT NULL, view_count INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_media_entries_uploader FOREIGN KEY(uploader_id) REFERENCES users (id), 
	CONSTRAINT uq_media_entries_uploader_slug UNIQUE (uploader_id, slug)
);
INSERT INTO "media_entries" VALUES(1,1,'Crème brûlée: 100% homemade','First line
second line, a "quote" and it''s 12:30','processed','2012-11-09 10:38:15.000000','creme-brulee-100-homemade',0);
INSERT INTO "media_entries" VALUES(2,1,'creme brulee - 100% HOMEMADE',NULL,'processed','2012-11-10 10:55:15.000000','creme-brulee-100-homemade-2',0);
INSERT INTO "media_entries" VALUES(3,2,'夜の東京 🎬','emoji 🎞️ and a tab	here','processed','2012-11-11 11:12:15.000000','media-3',0);
INSERT INTO "media_entries" VALUES(4,3,'%s %(title)s :title ?','','failed','2012-11-12 11:29:15.000000','s-title-s-title',0);
INSERT INTO "media_entries" VALUES(5,3,'Don''t look; DROP TABLE','C:\temp\new','private','2012-11-13 11:46:15.000000','don-t-look-drop-table',0);
INSERT INTO "media_entries" VALUES(6,4,'夜の東京',NULL,'private','2012-11-14 12:03:15.000000','media-6',0);
INSERT INTO "media_entries" VALUES(7,2,'Łódź','After slugs','processed','2012-11-26 15:27:15.000000','lodz',0);
CREATE TABLE media_files (
	media_id INTEGER NOT NULL, 
	name VARCHAR(40) NOT NULL, 
	path VARCHAR(500) NOT NULL, 
	size BIGINT, 
	PRIMARY KEY (media_id, name), 
	CONSTRAINT fk_media_files_media FOREIGN KEY(media_id) REFERENCES media_entries (id)
);
INSERT INTO "media_files" VALUES(1,'original','ada/crème.jpg',NULL);
INSERT INTO "media_files" VALUES(2,'original','ada/2%20copy.jpg',NULL);
INSERT INTO "media_files" VALUES(3,'original','g/東京.webm',NULL);
INSERT INTO "media_files" VALUES(5,'original','o''b/x.png',NULL);
INSERT INTO "media_files" VALUES(7,'original','g/lodz.jpg',NULL);
INSERT INTO "media_files" VALUES(1,'thumb','ada/crème.thumb.jpg',18204);
INSERT INTO "media_files" VALUES(3,'webm: 640%','g/東京 640.webm',5368709120);
CREATE TABLE media_tags (
	media_id INTEGER NOT NULL, 
	tag_id INTEGER NOT NULL, 
	PRIMARY KEY (media_id, tag_id), 
	CONSTRAINT fk_media_keywords_media FOREIGN KEY(media_id) REFERENCES media_entries (id), 
	CONSTRAINT fk_media_keywords_keyword FOREIGN KEY(tag_id) REFERENCES tags (id)
);
INSERT INTO "media_tags" VALUES(1,1);
INSERT INTO "media_tags" VALUES(1,3);
INSERT INTO "media_tags" VALUES(2,1);
INSERT INTO "media_tags" VALUES(3,2);
INSERT INTO "media_tags" VALUES(3,5);
INSERT INTO "media_tags" VALUES(5,4);
CREATE TABLE migrate_version (
	repository_id VARCHAR(250) NOT NULL, 
	repository_path TEXT, 
	version INTEGER, 
	PRIMARY KEY (repository_id)
);
INSERT INTO "migrate_version" VALUES('core','legacy_migrations/core',14);
INSERT INTO "migrate_version" VALUES('likes','legacy_migrations/likes',3);
CREATE TABLE settings (
	name VARCHAR(64) NOT NULL, 
	value TEXT, 
	PRIMARY KEY (name)
);
INSERT INTO "settings" VALUES('footer',NULL);
INSERT INTO "settings" VALUES('quota_warning','You have used 90% of your space: time to tidy up?');
INSERT INTO "settings" VALUES('site_title','Someone''s gallery');
INSERT INTO "settings" VALUES('motto','“Ceci n''est pas…”
— R. M., 100%');
CREATE TABLE "tags" (
	id INTEGER NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_keywords_name UNIQUE (name)
);
INSERT INTO "tags" VALUES(1,'dessert');
INSERT INTO "tags" VALUES(2,'night sky');
INSERT INTO "tags" VALUES(3,'50% off');
INSERT INTO "tags" VALUES(4,'rock''n''roll');
INSERT INTO "tags" VALUES(5,'日本');
CREATE TABLE users (
	id INTEGER NOT NULL, 
	username VARCHAR(64) NOT NULL, 
	email VARCHAR(190) NOT NULL, 
	password_hash VARCHAR(190), 
	created DATETIME NOT NULL, is_admin BOOLEAN DEFAULT (0) NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_users_username UNIQUE (username)
);
INSERT INTO "users" VALUES(1,'ada','ada@example.org','sha256:100%:abc''def','2012-11-05 09:30:15.000000',0);
INSERT INTO "users" VALUES(2,'Grażyna','grazyna@example.org',NULL,'2012-11-06 09:47:15.000000',0);
INSERT INTO "users" VALUES(3,'o''brien','o''brien+50%@example.org','pbkdf2:"x"','2012-11-07 10:04:15.000000',0);
INSERT INTO "users" VALUES(4,'李雷','lilei@example.org','','2012-11-08 10:21:15.000000',0);
CREATE INDEX ix_media_entries_created ON media_entries (created);
CREATE INDEX ix_media_entries_state_created ON media_entries (state, created);
CREATE INDEX ix_likes_user_id ON likes (user_id);
COMMIT;
