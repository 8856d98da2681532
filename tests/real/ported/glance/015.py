"""The credentials in Swift's locations are quoted."""

from urllib.parse import quote, urlparse

import sqlalchemy as sa

SCHEMES = ("swift", "swift+http", "swift+https")


def upgrade(connection):
    """What version 15 does."""
    images = sa.table("images", sa.column("id"), sa.column("location", sa.Text))
    swifts = sa.select(images).where(images.c.location.startswith("swift"))
    changes = [
        {"image": image.id, "quoted": quoted(image.location)}
        for image in connection.execute(swifts).all()
    ]
    if changes:
        change = images.update().where(images.c.id == sa.bindparam("image"))
        connection.execute(change.values(location=sa.bindparam("quoted")), changes)


def quoted(location):
    """The location, `SCHEME://USER:KEY@HOST/PATH/CONTAINER/OBJECT`, with its credentials quoted.

    What stands behind a `?` or `#` is lost, as are the middle ones of more than three parts of the
    credentials: that is what the script does.

    :raises ValueError: it is not a location in Swift; without the location, which has a password.
    """
    found = urlparse(location)
    if location.count("://") != 1 or found.scheme not in SCHEMES:
        raise ValueError("an image has a location with another scheme, or with several")
    host, path = found.netloc, found.path.lstrip("/")
    # With a third slash, all of it is the path.
    credentials, at, rest = (host or path).rpartition("@")
    if "@" in credentials:
        raise ValueError("an image has a location in Swift with more than one @")
    if host:
        host = rest
    else:
        host, _, path = rest.partition("/")
        path = path.strip("/")
    if "/" not in path or host.startswith("http"):
        raise ValueError("an image has a location in Swift without a container")
    *folders, container, name = path.split("/")
    return (
        f"{found.scheme}://{signed(credentials) if at else ''}"
        f"{'/'.join((host, *folders)).strip('/')}/{container}/{name}"
    )


def signed(credentials):
    """`USER:KEY` or `ACCOUNT:USER:KEY`, quoted and with the sign behind; empty without both."""
    *user, key = credentials.split(":")
    if credentials and not user:
        raise ValueError("an image has a location in Swift with a user and no key")
    name = ":".join(user) if len(user) == 2 else "".join(user[:1])
    return f"{quote(name)}:{quote(key)}@" if name and key else ""
