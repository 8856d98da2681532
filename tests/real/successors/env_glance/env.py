import migrate.changeset  # noqa: F401 (glance's revisions call what it adds to columns)

from bridge.revisions import run_environment

run_environment()
