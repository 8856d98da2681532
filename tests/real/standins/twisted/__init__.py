"""Stands in for Twisted, of which buildbot's scripts use the log."""
