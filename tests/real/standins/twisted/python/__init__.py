"""The part of Twisted with the log."""
