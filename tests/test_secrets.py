"""No secret is shown: not by repr, str, logs, tracebacks, copies, pickles, errors or output.

The secret here is a marked one, and `leaks` knows its spellings. tests/conftest.py asks the same
of what every test in the suite prints, logs and reports.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import os
import pickle
import pprint
import re
import shlex
import subprocess
import sys
import traceback
from base64 import b32encode, b64encode
from collections.abc import Iterator
from hashlib import sha512
from pathlib import Path
from typing import Any

import nacl.signing
import pytest

from chaincred import (
    Bearer,
    ChaincredError,
    Entry,
    Expires,
    PublicKey,
    Request,
    RevocationList,
    SigningKey,
    Token,
    Verifier,
)
from chaincred.encoding import pack, to_text
from chaincred.files import KEY_PREFIX, read_key, write_key, write_secret
from chaincred.keys import Context
from chaincred.macaroon import DomainSecret, Macaroon, MacaroonVerifier, mint
from tests.cast import NOW, READ, SERVER, WORKER, planners, verifier, view
from tests.conftest import MARKED, leaks

KEY = SigningKey.from_seed(MARKED)
DOMAIN = DomainSecret.from_bytes(MARKED)
SAID: dict[str, Any] = {"agent": "agent", "purpose": "to show it", "now": NOW}
TOKEN = Token.issue(KEY, holder=KEY.public_key, caveats=[], **SAID)
BEARER = Bearer(TOKEN, KEY)
TRUSTED = {KEY.public_key: view()}
MACAROONS = MacaroonVerifier(secret=DOMAIN, audience=SERVER, roots=TRUSTED)
PROJECT = Path(__file__).parents[1]


@dataclasses.dataclass
class Agent:
    """What a caller may keep a key in."""

    name: str
    key: SigningKey


HOLDING = {
    "a signing key": KEY,
    "a bearer token": BEARER,
    "a domain secret": DOMAIN,
    "a macaroon verifier": MACAROONS,
    "a dataclass": Agent("planner", KEY),
    "a dict": {"key": KEY, "secret": DOMAIN},
    "a list": [KEY, BEARER, DOMAIN],
    "an exception": ValueError("refused", KEY, DOMAIN),
    "a method": KEY.sign,
}
SHOWING: dict[str, Any] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": "{0} {0!r} {0!s}".format,
    "percent": lambda holding: f"%s %r {holding}" % ((holding,) * 2),
    "pprint": pprint.pformat,
    "json": lambda holding: json.dumps(holding, default=str),
    "json repr": lambda holding: json.dumps(holding, default=repr),
    "json vars": lambda holding: json.dumps(holding, default=vars),
    "bytes": bytes,
    "list": list,
    "vars": vars,
    "asdict": lambda holding: dataclasses.asdict(holding),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda holding, protocol=protocol: pickle.dumps(holding, protocol)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


def as_text(shown: object) -> str:
    return shown.decode("latin-1") if isinstance(shown, bytes) else f"{shown} {shown!r}"


def told(error: BaseException, *, with_locals: bool) -> str:
    """All that a log could hold of an error: traceback, arguments, causes, suppressed contexts."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=with_locals)
    return "\n".join([*trace.format(), *chained(error)])


def chained(error: BaseException | None) -> Iterator[str]:
    if error is not None:
        yield f"{error} {error!r} {error.args!r} {vars(error)!r}"
        yield from chained(error.__cause__)
        yield from chained(error.__context__)


def leaked_by(error: BaseException, *, with_locals: bool) -> list[str]:
    # Named, not written into the assertion: pytest would show what the secret was found in.
    return leaks(told(error, with_locals=with_locals))


def caught(operation: Any, *args: Any) -> BaseException:
    with pytest.raises((ChaincredError, ValueError, TypeError)) as refused:
        operation(*args)
    return refused.value


@pytest.mark.parametrize("way", SHOWING)
@pytest.mark.parametrize("holding", HOLDING)
def test_what_holds_a_secret_does_not_show_it(holding, way):
    try:
        shown = SHOWING[way](HOLDING[holding])
    except (TypeError, AttributeError):
        return  # what cannot be shown that way shows nothing
    assert not leaks(as_text(shown))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("holding", sorted(set(HOLDING) - {"a method"}))
def test_what_holds_a_secret_cannot_be_pickled(holding, protocol):
    with pytest.raises(TypeError, match="cannot"):
        pickle.dumps(HOLDING[holding], protocol)


def test_a_macaroon_which_is_a_secret_itself_is_hidden():
    minted = mint(DOMAIN, verifier(roots=TRUSTED).verify(presented(), READ, now=NOW), now=NOW)
    signature = minted.reveal_bytes()[-32:]
    for way in (repr, str, pprint.pformat):
        shown = way(minted)
        assert minted.reveal() not in shown
        assert signature.hex() not in shown
        assert repr(signature)[2:-1] not in shown
    with pytest.raises(TypeError):
        pickle.dumps(minted)


def presented() -> str:
    return str(TOKEN.present(KEY, READ, audience=SERVER, now=NOW))


def worked() -> Iterator[object]:
    """What every operation with the secret gives back, packed or as its text where it has one."""
    yield KEY.public_key
    yield bytes(KEY.public_key)
    yield KEY.sign(Context.BLOCK, bytes(32))
    yield TOKEN.to_bytes()
    child = TOKEN.attenuate(KEY, holder=WORKER.public_key, **SAID)
    yield from (child, child.to_bytes(), BEARER.attenuate(holder=WORKER.public_key, **SAID))
    yield Bearer(TOKEN, KEY).hand_over(**SAID).reveal()
    yield Bearer.issue(KEY, caveats=[], **SAID).reveal()
    yield presented()
    yield BEARER.present(READ, audience=SERVER, now=NOW)
    trusting = verifier(roots=TRUSTED)
    verified = trusting.verify(presented(), READ, now=NOW)
    yield from (trusting, verified, verified.hops, vars(trusting))
    yield trusting.explain(presented(), READ, now=NOW)
    listed = RevocationList.begin(KEY, now=NOW).revoke(Entry.holder(KEY.public_key))
    yield from (listed, listed.publish(KEY, now=NOW))
    minted = mint(DOMAIN, verified, now=NOW)
    yield from (minted, minted.reveal(), minted.reveal_bytes())
    yield minted.attenuate([Expires(NOW + 1)]).reveal()
    yield MACAROONS.verify(minted.reveal(), READ, now=NOW)


def test_nothing_that_is_made_with_a_secret_shows_it():
    for shown in worked():
        assert not leaks(as_text(shown)), type(shown)


def test_what_reveals_a_secret_says_so_in_its_name():
    assert KEY.reveal_seed() == DOMAIN.reveal() == MARKED
    assert leaks(BEARER.reveal()) == [
        "the marked secret as base64",
        "the marked secret as base64url",
    ]
    for revealing in (KEY, BEARER, DOMAIN):
        for name in set(dir(revealing)) - set(dir(object())):
            value = getattr(revealing, name)
            if not name.startswith(("_", "reveal")) and not callable(value):
                assert not leaks(as_text(value)), name


# Each with the key in scope, as an object: not even local variables may show it.
REFUSED_WITH_A_KEY = {
    "issuing to no agent": lambda: Token.issue(KEY, holder=KEY.public_key, **SAID | {"agent": ""}),
    "issuing what never lives": lambda: Token.issue(
        KEY, holder=KEY.public_key, lifetime=-1, **SAID
    ),
    "issuing to a seed": lambda: Token.issue(KEY, holder=KEY, **SAID),
    "a bearer token that never lives": lambda: Bearer.issue(KEY, lifetime=-1, **SAID),
    "attenuating with another's key": lambda: planners().attenuate(
        KEY, holder=WORKER.public_key, **SAID
    ),
    "attenuating to no agent": lambda: BEARER.attenuate(
        holder=WORKER.public_key, **SAID | {"agent": ""}
    ),
    "presenting with another's key": lambda: planners().present(
        KEY, READ, audience=SERVER, now=NOW
    ),
    "presenting to nobody": lambda: BEARER.present(READ, audience="", now=NOW),
    "presenting at no time": lambda: BEARER.present(READ, audience=SERVER, now=-1),
    "signing what is no bytes": lambda: KEY.sign(Context.BLOCK, "message"),
    "publishing what is not held": lambda: RevocationList.begin(KEY, now=NOW).publish(
        KEY, now=NOW, since=7
    ),
    "publishing at no time": lambda: RevocationList.begin(KEY, now=NOW).publish(KEY, now=None),
    "minting from nothing": lambda: mint(DOMAIN, None, now=NOW),
    "a macaroon that is none": lambda: MACAROONS.verify(b"\2garbage", READ, now=NOW),
    "a macaroon of another domain": lambda: MACAROONS.verify(foreign(), READ, now=NOW),
    "a macaroon verifier without a name": lambda: MacaroonVerifier(
        secret=DOMAIN, audience="", roots=TRUSTED
    ),
    "trusting a private key": lambda: Verifier(
        audience=SERVER,
        roots={KEY: TRUSTED[KEY.public_key]},
        replay=None,
    ).verify(presented(), READ, now=NOW),
    "copying a key": lambda: copy.deepcopy(KEY),
}


def foreign() -> str:
    verified = verifier(roots=TRUSTED).verify(presented(), READ, now=NOW)
    return mint(DomainSecret.generate(), verified, now=NOW).reveal()


@pytest.mark.parametrize("about", REFUSED_WITH_A_KEY)
def test_an_error_shows_no_key_even_with_its_local_variables(about):
    error = caught(REFUSED_WITH_A_KEY[about])
    assert leaked_by(error, with_locals=True) == []


def test_a_bearer_token_that_is_refused_can_still_be_shown():
    error = caught(Bearer, planners(), KEY)
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
    [half_made] = [each["self"] for each in frames if isinstance(each.get("self"), Bearer)]
    # A traceback with local variables shows it, and is lost where that fails.
    assert leaks(repr(half_made)) == []


# The secret itself is handed over, so the caller's own variables hold it: the error must not.
DAMAGED_BEARER = pack([TOKEN.to_wire(), MARKED + b"\0"])
OVERLONG_BEARER = pack([TOKEN.to_wire(), MARKED]) + b"\0"
TEXT_BEARER = pack([TOKEN.to_wire(), b""])[:-2] + b"\xd9\x20" + MARKED
OTHERS_BEARER = pack([planners().to_wire(), MARKED])
REFUSED_RAW = {
    "a seed too long": lambda: SigningKey.from_seed(MARKED + b"\0"),
    "a seed too short": lambda: SigningKey.from_seed(MARKED[:31]),
    "a seed as text": lambda: SigningKey.from_seed(MARKED.hex()),
    "a domain secret too long": lambda: DomainSecret.from_bytes(MARKED + b"\0"),
    "a seed as a public key": lambda: PublicKey(MARKED + b"\0"),
    "a seed as a public key in hex": lambda: PublicKey.from_hex(MARKED.hex().upper()),
    "a seed as a public key in hex, cut": lambda: PublicKey.from_hex(MARKED.hex()[:-1]),
    "a bearer token with a longer seed": lambda: Bearer.parse(to_text("cc1s_", DAMAGED_BEARER)),
    "a bearer token with another's seed": lambda: Bearer.parse(to_text("cc1s_", OTHERS_BEARER)),
    "a bearer token with a byte too many": lambda: Bearer.parse(to_text("cc1s_", OVERLONG_BEARER)),
    "a bearer token with its seed as text": lambda: Bearer.parse(to_text("cc1s_", TEXT_BEARER)),
    "a bearer token with a no-break space": lambda: Bearer.parse(BEARER.reveal() + "\xa0"),
    "a bearer token cut": lambda: Bearer.parse(BEARER.reveal()[:-1]),
    "a bearer token with padding": lambda: Bearer.parse(BEARER.reveal() + "="),
    "a bearer token as a token": lambda: Token.parse(BEARER.reveal()),
    "a bearer token as a presentation": lambda: verifier().verify(BEARER.reveal(), READ, now=NOW),
    "a bearer token as bytes": lambda: Token.from_bytes(DAMAGED_BEARER),
    "a seed as a macaroon": lambda: Macaroon.from_bytes(b"\2" + MARKED),
    "a seed as a tool": lambda: Request(MARKED.hex() + "//", effect="read"),
    "a seed as a list": lambda: RevocationList.read_unverified(MARKED),
}


@pytest.mark.parametrize("about", REFUSED_RAW)
def test_an_error_about_raw_bytes_does_not_repeat_them(about):
    error = caught(REFUSED_RAW[about])
    assert leaked_by(error, with_locals=False) == []


SPELLED = to_text(KEY_PREFIX, MARKED)
DAMAGED_FILES = {
    "a shorter seed": to_text(KEY_PREFIX, MARKED[:31]),
    "a longer seed": to_text(KEY_PREFIX, MARKED + b"\0"),
    "padding": SPELLED + "=",
    "a character that is not base64url": SPELLED[:-1] + "!",
    "another prefix": SPELLED.replace(KEY_PREFIX, "cc1_"),
    "the seed in hexadecimal": MARKED.hex(),
    "a bearer token": BEARER.reveal(),
    "a byte that is not ASCII": SPELLED + "\xff",
    "more than a secret": SPELLED + " " * 20_000,
}


@pytest.mark.parametrize("about", DAMAGED_FILES)
def test_a_damaged_key_file_is_refused_without_its_content(about, tmp_path):
    path = tmp_path / "damaged.key"
    path.write_text(DAMAGED_FILES[about], encoding="latin-1")
    path.chmod(0o600)
    error = caught(read_key, path)
    # The caller knows the path only, so local variables count as well.
    assert leaked_by(error, with_locals=True) == []


def test_a_key_file_open_to_others_is_refused_without_its_content(tmp_path):
    path = tmp_path / "open.key"
    write_key(path, KEY)
    path.chmod(0o644)
    assert leaked_by(caught(read_key, path), with_locals=True) == []


def test_a_key_file_that_cannot_be_written_is_refused_without_its_content(tmp_path):
    path = tmp_path / "twice.key"
    write_key(path, KEY)
    assert leaked_by(caught(write_key, path, KEY), with_locals=False) == []
    refused = caught(write_secret, path, BEARER.reveal())
    assert leaked_by(refused, with_locals=False) == []


def test_a_log_shows_no_secret(caplog):
    log = logging.getLogger("an application")
    for holding in HOLDING.values():
        log.warning("holding %s, %r", holding, holding)
    for refused in REFUSED_WITH_A_KEY.values():
        try:
            refused()
        except (ChaincredError, ValueError, TypeError):
            log.exception("refused with %s", KEY)
    assert "SigningKey(hidden)" in caplog.text
    assert "Traceback" in caplog.text
    assert not leaks(caplog.text)


SCALAR = bytearray(sha512(MARKED).digest()[:32])
WRITTEN = {
    "raw": MARKED.decode("latin-1"),
    "half of it": MARKED.hex()[:32],
    "hex": MARKED.hex(),
    "hex in upper case": MARKED.hex().upper(),
    "over two lines": MARKED.hex()[:20] + "\n    " + MARKED.hex()[20:],
    "repr": repr(MARKED),
    "a list": str(list(MARKED)),
    "a tuple, pretty": pprint.pformat(tuple(MARKED), width=20),
    "an integer": str(int.from_bytes(MARKED, "little")),
    "base64": b64encode(MARKED).decode(),
    "base64 after a byte": b64encode(b"\0" + MARKED).decode(),
    "base64 after two bytes": b64encode(b"\0\0" + MARKED + b"\0").decode(),
    "a key file": SPELLED,
    "a bearer token": BEARER.reveal(),
    "libsodium's secret key": (MARKED + bytes(KEY.public_key)).hex(),
    "the scalar": bytes(SCALAR).hex(),
    "PyNaCl's key": str(nacl.signing.SigningKey(MARKED)),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_shown_secret_is_seen(how):
    assert leaks("before " + WRITTEN[how] + " after")


@pytest.mark.parametrize(
    "text", ["", KEY.public_key.hex(), str(TOKEN), b32encode(bytes(64)).decode()]
)
def test_what_is_no_secret_is_not_taken_for_one(text):
    assert not leaks(text)


CARELESS = """
import logging, sys
import nacl.signing
import pytest
from tests.conftest import MARKED
from tests.test_secrets import BEARER, KEY

def test_prints(): print(MARKED.hex())
def test_prints_and_is_expected_to(capfd): print(MARKED)
def test_prints_to_stderr(): print(list(MARKED), file=sys.stderr)
def test_logs(): logging.getLogger().error("%r", MARKED)
def test_asserts(): assert not MARKED.hex()
def test_raises(): raise ValueError(BEARER.reveal())
def test_trusts_another_library(): print(nacl.signing.SigningKey(MARKED))
@pytest.mark.xfail
def test_excuses_itself(): raise ValueError(MARKED)
@pytest.mark.parametrize("seed", [MARKED.hex()])
def test_is_named_so(seed): pass
@pytest.fixture
def careless():
    yield
    print(MARKED.hex())
def test_tears_down(careless): pass

def test_is_careful(): print(KEY, BEARER, KEY.public_key)
"""


def test_a_test_that_shows_a_secret_fails_and_the_others_do_not(tmp_path):
    (tmp_path / "test_careless.py").write_text(CARELESS)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-q", "-rA", "--color=no", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    caught_out = set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", run.stdout, re.MULTILINE))
    assert caught_out == set(re.findall(r"def (test_\w+)", CARELESS)) - {"test_is_careful"}
    # Its name is all that is left of the one that is named after the secret.
    assert leaks(run.stdout.replace(MARKED.hex(), "") + run.stderr) == []


ASKING = "--audience files.example --tool read_file --resource docs/q3.md --effect read"
LISTED = "--list the.list --list-key own.pub --floor the.floor"
ATTENUATE = "attenuate --agent worker --purpose reading --holder worker.pub"
COMMANDS = [
    "issue --key own.key --holder own.pub --agent planner --purpose planning -o own.token",
    f"{ATTENUATE} own.token --key own.key",
    f"{ATTENUATE} --from-bearer own.bearer",
    f"present own.token --key own.key -o own.shown {ASKING}",
    f"present --from-bearer own.bearer {ASKING}",
    "revoke --list the.list --create --key own.key --task other",
    f"verify own.shown --root own.pub {LISTED} {ASKING}",
    f"explain own.shown --root own.pub {LISTED} {ASKING}",
    "inspect own.token --root own.pub",
    "inspect own.bearer",
    "list the.list --list-key own.pub",
    "list the.list --key own.key --refresh",
]
MISTAKEN = [
    "issue --key damaged.key --holder own.pub --agent planner --purpose planning",
    "issue --key open.key --holder own.pub --agent planner --purpose planning",
    "issue --key own.key --holder own.key --agent planner --purpose planning",
    "issue --key own.bearer --holder own.pub --agent planner --purpose planning",
    f"issue --key {SPELLED} --holder own.pub --agent planner --purpose planning",
    f"{ATTENUATE} own.key --key own.key",
    f"{ATTENUATE} --from-bearer own.key",
    f"{ATTENUATE} --from-bearer damaged.bearer",
    f"{ATTENUATE} --from-bearer {BEARER.reveal()}",
    f"present {BEARER.reveal()} --key own.key {ASKING}",
    f"present own.bearer --key own.key {ASKING}",
    f"verify own.bearer --root own.pub --unrevocable 1d {ASKING}",
    f"verify own.key --root own.key --unrevocable 1d {ASKING}",
    "revoke --list own.key --key own.key --task other",
    "revoke --list the.list --key own.key --token own.key",
    "inspect own.key",
    f"inspect {BEARER.reveal()}",
    f"inspect {SPELLED}",
    f"{SPELLED}",
    "list own.key --list-key own.pub",
    "keygen own",
]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("own.key", "open.key"):
        write_key(tmp_path / name, KEY)
    (tmp_path / "open.key").chmod(0o644)
    (tmp_path / "own.pub").write_text(KEY.public_key.hex())
    (tmp_path / "worker.pub").write_text(WORKER.public_key.hex())
    write_secret(tmp_path / "damaged.key", to_text(KEY_PREFIX, MARKED[:31]))
    write_secret(tmp_path / "damaged.bearer", BEARER.reveal() + "=")
    write_secret(tmp_path / "own.bearer", BEARER.reveal())


def typed(line: str) -> Any:
    testing = pytest.importorskip("click.testing")
    cli = pytest.importorskip("chaincred.cli")
    clock = [] if line.startswith(("keygen", SPELLED)) else ["--now", str(NOW)]
    return testing.CliRunner().invoke(cli.main, [*shlex.split(line), *clock])


@pytest.mark.parametrize("form", ["", " --json"])
def test_no_command_prints_the_key_that_it_uses(form, desk):
    for line in COMMANDS:
        result = typed(line + form)
        assert (line, result.exit_code) == (line, 0)
        found = leaks(result.output)
        assert (line, found) == (line, [])


@pytest.mark.parametrize("form", ["", " --json"])
@pytest.mark.parametrize("number", range(len(MISTAKEN)))
def test_no_mistaken_command_prints_a_secret(number, form, desk):
    result = typed(MISTAKEN[number] + form)
    found = leaks(result.output)
    assert found == []
    assert result.exit_code in (2, 3)
