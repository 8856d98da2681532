"""Stands in for oslo.serialization."""

import json as jsonutils

__all__ = ["jsonutils"]
