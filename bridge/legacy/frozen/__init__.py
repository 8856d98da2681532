"""Frozen histories: their files, their schemas and their replay."""
