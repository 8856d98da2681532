-- bridge: version 1 (replay)
-- bridge: statement 1 of 1
CREATE TABLE likes (
	id SERIAL NOT NULL, 
	media_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	created TIMESTAMP WITHOUT TIME ZONE, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_likes_media FOREIGN KEY(media_id) REFERENCES media_entries (id), 
	CONSTRAINT fk_likes_user FOREIGN KEY(user_id) REFERENCES users (id)
);
-- bridge: version 2 (ported)
-- bridge: version 3 (replay)
-- bridge: statement 1 of 2
ALTER TABLE likes ADD kind VARCHAR(16) DEFAULT 'like' NOT NULL;
-- bridge: statement 2 of 2
CREATE INDEX ix_likes_user_id ON likes (user_id);
