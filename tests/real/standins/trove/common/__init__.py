"""Stands in for a package that imports half of the app; its modules come from the wheel."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
