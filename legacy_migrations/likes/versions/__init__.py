"""The version scripts of the repository "likes", oldest first by number."""
