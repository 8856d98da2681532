"""The version of bridge. Its metadata, which has it too, takes 2 ms of every start to read."""

VERSION = "0.1.0"
