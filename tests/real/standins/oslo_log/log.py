"""Python's own loggers serve."""

from logging import getLogger

__all__ = ["getLogger"]
