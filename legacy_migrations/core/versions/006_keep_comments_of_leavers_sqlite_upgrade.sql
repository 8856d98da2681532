-- A comment stays, without an author, when its author leaves; the table is rebuilt by hand.
CREATE TABLE media_comments_new (
    id INTEGER NOT NULL,
    media_id INTEGER NOT NULL,
    author_id INTEGER,
    body TEXT NOT NULL,
    created DATETIME NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT fk_media_comments_media FOREIGN KEY(media_id) REFERENCES media_entries (id),
    CONSTRAINT fk_media_comments_author FOREIGN KEY(author_id) REFERENCES users (id)
        ON DELETE SET NULL
);

INSERT INTO media_comments_new (id, media_id, author_id, body, created)
    SELECT id, media_id, author_id, body, created FROM media_comments;

DROP TABLE media_comments;

ALTER TABLE media_comments_new RENAME TO media_comments;
