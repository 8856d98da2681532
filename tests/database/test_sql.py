"""The reader of SQL: what statements do, where they end, and what stands in them."""

from __future__ import annotations

import pytest

from bridge.database.sql.settings import Setting
from bridge.database.sql.statements import (
    changes_rows,
    changes_schema,
    commits,
    created_tables,
    only_reads,
    read,
    settings,
)
from bridge.database.sql.tokens import literals, masked, tokens

ALL = "sqlite postgresql mysql"

PG = "postgresql"

LITE = "sqlite"

MY = "mysql"

BODY = "BEGIN UPDATE a SET b = CASE WHEN c THEN 1 ELSE 2 END; DELETE FROM d; END"

# Of each statement on these databases: whether it only reads, whether it changes rows, whether it
# changes the schema, whether it commits what was before it, and how many statements it is.
ANSWERS: list[tuple[str, str, str]] = [
    # --- queries
    (ALL, "SELECT 1", "reads - - - 1"),
    (ALL, "select * from a;", "reads - - - 1"),
    (ALL, "(SELECT 1) UNION (SELECT 2)", "reads - - - 1"),
    (ALL, "((SELECT 1));", "reads - - - 1"),
    (ALL, "VALUES (1)", "reads - - - 1"),
    (f"{PG} {MY}", "TABLE t", "reads - - - 1"),
    (ALL, "WITH a AS (SELECT 1) SELECT * FROM a", "reads - - - 1"),
    (ALL, "WITH RECURSIVE a(n) AS (SELECT 1), b AS (SELECT 2) SELECT n FROM a, b", "reads - - - 1"),
    (ALL, "SELECT ';', 'it''s; DROP TABLE a' -- ; UPDATE b", "reads - - - 1"),
    (ALL, "/* UPDATE a; */ SELECT /* DELETE; */ 1 -- DROP;", "reads - - - 1"),
    (ALL, "-- DROP TABLE a;\n  SELECT 1", "reads - - - 1"),
    (ALL, "SELECT update_count, \"insert\" FROM a WHERE into_x = 'INTO t'", "reads - - - 1"),
    (ALL, "SELECT REPLACE(a, 'b', 'c') FROM d", "reads - - - 1"),
    (ALL, "WITH a AS (SELECT 1) SELECT (REPLACE(b, 'c', 'd')) FROM a", "reads - - - 1"),
    (ALL, "SELECT CASE WHEN a THEN 1 END; SELECT 2", "reads - - - 2"),
    (f"{PG} {MY}", "SHOW search_path", "reads - - - 1"),
    (MY, "SHOW CREATE TABLE a", "reads - - - 1"),
    (MY, "DESCRIBE a", "reads - - - 1"),
    (MY, "desc a", "reads - - - 1"),
    (MY, "SELECT 1 # ; DROP TABLE a", "reads - - - 1"),
    (MY, "SELECT 2--1; DROP TABLE a", "- - schema commits 2"),
    (LITE, "SELECT [a;b], `c;d` FROM e", "reads - - - 1"),
    (PG, "SELECT $$;$$, $a$ $b$; $a$, E'\\'; DROP TABLE a'", "reads - - - 1"),
    (PG, "SELECT 1 /* a /* nested; */ DROP TABLE b; */", "reads - - - 1"),
    (f"{LITE} {MY}", "SELECT 1 /* a /* not nested */; DROP TABLE b", "- - schema {} 2"),
    (MY, "SELECT 'a\\'; DROP TABLE b', \"c\\\"; d\"", "reads - - - 1"),
    (f"{LITE} {PG}", "SELECT 'a\\'; DROP TABLE b", "- - schema - 2"),
    # --- queries that do more
    (PG, "SELECT setval('a_id_seq', 7)", "- rows - - 1"),
    (PG, "SELECT pg_catalog.setval('a_id_seq', (SELECT max(id) FROM a))", "- rows - - 1"),
    (f"{PG} {MY}", "SELECT nextval('a_id_seq')", "- rows - - 1"),
    (MY, "SELECT NEXT VALUE FOR a_seq", "- rows - - 1"),
    (PG, "WITH a AS (SELECT nextval('b')) SELECT * FROM a", "- rows - - 1"),
    (PG, "SELECT set_config('search_path', 'a', false)", "- - - - 1"),
    (PG, "SELECT AddGeometryColumn('a', 'b', 4326, 'POINT', 2)", "- - schema - 1"),
    (f"{PG} {MY}", "SELECT * FROM a FOR UPDATE", "- - - - 1"),
    (PG, "SELECT * FROM a FOR NO KEY UPDATE", "- - - - 1"),
    (MY, "SELECT * FROM a LOCK IN SHARE MODE", "- - - - 1"),
    (MY, "SELECT GET_LOCK('a', 1)", "- - - - 1"),
    (PG, "SELECT * INTO t FROM a", "- rows schema - 1"),
    (MY, "SELECT a INTO @b FROM c", "- - - - 1"),
    (MY, "SELECT @a := 1", "- - - - 1"),
    (MY, "SELECT * INTO OUTFILE '/tmp/a' FROM b", "- - - - 1"),
    (ALL, "WITH a AS (SELECT 1) UPDATE b SET c = 1", "- rows - - 1"),
    (ALL, "WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a", "- rows - - 1"),
    (ALL, "WITH a AS (SELECT 1) DELETE FROM b", "- rows - - 1"),
    (PG, "WITH a AS (DELETE FROM b RETURNING *) SELECT * FROM a", "- rows - - 1"),
    (ALL, "EXPLAIN UPDATE a SET b = 1", "reads - - - 1"),
    (LITE, "EXPLAIN QUERY PLAN DELETE FROM a", "reads - - - 1"),
    (PG, "EXPLAIN ANALYZE SELECT 1", "reads - - - 1"),
    (f"{PG} {MY}", "EXPLAIN ANALYZE UPDATE a SET b = 1", "- rows - - 1"),
    (PG, "EXPLAIN (ANALYZE, BUFFERS) DELETE FROM a", "- rows - - 1"),
    (PG, "EXPLAIN (ANALYZE FALSE) DELETE FROM a", "reads - - - 1"),
    (MY, "ANALYZE FORMAT=JSON UPDATE a SET b = 1", "- rows - - 1"),
    (MY, "ANALYZE SELECT 1", "reads - - - 1"),
    # --- rows
    (ALL, "INSERT INTO a VALUES ('b; c')", "- rows - - 1"),
    (ALL, "INSERT INTO a SELECT * FROM b", "- rows - - 1"),
    (ALL, "UPDATE a SET b = (SELECT 1)", "- rows - - 1"),
    (ALL, "DELETE FROM a", "- rows - - 1"),
    (f"{LITE} {MY}", "REPLACE INTO a VALUES (1)", "- rows - - 1"),
    (PG, "MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", "- rows - - 1"),
    (PG, "COPY a (b) FROM STDIN", "- rows - - 1"),
    (PG, "COPY a TO STDOUT", "reads - - - 1"),
    (PG, "COPY (SELECT 1) TO STDOUT", "reads - - - 1"),
    (PG, "COPY (DELETE FROM a RETURNING *) TO STDOUT", "- rows - - 1"),
    (PG, "COPY a TO PROGRAM 'b'", "- - - - 1"),
    (MY, "LOAD DATA LOCAL INFILE 'a' INTO TABLE b", "- rows - - 1"),
    (PG, "TRUNCATE a", "- rows - - 1"),
    (MY, "TRUNCATE TABLE a", "- rows schema commits 1"),
    (MY, "SET STATEMENT max_statement_time = 1 FOR UPDATE a SET b = 1", "- rows - - 1"),
    # --- the schema
    (f"{LITE} {PG}", "CREATE TABLE a (b INT, c INT)", "- - schema - 1"),
    (MY, "CREATE TABLE a (b INT, c INT)", "- - schema commits 1"),
    (MY, "CREATE TEMPORARY TABLE a (b INT)", "- - schema - 1"),
    (MY, "DROP TEMPORARY TABLE a", "- - schema - 1"),
    (f"{LITE} {PG}", "CREATE TABLE a AS SELECT * FROM b", "- rows schema - 1"),
    (PG, "CREATE TABLE a AS TABLE b", "- rows schema - 1"),
    (MY, "CREATE TABLE a SELECT * FROM b", "- rows schema commits 1"),
    (ALL, "CREATE VIEW a AS SELECT CASE WHEN b THEN 1 END FROM c", "- - schema {} 1"),
    (ALL, "CREATE UNIQUE INDEX a ON b (c)", "- - schema {} 1"),
    (ALL, "ALTER TABLE a ADD COLUMN b INT", "- - schema {} 1"),
    (ALL, "DROP TABLE IF EXISTS a", "- - schema {} 1"),
    (MY, "RENAME TABLE a TO b", "- - schema commits 1"),
    (f"{PG} {MY}", "GRANT SELECT ON a TO b", "- - schema {} 1"),
    (PG, "COMMENT ON TABLE a IS 'b; c'", "- - schema - 1"),
    (PG, "CREATE FUNCTION f() RETURNS int AS $$ BEGIN; DELETE FROM a; END $$ LANGUAGE plpgsql",
     "- - schema - 1"),
    (PG, "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3",
     "- - schema - 2"),
    (PG, "CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; DELETE FROM c)",
     "- - schema - 1"),
    (LITE, f"CREATE TRIGGER t AFTER INSERT ON a {BODY}", "- - schema - 1"),
    (LITE, f"CREATE TRIGGER t AFTER INSERT ON a {BODY}; DROP TABLE b;", "- - schema - 2"),
    (MY, f"CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW {BODY}", "- - schema commits 1"),
    (MY, "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW IF NEW.b THEN SET NEW.b = IF(1, 2, 3);"
     " ELSEIF NEW.c THEN SET NEW.b = 2; END IF; SELECT 1", "- - schema commits 2"),
    (MY, "CREATE DEFINER=`a`@`%` PROCEDURE p() BEGIN l: LOOP IF a THEN LEAVE l; END IF; END LOOP;"
     " WHILE b DO CASE c WHEN 1 THEN SELECT 1; END CASE; END WHILE; END; SELECT 2",
     "- - schema commits 2"),
    (MY, "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER t BEFORE INSERT ON a"
     " FOR EACH ROW BEGIN SET NEW.b = 1; END */;", "- - schema commits 1"),
    (MY, "/*!40101 DROP TABLE a */;", "- - schema commits 1"),
    (f"{LITE} {PG}", "/*!40101 DROP TABLE a */;", "reads - - - 0"),
    # --- transactions
    (f"{LITE} {PG}", "BEGIN", "- - - - 1"),
    (MY, "BEGIN", "- - - commits 1"),
    (MY, "START TRANSACTION", "- - - commits 1"),
    (ALL, "COMMIT", "- - - commits 1"),
    (f"{LITE} {PG}", "END", "- - - commits 1"),
    (ALL, "ROLLBACK", "- - - - 1"),
    (ALL, "SAVEPOINT a", "- - - - 1"),
    (ALL, "BEGIN; UPDATE a SET b = 1; COMMIT;", "- rows - commits 3"),
    (PG, "ROLLBACK PREPARED 'a'", "- - - - 1"),
    # --- settings
    (LITE, "PRAGMA foreign_keys", "reads - - - 1"),
    (LITE, "PRAGMA foreign_keys = 1", "- - - - 1"),
    (LITE, "PRAGMA main.foreign_keys(1)", "- - - - 1"),
    (LITE, "PRAGMA table_info(a)", "reads - - - 1"),
    (LITE, "PRAGMA wal_checkpoint", "- - - - 1"),
    (f"{PG} {MY}", "SET a = 1", "- - - - 1"),
    (MY, "SET autocommit = 1", "- - - commits 1"),
    (MY, "SET autocommit = 0", "- - - - 1"),
    (MY, "SET PASSWORD = 'a'", "- - schema commits 1"),
    (MY, "USE a", "- - - - 1"),
    (MY, "USE a; SELECT 1", "- - - - 2"),
    (LITE, "ATTACH 'a' AS b", "- - - - 1"),
    # --- the rest
    (f"{PG} {MY}", "CALL f()", "- - - - 1"),
    (PG, "DO $$ BEGIN DELETE FROM a; END $$", "- - - - 1"),
    (MY, "DO SLEEP(1)", "- - - - 1"),
    (f"{PG} {MY}", "EXECUTE a", "- - - - 1"),
    (PG, "LOCK TABLE a", "- - - - 1"),
    (MY, "LOCK TABLES a WRITE", "- - - commits 1"),
    (MY, "UNLOCK TABLES", "- - - commits 1"),
    (f"{LITE} {PG}", "ANALYZE", "- - - - 1"),
    (PG, "ANALYZE (VERBOSE) a", "- - - - 1"),
    (MY, "ANALYZE TABLE a", "- - - commits 1"),
    (MY, "OPTIMIZE TABLE a", "- - - commits 1"),
    (f"{LITE} {PG}", "VACUUM", "- - - - 1"),
    (MY, "BEGIN NOT ATOMIC UPDATE a SET b = 1; COMMIT; END", "- - - - 1"),
    (ALL, "anything at all", "- - - - 1"),
    (ALL, "", "reads - - - 0"),
    (ALL, " ; -- nothing\n ; /* at all */ ;", "reads - - - 0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("family", "sql", "expected"),
    [(family, sql, expected) for families, sql, expected in ANSWERS for family in families.split()],
)
def test_what_a_statement_does(family: str, sql: str, expected: str) -> None:
    answers = [
        (only_reads, "reads"),
        (changes_rows, "rows"),
        (changes_schema, "schema"),
        (commits, "commits"),
    ]
    found = [word if ask(sql, family) else "-" for ask, word in answers]
    # Where MySQL alone commits.
    expected = expected.format("commits" if family == "mysql" else "-")
    assert " ".join([*found, str(len(read(sql, family)))]) == expected


def test_mariadb_reads_as_mysql() -> None:
    (statement,) = read("CREATE TABLE `a` (b INT) # c", "mariadb")
    assert (statement.family, statement.commits) == ("mysql", True)


def test_a_text_is_split_into_its_statements() -> None:
    sql = "-- first\nINSERT INTO a VALUES (';') ; /* b */\n\nCREATE TRIGGER t BEGIN SELECT 1; END;"
    assert [statement.text for statement in read(sql, "sqlite")] == [
        "INSERT INTO a VALUES (';')",
        "CREATE TRIGGER t BEGIN SELECT 1; END",
    ]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("BEGIN IMMEDIATE TRANSACTION", ("begin", "")),
        ("START TRANSACTION READ ONLY", ("begin", "")),
        ("COMMIT WORK", ("commit", "")),
        ("END TRANSACTION", ("commit", "")),
        ("COMMIT PREPARED 'a'", ("", "")),
        ("PREPARE TRANSACTION 'a'", ("", "")),
        ("ROLLBACK", ("rollback", "")),
        ("ABORT", ("rollback", "")),
        ("SAVEPOINT a", ("savepoint", "a")),
        ('savepoint "A b";', ("savepoint", '"A b"')),
        ("RELEASE a", ("release", "a")),
        ("RELEASE SAVEPOINT a -- b", ("release", "a")),
        ("ROLLBACK TO a", ("rollback to", "a")),
        ("ROLLBACK WORK TO SAVEPOINT a", ("rollback to", "a")),
        ("SELECT 'COMMIT'", ("", "")),
    ],
)
def test_what_a_statement_does_to_the_transaction(sql: str, expected: tuple[str, str]) -> None:
    (statement,) = read(sql, "postgresql")
    assert statement.transaction == expected


@pytest.mark.parametrize(
    ("family", "sql", "expected"),
    [
        ("sqlite", "PRAGMA foreign_keys=OFF", [Setting("foreign_keys", "off")]),
        ("sqlite", "pragma main.Foreign_Keys('on')", [Setting("foreign_keys", "on")]),
        ("sqlite", "PRAGMA foreign_keys", []),
        ("sqlite", "PRAGMA table_info(a)", []),
        ("sqlite", "SELECT 'PRAGMA a = 1'", []),
        ("sqlite", "PRAGMA a = 1; PRAGMA b = 2", [Setting("a", "1"), Setting("b", "2")]),
        ("postgresql", "SET search_path TO a, b", [Setting("search_path", "a")]),
        ("postgresql", "SET SESSION my.name = 'A'", [Setting("my.name", "a")]),
        ("postgresql", "SET LOCAL a = 1", [Setting("a", "1", "transaction")]),
        ("postgresql", "SET CONSTRAINTS ALL DEFERRED",
         [Setting("constraints", None, "transaction")]),
        ("postgresql", "SET TIME ZONE 'UTC'", [Setting("time", None)]),
        ("postgresql", "UPDATE a SET b = 1", []),
        ("mysql", "SET NAMES utf8mb4", [Setting("names", None)]),
        (
            "mysql",
            "SET foreign_key_checks = 0, @@session.sql_mode = '', GLOBAL a := 1, @b = (SELECT 1)",
            [
                Setting("foreign_key_checks", "0"),
                Setting("sql_mode", ""),
                Setting("a", "1", "global"),
                Setting("@b", "(", "user"),
            ],
        ),
        ("mysql", "SET SESSION a = 1, @@global.b = 2, @@c = 3",
         [Setting("a", "1"), Setting("b", "2", "global"), Setting("c", "3")]),
    ],
)  # fmt: skip
def test_which_settings_a_text_changes(family: str, sql: str, expected: list[Setting]) -> None:
    assert settings(sql, family) == expected


@pytest.mark.parametrize(
    ("family", "sql", "expected"),
    [
        ("sqlite", "vacuum", "vacuum"),
        ("sqlite", "PRAGMA  main.foreign_keys= 0", "PRAGMA main.foreign_keys="),
        ("sqlite", "PRAGMA foreign_keys", None),
        ("sqlite", "PRAGMA user_version = 1", None),
        ("sqlite", "ATTACH 'a' AS b", "ATTACH"),
        ("postgresql", "VACUUM FULL a", "VACUUM"),
        ("postgresql", "CREATE UNIQUE INDEX CONCURRENTLY a ON b (c)", "CONCURRENTLY"),
        ("postgresql", "REINDEX TABLE CONCURRENTLY a", "CONCURRENTLY"),
        ("postgresql", "REFRESH MATERIALIZED VIEW CONCURRENTLY a", None),
        ("postgresql", "SELECT 'CONCURRENTLY'", None),
        ("postgresql", "ALTER TYPE a.b ADD  VALUE 'c'", "ALTER TYPE a.b ADD VALUE"),
        ("postgresql", "ALTER TYPE a RENAME VALUE 'b' TO 'c'", None),
        ("postgresql", "CREATE DATABASE a", "CREATE DATABASE"),
        ("postgresql", "CLUSTER", "CLUSTER"),
        ("postgresql", "CLUSTER a", None),
        ("mysql", "VACUUM", None),
    ],
)
def test_what_cannot_be_in_a_transaction(family: str, sql: str, expected: str | None) -> None:
    (statement,) = read(sql, family)
    assert statement.refused_in_transaction == expected


def test_which_names_stand_in_a_statement() -> None:
    (statement,) = read("""UPDATE "A b".[c] SET `d` = 'e' -- f""", "sqlite")
    assert statement.names == {"update", "a b", "c", "set", "d"}
    (statement,) = read("""UPDATE 2fa SET `d``e` = "F" /* g */""", "mysql")
    assert statement.names == {"update", "2fa", "set", "d`e", "f"}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE TABLE a (b INT); CREATE UNLOGGED TABLE c (d INT)", {"a", "c"}),
        ('create temporary table if not exists "A b".c (d INT)', {"A b.c"}),
        ("CREATE TABLE `A b` (`c` INT)", {"A b"}),
        ("DO $$ BEGIN IF x THEN CREATE TABLE a (b INT); END IF; END $$", {"a"}),
        ("CREATE INDEX a ON b (c)", set()),
        ("ALTER TABLE a ADD b INT; SELECT 'CREATE TABLE c (d INT)'", set()),
        ("CREATE TABLE", set()),
    ],
)
def test_which_tables_a_text_creates(sql: str, expected: set[str]) -> None:
    assert created_tables(sql) == expected


def test_strings_and_numbers_are_masked() -> None:
    sql = "INSERT INTO a1 -- b\nVALUES (12.5, 'it''s', '', x'0f',$c$ d 'e' -- f\n$c$)"
    assert masked(sql, "postgresql") == "INSERT INTO a1 VALUES (12.5, '', '', x'',$c$d ''$c$)"
    assert masked(sql, "postgresql", numbers=True) == (
        "INSERT INTO a1 VALUES (0, '', '', x'',$c$d ''$c$)"
    )
    assert masked('SELECT "a", `b` # c', "mysql") == "SELECT '', `b`"


@pytest.mark.parametrize(
    ("family", "sql", "expected"),
    [
        ("sqlite", "'it''s' \"name\" 'a\\n' x'0f'", ["it's", "a\\n", "0f"]),
        ("postgresql", "E'it\\'s\\n' $$a'b$$ $t$c$$d$t$ 'e", ["it's\n", "a'b", "c$$d", "e"]),
        ("mysql", "'it\\'s' \"say \"\"a\"\"\" 'b\\\\' N'c'", ["it's", 'say "a"', "b\\", "c"]),
    ],
)
def test_what_literals_stand_for(family: str, sql: str, expected: list[str]) -> None:
    assert literals(sql, family) == expected


def test_tokens_have_their_places() -> None:
    found = list(tokens("SELECT a<=1.5e3 /* b */,'c'", "sqlite"))
    assert [tuple(token) for token in found] == [
        ("word", "SELECT", 0),
        ("word", "a", 7),
        ("sign", "<=", 8),
        ("number", "1.5e3", 10),
        ("sign", ",", 23),
        ("string", "'c'", 24),
    ]
