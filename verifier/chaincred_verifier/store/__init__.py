"""Where the service keeps what must survive it: SQLite, or PostgreSQL when there is more than one.

One dialect of SQL, one schema and one writer at a time over all workers and services on a store:
what is read inside a write transaction is still so when it commits. Two thin drivers hide what is
left of the difference.
"""

from chaincred_verifier.store.driver import Connection, Reading
from chaincred_verifier.store.migrations import migrate
from chaincred_verifier.store.opening import connector

__all__ = ["Connection", "Reading", "connector", "migrate"]
