"""What a database can have, and Alembic's operations have no words for, or other ones on each."""

EVERYWHERE = [
    "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL"
    " DEFAULT 'it''s 100% :x', boss INTEGER, rate NUMERIC(10, 2) DEFAULT 1.50, UNIQUE (name),"
    " FOREIGN KEY (boss) REFERENCES people (id) ON DELETE SET NULL)",
    "CREATE TABLE pairs (b INTEGER NOT NULL, a INTEGER NOT NULL, note TEXT, at TIMESTAMP NULL,"
    " CONSTRAINT sane CHECK (a < b AND note <> ':x %s 100%'),\n"
    " CONSTRAINT pk_pairs PRIMARY KEY (a, b))",
    "CREATE INDEX ix_pairs_b ON pairs (b)",
    "CREATE VIEW v_people AS SELECT id, name FROM people WHERE name <> ':x 100%'",
    "CREATE VIEW a_view AS SELECT name FROM v_people",
    "INSERT INTO people (id, name) VALUES (1, 'Ann: 100% \"x\"')",
    "INSERT INTO people (id, name, boss) VALUES (2, 'Bob', 1)",
]
QUOTED = 'CREATE TABLE "Odd name" ("select" INTEGER, "Mixed" VARCHAR(3) NOT NULL)'
OWN = {
    "sqlite": [
        "CREATE TABLE kinds (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,"
        " word MEDIUMTEXT COLLATE NOCASE,"
        " low TEXT GENERATED ALWAYS AS (lower(word)) VIRTUAL, flag BOOLEAN DEFAULT 1,"
        " made DATETIME DEFAULT CURRENT_TIMESTAMP)",
        "CREATE TABLE bare (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID",
        "CREATE VIRTUAL TABLE found USING fts4(body)",
        "CREATE TABLE ring_a (id INTEGER NOT NULL PRIMARY KEY, b INTEGER REFERENCES ring_b (id))",
        "CREATE TABLE ring_b (id INTEGER NOT NULL PRIMARY KEY, a INTEGER REFERENCES ring_a (id))",
        "CREATE INDEX ix_part ON pairs (a) WHERE note IS NOT NULL",
        "CREATE INDEX ix_expr ON people (lower(name), id DESC)",
        "CREATE TRIGGER touch AFTER INSERT ON people BEGIN"
        " UPDATE people SET name = name || ':x;100%' WHERE id = new.id AND id > 100;"
        " DELETE FROM pairs WHERE a = -1; END",
    ],
    "postgresql": [
        "CREATE TYPE mood AS ENUM ('sad', 'it''s', 'ok: x')",
        "CREATE SEQUENCE tickets START WITH 7 INCREMENT BY 3",
        "CREATE FUNCTION low(t text) RETURNS text AS $$ SELECT lower(t) || ':x 100%' $$"
        " LANGUAGE sql IMMUTABLE",
        "CREATE FUNCTION number() RETURNS bigint AS $$ SELECT count(*) FROM people $$ LANGUAGE sql",
        "CREATE TABLE kinds (id SERIAL PRIMARY KEY, n BIGINT GENERATED ALWAYS AS IDENTITY,"
        ' word TEXT COLLATE "C", low TEXT GENERATED ALWAYS AS (low(word)) STORED,'
        " flag BOOLEAN DEFAULT true, made TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,"
        " m mood DEFAULT 'sad', ip INET, doc JSONB DEFAULT '{\"a\": 1}',"
        " tags TEXT[], more SERIAL, u UUID,"
        " ticket INTEGER DEFAULT nextval('tickets'))",
        "CREATE TABLE ring_a (id INTEGER NOT NULL PRIMARY KEY, b INTEGER)",
        "CREATE TABLE ring_b (id INTEGER NOT NULL PRIMARY KEY, a INTEGER REFERENCES ring_a (id))",
        "ALTER TABLE ring_a ADD FOREIGN KEY (b) REFERENCES ring_b (id)"
        " DEFERRABLE INITIALLY DEFERRED",
        "CREATE UNIQUE INDEX ix_part ON pairs (a) WHERE note IS NOT NULL",
        "CREATE INDEX ix_expr ON people (lower(name), id DESC)",
        "CREATE INDEX ix_gin ON kinds USING gin (tags)",
        "CREATE INDEX ix_ops ON people (name text_pattern_ops)",
        "ALTER TABLE pairs ADD CONSTRAINT apart EXCLUDE USING gist (int4range(a, b) WITH &&)",
        "CREATE FUNCTION touch() RETURNS trigger AS $$\nBEGIN\n"
        "  IF NEW.id > 100 THEN NEW.name := NEW.name || ':x;100%'; END IF;\n  RETURN NEW;\n"
        "END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER touch BEFORE INSERT ON people FOR EACH ROW EXECUTE PROCEDURE touch()",
        "CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM people",
    ],
    "mysql": [
        "CREATE TABLE kinds (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
        " word VARCHAR(30) CHARACTER SET latin1 COLLATE latin1_bin,"
        " low VARCHAR(30) AS (lower(word)) VIRTUAL, flag TINYINT(1) DEFAULT 1,"
        " made TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,"
        " m ENUM('sad', 'it''s') DEFAULT 'sad', s SET('a', 'b'), long_one LONGTEXT, doc JSON,"
        " small MEDIUMINT, at DATETIME(6), z INT(5) ZEROFILL, b BIT(3) DEFAULT b'101',"
        " FULLTEXT KEY ft (long_one), KEY pre (word(7)))"
        " DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_bin",
        "CREATE TABLE isam (a INT) ENGINE=MyISAM",
        "CREATE TABLE ring_a (id INTEGER NOT NULL PRIMARY KEY, b INTEGER)",
        "CREATE TABLE ring_b (id INTEGER NOT NULL PRIMARY KEY, a INTEGER,"
        " FOREIGN KEY (a) REFERENCES ring_a (id))",
        "ALTER TABLE ring_a ADD FOREIGN KEY (b) REFERENCES ring_b (id)",
        "CREATE PROCEDURE p(IN x INT) BEGIN SELECT x; SELECT ':x 100%'; END",
        "CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC RETURN x + 1",
        "CREATE TRIGGER touch BEFORE INSERT ON people FOR EACH ROW BEGIN"
        " IF NEW.id > 100 THEN SET NEW.name = ':x;100%'; END IF; SET @y = 1; END",
    ],
}


def upgrade(migrate_engine):
    connection = migrate_engine.connect().execution_options(no_parameters=True)
    name = migrate_engine.name
    quoted = QUOTED.replace('"', "`") if name == "mysql" else QUOTED
    for statement in [quoted, *EVERYWHERE, *OWN[name]]:
        connection.exec_driver_sql(statement)
    connection.close()
