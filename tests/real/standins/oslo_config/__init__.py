"""Stands in for oslo.config."""
