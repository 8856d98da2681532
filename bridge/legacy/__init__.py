"""The legacy side: repository files, the runtime of old scripts, and the worker that runs them."""
