BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('core_tag_slugs');
INSERT INTO "alembic_version" VALUES('likes_totals');
INSERT INTO "alembic_version" VALUES('messages_base');
CREATE TABLE bridge_journal (
	id INTEGER NOT NULL, 
	run VARCHAR(36) NOT NULL, 
	step VARCHAR(32) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	at DATETIME NOT NULL, 
	bridge_version VARCHAR(32) NOT NULL, 
	details TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "bridge_journal" VALUES(1,'4f90aae9-2fba-45b6-91c4-924053dc88ed','run','','begun','2026-12-01 00:38:44.938463','0.1.0','{"host": "gallery", "pid": 28970, "user": "root"}');
INSERT INTO "bridge_journal" VALUES(2,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 8','begun','2026-12-01 00:38:44.948552','0.1.0','{"kind": "run_legacy", "from": [7], "to": [8], "how": "replay", "schema": "85a3502cf72046a6"}');
INSERT INTO "bridge_journal" VALUES(3,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 8','done','2026-12-01 00:38:44.963153','0.1.0','{"one": true, "statements": 8}');
INSERT INTO "bridge_journal" VALUES(4,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 9','begun','2026-12-01 00:38:44.963153','0.1.0','{"kind": "run_legacy", "from": [8], "to": [9], "how": "replay", "schema": "c43a47bf8fdb9d794a16f740a56878af5eff4783fddabf9bdeff1b2c14649dd3"}');
INSERT INTO "bridge_journal" VALUES(5,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 9','done','2026-12-01 00:38:44.981920','0.1.0','{"one": true, "statements": 2}');
INSERT INTO "bridge_journal" VALUES(6,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 10','begun','2026-12-01 00:38:44.981920','0.1.0','{"kind": "run_legacy", "from": [9], "to": [10], "how": "replay", "schema": "9f98494f065b27677d53139d79a43f04d9956b7d285c8ac4a78abb6590ed2474"}');
INSERT INTO "bridge_journal" VALUES(7,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 10','done','2026-12-01 00:38:44.984240','0.1.0','{"one": true, "statements": 8}');
INSERT INTO "bridge_journal" VALUES(8,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 11','begun','2026-12-01 00:38:44.984240','0.1.0','{"kind": "run_legacy", "from": [10], "to": [11], "how": "replay", "schema": "f23b7ed439517d1256b2f036f2c86528e3f11ab3fd55fb7517b81ac39c3db7ee"}');
INSERT INTO "bridge_journal" VALUES(9,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 11','done','2026-12-01 00:38:44.984867','0.1.0','{"one": true, "statements": 4}');
INSERT INTO "bridge_journal" VALUES(10,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 12','begun','2026-12-01 00:38:44.984867','0.1.0','{"kind": "run_legacy", "from": [11], "to": [12], "how": "replay", "schema": "038b64ea72708edd236bb4b9529cceeb3a591a6edfddc4a8a5efee404dced6f8"}');
INSERT INTO "bridge_journal" VALUES(11,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 12','done','2026-12-01 00:38:44.985353','0.1.0','{"one": true, "statements": 2}');
INSERT INTO "bridge_journal" VALUES(12,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 13','begun','2026-12-01 00:38:44.985353','0.1.0','{"kind": "run_legacy", "from": [12], "to": [13], "how": "replay", "schema": "476b38f52e3e224988d6a5b2b766c73704c96357d92b1c04f21938ba56e879aa"}');
INSERT INTO "bridge_journal" VALUES(13,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 13','done','2026-12-01 00:38:44.991088','0.1.0','{"one": true, "statements": 8}');
INSERT INTO "bridge_journal" VALUES(14,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 14','begun','2026-12-01 00:38:44.991088','0.1.0','{"kind": "run_legacy", "from": [13], "to": [14], "how": "replay", "schema": "af78ad84a0ed3b715a4fb66b1ec4edc3620b6a23875cd38cb3ad857fb0d5e27f"}');
INSERT INTO "bridge_journal" VALUES(15,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','legacy core 14','done','2026-12-01 00:38:44.992031','0.1.0','{"one": true, "statements": 3}');
INSERT INTO "bridge_journal" VALUES(16,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','verify core 14','begun','2026-12-01 00:38:45.020615','0.1.0','{"kind": "verify_schema", "to": [14], "schema": "7ef232fef11cb914"}');
INSERT INTO "bridge_journal" VALUES(17,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','verify core 14','done','2026-12-01 00:38:45.046257','0.1.0',NULL);
INSERT INTO "bridge_journal" VALUES(18,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','stamp core_base','begun','2026-12-01 00:38:45.076121','0.1.0','{"kind": "stamp", "to": ["core_base"], "schema": "7ef232fef11cb914"}');
INSERT INTO "bridge_journal" VALUES(19,'4f90aae9-2fba-45b6-91c4-924053dc88ed','stamp','core_base','done','2026-12-01 00:38:45.106167','0.1.0','{"module": null, "down": [], "depends": []}');
INSERT INTO "bridge_journal" VALUES(20,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','stamp core_base','done','2026-12-01 00:38:45.106167','0.1.0',NULL);
INSERT INTO "bridge_journal" VALUES(21,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','upgrade core_media_license','begun','2026-12-01 00:38:45.143934','0.1.0','{"kind": "upgrade", "from": ["core_base"], "to": ["core_media_license"], "schema": "7eadaaa04d116203"}');
INSERT INTO "bridge_journal" VALUES(22,'4f90aae9-2fba-45b6-91c4-924053dc88ed','upgrade','core_media_license','done','2026-12-01 00:38:45.168864','0.1.0','{"module": null, "down": ["core_base"], "depends": []}');
INSERT INTO "bridge_journal" VALUES(23,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','upgrade core_media_license','done','2026-12-01 00:38:45.168864','0.1.0',NULL);
INSERT INTO "bridge_journal" VALUES(24,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','upgrade core_media_visibility','begun','2026-12-01 00:38:45.180532','0.1.0','{"kind": "upgrade", "from": ["core_media_license"], "to": ["core_media_visibility"], "schema": "0c6966828ee5d5eb"}');
INSERT INTO "bridge_journal" VALUES(25,'4f90aae9-2fba-45b6-91c4-924053dc88ed','upgrade','core_media_visibility','done','2026-12-01 00:38:45.201268','0.1.0','{"module": null, "down": ["core_media_license"], "depends": []}');
INSERT INTO "bridge_journal" VALUES(26,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','upgrade core_media_visibility','done','2026-12-01 00:38:45.201268','0.1.0',NULL);
INSERT INTO "bridge_journal" VALUES(27,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','upgrade core_tag_slugs','begun','2026-12-01 00:38:45.220492','0.1.0','{"kind": "upgrade", "from": ["core_media_visibility"], "to": ["core_tag_slugs"], "schema": "9acb26ac21b965bf"}');
INSERT INTO "bridge_journal" VALUES(28,'4f90aae9-2fba-45b6-91c4-924053dc88ed','upgrade','core_tag_slugs','done','2026-12-01 00:38:45.261835','0.1.0','{"module": null, "down": ["core_media_visibility"], "depends": []}');
INSERT INTO "bridge_journal" VALUES(29,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','upgrade core_tag_slugs','done','2026-12-01 00:38:45.261835','0.1.0',NULL);
INSERT INTO "bridge_journal" VALUES(30,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','upgrade likes_base','begun','2026-12-01 00:38:45.266147','0.1.0','{"kind": "upgrade", "from": [], "to": ["likes_base"], "schema": "5be5f1572b700193"}');
INSERT INTO "bridge_journal" VALUES(31,'4f90aae9-2fba-45b6-91c4-924053dc88ed','upgrade','likes_base','done','2026-12-01 00:38:45.275766','0.1.0','{"module": "likes", "down": [], "depends": ["core_base"]}');
INSERT INTO "bridge_journal" VALUES(32,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','upgrade likes_base','done','2026-12-01 00:38:45.275766','0.1.0',NULL);
INSERT INTO "bridge_journal" VALUES(33,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','upgrade likes_weight','begun','2026-12-01 00:38:45.279980','0.1.0','{"kind": "upgrade", "from": ["likes_base"], "to": ["likes_weight"], "schema": "b6ca039bf709bb3d"}');
INSERT INTO "bridge_journal" VALUES(34,'4f90aae9-2fba-45b6-91c4-924053dc88ed','upgrade','likes_weight','done','2026-12-01 00:38:45.285931','0.1.0','{"module": "likes", "down": ["likes_base"], "depends": []}');
INSERT INTO "bridge_journal" VALUES(35,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','upgrade likes_weight','done','2026-12-01 00:38:45.285931','0.1.0',NULL);
INSERT INTO "bridge_journal" VALUES(36,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','upgrade likes_totals','begun','2026-12-01 00:38:45.293784','0.1.0','{"kind": "upgrade", "from": ["likes_weight"], "to": ["likes_totals"], "schema": "703ed76842f4c94b"}');
INSERT INTO "bridge_journal" VALUES(37,'4f90aae9-2fba-45b6-91c4-924053dc88ed','upgrade','likes_totals','done','2026-12-01 00:38:45.318598','0.1.0','{"module": "likes", "down": ["likes_weight"], "depends": ["core_media_visibility"]}');
INSERT INTO "bridge_journal" VALUES(38,'4f90aae9-2fba-45b6-91c4-924053dc88ed','step','upgrade likes_totals','done','2026-12-01 00:38:45.318598','0.1.0',NULL);
INSERT INTO "bridge_journal" VALUES(39,'4f90aae9-2fba-45b6-91c4-924053dc88ed','run','','done','2026-12-01 00:38:45.351654','0.1.0','{"schema": "576eb14e6e4953ed"}');
INSERT INTO "bridge_journal" VALUES(40,'47699ac1-d78b-4d24-9eaa-a45b89e9b531','run','','begun','2026-12-01 00:38:45.600009','0.1.0','{"host": "gallery", "pid": 28970, "user": "root"}');
INSERT INTO "bridge_journal" VALUES(41,'47699ac1-d78b-4d24-9eaa-a45b89e9b531','step','upgrade messages_base','begun','2026-12-01 00:38:45.616028','0.1.0','{"kind": "upgrade", "from": [], "to": ["messages_base"], "schema": "576eb14e6e4953ed"}');
INSERT INTO "bridge_journal" VALUES(42,'47699ac1-d78b-4d24-9eaa-a45b89e9b531','upgrade','messages_base','done','2026-12-01 00:38:45.631385','0.1.0','{"module": "messages", "down": [], "depends": ["core_base"]}');
INSERT INTO "bridge_journal" VALUES(43,'47699ac1-d78b-4d24-9eaa-a45b89e9b531','step','upgrade messages_base','done','2026-12-01 00:38:45.631385','0.1.0',NULL);
INSERT INTO "bridge_journal" VALUES(44,'47699ac1-d78b-4d24-9eaa-a45b89e9b531','step','upgrade messages_read_at','begun','2026-12-01 00:38:45.636732','0.1.0','{"kind": "upgrade", "from": ["messages_base"], "to": ["messages_read_at"], "schema": "bf2d4ad2ab81be77"}');
INSERT INTO "bridge_journal" VALUES(45,'47699ac1-d78b-4d24-9eaa-a45b89e9b531','step','upgrade messages_read_at','failed','2026-12-01 00:38:45.652207','0.1.0',NULL);
INSERT INTO "bridge_journal" VALUES(46,'47699ac1-d78b-4d24-9eaa-a45b89e9b531','run','','failed','2026-12-01 00:38:45.652207','0.1.0','{"error": "revision-failed", "schema": "bf2d4ad2ab81be77"}');
CREATE TABLE like_totals (
	media_id INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	PRIMARY KEY (media_id), 
	CONSTRAINT fk_like_totals_media FOREIGN KEY(media_id) REFERENCES media_entries (id)
);
CREATE TABLE likes (
	id INTEGER NOT NULL, 
	media_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	created DATETIME, 
	kind VARCHAR(16) DEFAULT 'like' NOT NULL, weight INTEGER DEFAULT '1' NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_likes_media FOREIGN KEY(media_id) REFERENCES media_entries (id), 
	CONSTRAINT fk_likes_user FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_likes_media_user UNIQUE (media_id, user_id)
);
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
	slug VARCHAR(220) NOT NULL, view_count INTEGER DEFAULT '0' NOT NULL, license VARCHAR(40), visibility VARCHAR(16) DEFAULT 'public' NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_media_entries_uploader FOREIGN KEY(uploader_id) REFERENCES users (id), 
	CONSTRAINT uq_media_entries_uploader_slug UNIQUE (uploader_id, slug)
);
INSERT INTO "media_entries" VALUES(1,1,'Crème brûlée: 100% homemade','First line
second line, a "quote" and it''s 12:30','processed','2012-11-09 10:38:15.000000','creme-brulee-100-homemade',0,NULL,'public');
INSERT INTO "media_entries" VALUES(2,1,'creme brulee - 100% HOMEMADE',NULL,'processed','2012-11-10 10:55:15.000000','creme-brulee-100-homemade-2',0,NULL,'public');
INSERT INTO "media_entries" VALUES(3,2,'夜の東京 🎬','emoji 🎞️ and a tab	here','processed','2012-11-11 11:12:15.000000','media-3',0,NULL,'public');
INSERT INTO "media_entries" VALUES(4,3,'%s %(title)s :title ?','','failed','2012-11-12 11:29:15.000000','s-title-s-title',0,NULL,'public');
INSERT INTO "media_entries" VALUES(5,3,'Don''t look; DROP TABLE','C:\temp\new','processed','2012-11-13 11:46:15.000000','don-t-look-drop-table',0,NULL,'private');
INSERT INTO "media_entries" VALUES(6,4,'夜の東京',NULL,'processed','2012-11-14 12:03:15.000000','media-6',0,NULL,'private');
INSERT INTO "media_entries" VALUES(7,2,'Łódź','After slugs','processed','2012-11-26 15:27:15.000000','lodz',0,NULL,'public');
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
CREATE TABLE media_tags (
	media_id INTEGER NOT NULL, 
	tag_id INTEGER NOT NULL, 
	PRIMARY KEY (media_id, tag_id), 
	CONSTRAINT fk_media_keywords_media FOREIGN KEY(media_id) REFERENCES media_entries (id), 
	CONSTRAINT fk_media_keywords_keyword FOREIGN KEY(tag_id) REFERENCES tags (id)
);
CREATE TABLE messages (
	id INTEGER NOT NULL, 
	sender_id INTEGER NOT NULL, 
	recipient_id INTEGER NOT NULL, 
	subject VARCHAR(200) NOT NULL, 
	body TEXT, 
	sent DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_messages_sender FOREIGN KEY(sender_id) REFERENCES users (id), 
	CONSTRAINT fk_messages_recipient FOREIGN KEY(recipient_id) REFERENCES users (id)
);
CREATE TABLE migrate_version (
	repository_id VARCHAR(250) NOT NULL, 
	repository_path TEXT, 
	version INTEGER, 
	PRIMARY KEY (repository_id)
);
INSERT INTO "migrate_version" VALUES('core',NULL,14);
CREATE TABLE settings (
	name VARCHAR(64) NOT NULL, 
	value TEXT, 
	PRIMARY KEY (name)
);
INSERT INTO "settings" VALUES('footer',NULL);
INSERT INTO "settings" VALUES('quota_warning','You have used 90% of your space: time to tidy up?');
INSERT INTO "settings" VALUES('site_title','Someone''s gallery');
CREATE TABLE "tags" (
	id INTEGER NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	slug VARCHAR(120) NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_keywords_name UNIQUE (name)
);
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
CREATE INDEX ix_media_entries_visibility ON media_entries (visibility);
CREATE INDEX ix_tags_slug ON tags (slug);
CREATE INDEX ix_likes_user_id ON likes (user_id);
COMMIT;
