"""The journal: the table in which each step of a run is written down."""
