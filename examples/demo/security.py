"""Security: the only process with the list key. It publishes the list, and a heartbeat after.

Run as `security.py PUBLIC_FOLDER`.
"""

import sys
import threading
import time
from pathlib import Path

from pipe import answer

from chaincred import Entry, RevocationList, SigningKey
from chaincred.files import write_file

HEARTBEAT = 0.5
"""Seconds between two heads."""
FRESH_FOR = 4
"""Seconds that a head may be relied on; so a withheld list is noticed by then."""
LONGEST_LIFE = 86_400
"""Seconds after which no verifier admits a tree any more, so its entry may go."""


class Publisher:
    """The list in a file that everybody may read. Changed by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._key = SigningKey.generate()
        self._list = RevocationList.begin(self._key, now=int(time.time()))
        write_file(path.with_name("list.pub"), self._key.public_key.hex().encode())
        self.publish()

    def publish(self) -> None:
        with self._lock:
            self._write()

    def revoke(self, link: str, reason: str) -> int:
        """Ends the block with this link and all below it. Answers once that is on disk."""
        until = int(time.time()) + LONGEST_LIFE
        entry = Entry.chain(bytes.fromhex(link), until=until, reason=reason)
        with self._lock:
            self._list = self._list.revoke(entry)
            self._write()
            return self._list.place.seq

    def ready(self) -> bool:
        return True

    def heartbeats(self) -> None:
        while True:
            time.sleep(HEARTBEAT)
            self.publish()

    def _write(self) -> None:
        now = int(time.time())
        write_file(self._path, self._list.publish(self._key, now=now, fresh_for=FRESH_FOR))


if __name__ == "__main__":
    own = Publisher(Path(sys.argv[1]) / "revocations")
    threading.Thread(target=own.heartbeats, daemon=True).start()
    answer({"revoke": own.revoke, "ready": own.ready})
