"""Its engines wrap errors into this one; plain engines never raise it."""


class DBError(Exception):
    pass
