"""Detecting, planning and running an upgrade, and the related workflows."""
