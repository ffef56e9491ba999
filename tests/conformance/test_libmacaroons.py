"""The test files of libmacaroons: what its reference implementation says of macaroons.

The verifier files hold versions 1 and 2. Our profile reads version 2 only; the signature check is
the same for both, so the verdicts are asked of it for all files.
"""

import base64

import pymacaroons
import pytest

from chaincred.errors import MacaroonRefused, Malformed
from chaincred.macaroon import DomainSecret, Macaroon, _check_signature, _read
from tests.conformance.outside import outside

FOLDER = outside("libmacaroons-vtest")

VERDICTS = sorted(FOLDER.glob("*.vtest"))
SAME = sorted(FOLDER.glob("serialization_*"))


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def scenario(path):
    """The verdict, the key, the predicates that hold and the one macaroon of a file."""
    lines = path.read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    _version, verdict, key, *exact, macaroon = lines
    holding = {line.removeprefix("exact ").encode() for line in exact}
    return verdict, key.removeprefix("key ").encode(), holding, decoded(macaroon)


def macaroon_in(data):
    """By our reader in version 2; version 1, which that refuses, by pymacaroons alone."""
    return pymacaroons.Macaroon.deserialize(data.decode()) if data[0] != 2 else _read(data)


def is_authorized(macaroon, key, holding):
    try:
        _check_signature(macaroon, DomainSecret(key))
    except MacaroonRefused:
        return False
    return all(caveat.caveat_id_bytes in holding for caveat in macaroon.caveats)


def test_all_files_are_there():
    assert (len(VERDICTS), len(SAME)) == (16, 3)


@pytest.mark.parametrize("path", VERDICTS, ids=lambda path: path.stem)
def test_the_verdict_is_that_of_the_file(path):
    verdict, key, holding, data = scenario(path)
    assert verdict in ("authorized", "unauthorized")
    assert is_authorized(macaroon_in(data), key, holding) is (verdict == "authorized")


@pytest.mark.parametrize("path", VERDICTS, ids=lambda path: path.stem)
def test_only_version_2_is_read_and_nothing_of_another_location_is_of_our_profile(path):
    *_, data = scenario(path)
    if "_v1_" in path.stem:
        with pytest.raises(Malformed, match="version 2"):
            _read(data)
        data = decoded(data.decode())
        with pytest.raises(Malformed, match="version 2"):
            _read(data)
    with pytest.raises(Malformed, match=r"version 2|location"):
        Macaroon.from_bytes(data)


@pytest.mark.parametrize("path", SAME, ids=lambda path: path.stem)
def test_of_three_forms_of_one_macaroon_the_version_2_binary_one_is_read(path):
    forms = dict(line.split() for line in path.read_text().splitlines())
    assert forms.keys() == {"v1", "v2", "v2j"}
    read = _read(decoded(forms["v2"]))
    old = macaroon_in(decoded(forms["v1"]))
    assert read.signature_bytes == old.signature_bytes
    assert read.identifier_bytes == old.identifier_bytes
    assert [each.caveat_id_bytes for each in read.caveats] == [
        each.caveat_id_bytes for each in old.caveats
    ]
    for other in (decoded(forms["v1"]), decoded(decoded(forms["v1"]).decode())):
        with pytest.raises(Malformed):
            _read(other)
    with pytest.raises(Malformed):
        _read(decoded(forms["v2j"]))
