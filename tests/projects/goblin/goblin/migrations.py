"""The old migrations: closed, none is ever added."""

import sqlalchemy as sa
from migrate import changeset  # noqa: F401 (gives columns their create())

MIGRATIONS = {}


def register(number, registry=MIGRATIONS):
    def decorate(function):
        assert number not in registry
        registry[number] = function
        return function

    return decorate


def inspect_table(db, name):
    return sa.Table(name, sa.MetaData(bind=db.bind), autoload=True, autoload_with=db.bind)


@register(1)
def first(db):
    raise AssertionError("no database is as old as that")


@register(2)
def second(db):
    raise AssertionError("no database is as old as that")


@register(3)
def third(db):
    raise AssertionError("no database is as old as that")


@register(4)
def add_email(db):
    sa.Column("email", sa.Unicode(80)).create(inspect_table(db, "core__users"))
    db.commit()


@register(5)
def add_comments(db):
    # A new table is copied here as it was then: the models have moved on.
    comments = sa.Table(
        "core__media_comments",
        sa.MetaData(bind=db.bind),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("media_entry", sa.Integer),
        sa.Column("content", sa.UnicodeText),
    )
    comments.create(db.bind)
    db.commit()


@register(6)
def title_case(db):
    entries = inspect_table(db, "core__media_entries")
    for entry in db.execute(entries.select()).fetchall():
        update = entries.update().where(entries.c.id == entry.id)
        db.execute(update.values(title=entry.title.title()))
    db.commit()


@register(7)
def add_privileges(db):
    privileges = sa.Table(
        "core__privileges",
        sa.MetaData(bind=db.bind),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("privilege_name", sa.Unicode(40)),
    )
    privileges.create()
    for name in ("admin", "uploader"):
        db.execute(privileges.insert().values(privilege_name=name))
    db.commit()


@register(8)
def was_withdrawn(db):
    pass


@register(9)
def lower_emails(db):
    users = inspect_table(db, "core__users")
    db.execute(users.update().values(email=sa.func.lower(users.c.email)))


@register(10)
def guess_emails(db):
    users = inspect_table(db, "core__users")
    for user in db.execute(users.select().where(users.c.email.is_(None))).fetchall():
        update = users.update().where(users.c.id == user.id)
        db.execute(update.values(email=user.username + "@example.org"))
    db.commit()
