"""Stands in for oslo.db."""
