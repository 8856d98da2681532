"""Stands in for oslo.log."""
