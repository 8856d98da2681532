"""Stands in for oslo.utils."""
