"""Stands in for trove's options: what version 039 writes into the rows."""

from types import SimpleNamespace

CONF = SimpleNamespace(service_credentials=SimpleNamespace(region_name="RegionOne"))
