"""The page's own files: its style, its scripts, and the two libraries that are vendored.

All lie below one path that holds the digest of them all. So each is cached for good, and modules,
which import one another by relative paths, are never mixed with those of another version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, and the tag that names its content."""

    body: bytes
    media_type: str
    etag: str


def _read(folder: Path) -> dict[str, Asset]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in _TYPES:
            body = path.read_bytes()
            etag = f'"{sha256(body).hexdigest()[:32]}"'
            found[path.relative_to(folder).as_posix()] = Asset(body, _TYPES[path.suffix], etag)
    return found


def _digest(assets: Mapping[str, Asset]) -> str:
    listed = "\n".join(f"{name} {asset.etag}" for name, asset in assets.items())
    return sha256(listed.encode()).hexdigest()[:16]


ASSETS: Final[Mapping[str, Asset]] = _read(Path(__file__).parent / "static")
"""Every file by its path below `BASE`."""
DIGEST: Final = _digest(ASSETS)
BASE: Final = f"/page/static/{DIGEST}"
