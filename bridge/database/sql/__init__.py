"""The reader of SQL: its tokens, its statements, and what each statement does.

It knows three families of dialects: ``sqlite``, ``postgresql`` and ``mysql``, which is MariaDB's
too. It reads words and asks no database, so a trigger or a function of the user's own may do more
than is said here.

The process that runs legacy scripts loads this package too: it imports only the standard library
and itself, and keeps to what Python 3.7 has.
"""
