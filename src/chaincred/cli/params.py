"""What options and arguments are made of: durations, moments, keys, digests."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from chaincred import Effect, Freshness, Malformed, PublicKey, SigningKey
from chaincred.cli.sources import text_of
from chaincred.files import read_key, read_public_key

if TYPE_CHECKING:
    _Type = click.ParamType[Any, Any]
else:
    _Type = click.ParamType  # generic only since click 8.4

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
# ASCII digits only: int() would take those of other scripts.
_DURATION: Final = re.compile(r"([0-9]{1,12})([smhd]?)")
_SECONDS: Final = re.compile(r"[0-9]{1,16}")
_KEY: Final = re.compile(r"[0-9A-Fa-f]{64}")


class Duration(_Type):
    """`90s`, `15m`, `2h`, `1d` or seconds, as seconds."""

    name = "duration"

    def __init__(self, least: int = 1) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = _DURATION.fullmatch(str(value))
        if not found:
            self.fail(f"{value!r} is not a duration such as 90s, 15m, 2h or 1d", param, ctx)
        seconds = int(found[1]) * _UNITS[found[2]]
        if seconds < self.least:
            self.fail(f"{value!r} is less than {self.least} s", param, ctx)
        return seconds


class Moment(_Type):
    """`now`, `+2h`, seconds since 1970 or an ISO 8601 date or time (UTC), as seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        now = int(ctx.params["now"]) if ctx else 0
        if value == "now":
            return now
        if value.startswith("+"):
            return now + Duration().convert(value[1:], param, ctx)
        if _SECONDS.fullmatch(value):
            return int(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not now, +2h, seconds or 2026-01-31T12:00:00Z", param, ctx)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


class FreshnessLimits(_Type):
    """`read=5m,write=30s,irreversible=5s`, any of them."""

    name = "limits"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Freshness:
        limits: dict[str, int] = {}
        for each in value.split(","):
            effect, equals, limit = each.partition("=")
            if not equals or effect in limits or effect not in {e.label for e in Effect}:
                self.fail(f"{each!r} is not like read=5m, once for each effect", param, ctx)
            limits[effect] = Duration(least=0).convert(limit, param, ctx)
        return Freshness(**limits)


class Bytes(_Type):
    """Hexadecimal digits, as so many bytes."""

    name = "hex"

    def __init__(self, size: int) -> None:
        self.size = size

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        try:
            data = bytes.fromhex(value)
        except ValueError:
            data = b""
        if len(data) != self.size:
            self.fail(f"{value!r} is not {2 * self.size} hexadecimal digits", param, ctx)
        return data


class _OfFile(_Type):
    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


class Public(_OfFile):
    """A public key: 64 hexadecimal digits, or the file that holds them."""

    name = "pub"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> PublicKey:
        if _KEY.fullmatch(value):
            return PublicKey.from_hex(value)
        try:
            return read_public_key(Path(value))
        except Malformed as error:
            raise Malformed(f"{value}: {error}") from error


class Private(_OfFile):
    """The file of a private key, readable by its owner only."""

    name = "file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> SigningKey:
        return read_key(Path(value))


class Text(_OfFile):
    """A token or presentation: a text, its file, or `-`; as the text."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return text_of(value)


class File(_OfFile):
    """A path."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return Path(value)


json_option = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object.")


def example(*lines: str) -> str:
    """The epilog that shows a command at work; the tests run what it shows."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)
