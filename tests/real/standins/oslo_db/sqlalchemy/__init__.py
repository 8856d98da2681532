"""The part of oslo.db that glance's models build on."""
