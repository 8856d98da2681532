"""Bases of models; migrations take only a column type from beside them."""


class ModelBase:
    pass


class TimestampMixin:
    pass
