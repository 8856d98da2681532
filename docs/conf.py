"""How Sphinx builds the documentation: `make docs`."""

from __future__ import annotations

from importlib.metadata import version as version_of

project = "bridge"
author = "the bridge authors"
release = version = version_of("bridge")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
# Links to headings, as in configuration.md#databaseurl.
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"bridge {release}"

# A name in single backticks in a docstring is code.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
