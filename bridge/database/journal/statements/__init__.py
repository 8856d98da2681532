"""The statements of a step, written down where each change of the schema commits by itself."""
