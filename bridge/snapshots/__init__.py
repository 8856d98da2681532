"""Old databases as files."""
