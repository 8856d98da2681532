"""Detect, plan and run an upgrade, and what belongs to it."""
