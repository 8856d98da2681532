"""Stands in for glance-manage, of which revisions read one switch."""

# Off, as in its offline "db sync": the triggers serve two releases that run side by side.
USE_TRIGGERS = False
