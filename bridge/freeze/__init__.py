"""Record a legacy history and seal it."""
