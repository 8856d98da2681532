"""The statements of a step, written down where each change of the schema commits by itself.

MySQL and MariaDB commit each change of the schema by itself, so a step that is interrupted leaves
its first statements done. While a step runs, each of its statements is written down in bridge's
own table:

- one that changes rows, with its outcome, in the transaction that it belongs to: where the record
  is, the change is;
- one that changes the schema, just before it runs, with a fingerprint of every table: whether it
  took effect shows when the fingerprints are compared;
- what was read before it, so that the script sees the same again.

A later run of the step runs the whole script again. What is written down is answered from the
record and not run; behind the last record the script goes on by itself. The records go in the
transaction that writes the step's version.

The process that runs legacy scripts loads this package too: it imports only the standard library,
SQLAlchemy and the reader of SQL, and keeps to what Python 3.7 has.
"""
