"""The version scripts of the repository "core", oldest first by number."""
