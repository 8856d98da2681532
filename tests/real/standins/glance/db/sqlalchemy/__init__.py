"""Stands in for `glance.db.sqlalchemy`, so that a package in it can be stood in for."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
