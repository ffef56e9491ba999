"""Views of lists that were made by hand."""

from __future__ import annotations

from chaincred import NoFloor, PublicKey, RevocationView
from tests.attacks.cast import LIST_KEY, NOW, Key


class KeptFloor:
    """A floor on a disk that is a variable."""

    def __init__(self, saved: bytes | None = None) -> None:
        self.saved = saved

    def load(self) -> bytes | None:
        return self.saved

    def save(self, floor: bytes) -> None:
        self.saved = floor


def fed(
    *updates: bytes,
    keys: tuple[Key, ...] = (LIST_KEY,),
    list_id: bytes | None = None,
    floor: KeptFloor | None = None,
    now: int = NOW,
) -> RevocationView:
    """A view that took all `updates` at `now`."""
    trusted = [PublicKey(key.public) for key in keys]
    view = RevocationView(trusted, floor=floor or NoFloor(), list_id=list_id)
    for update in updates:
        view.update(update, now=now)
    return view
