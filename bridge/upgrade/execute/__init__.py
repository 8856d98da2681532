"""The steps of a plan, run one after the other."""
