"""Prove every upgrade path from old databases to the heads."""
