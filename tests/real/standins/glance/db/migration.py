"""Stands in for the names of the branches; the real one loads plugins."""

EXPAND_BRANCH = "expand"
CONTRACT_BRANCH = "contract"
