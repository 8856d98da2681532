"""Stands in for masakari's options; `masakari_setup` fills in the URL."""

from types import SimpleNamespace

CONF = SimpleNamespace(
    notification_driver="taskflow_driver", taskflow=SimpleNamespace(connection=None)
)
