"""Plain data: errors, configuration, state, steps, results, the revision graph."""
