"""The settings: each is read, wrong ones are told all at once, and the page names every one."""

import re
from dataclasses import MISSING, fields

import pytest

from chaincred import Freshness, SigningKey
from chaincred.files import write_key, write_secret
from chaincred.revocation import Floor, Place
from chaincred_verifier.settings import PREFIX, Settings, SettingsRefused
from tests.verifier.certificates import certificate
from tests.verifier.operated import PAGE, chaincred, section
from tests.verifier.running import NAME, Keys

NEEDED = ("NAME", "STORE", "ROOTS", "LIST_KEY", "FLOOR")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("settings"))


def read(keys, **more):
    return Settings.from_environment(keys.settings(**more))


def wrong(environ):
    """What is wrong, line by line."""
    with pytest.raises(SettingsRefused) as refused:
        Settings.from_environment(environ)
    return str(refused.value).splitlines()


def without(keys, *names, **more):
    environ = keys.settings(**more)
    for name in names:
        del environ[PREFIX + name]
    return environ


def test_what_is_needed_is_enough_and_the_rest_has_defaults(keys):
    settings = Settings.from_environment(without(keys, "ADMIN_ROOTS", "AUDIENCES", "PORT", "LOG"))
    assert settings.name == NAME and settings.all_audiences == (NAME,)
    assert settings.roots == (keys.root.public_key,)
    assert settings.list_keys == (keys.list.public_key,)
    assert (settings.port, settings.workers, settings.log) == (8420, 1, "json")
    assert settings.freshness == Freshness()


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_needed_is_asked_for_with_what_it_is(keys, name):
    (line,) = wrong(without(keys, name))
    (about,) = (each.metadata["about"] for each in fields(Settings) if each.name.upper() == name)
    assert line == f"{PREFIX}{name}: is needed: {about}"


def test_everything_that_is_wrong_is_told_at_once(keys):
    lines = wrong({"CHAINCRED_PORT": "-1", "CHAINCRED_WORKERS": "two", "CHAINCRED_PROT": "1"})
    names = {line.partition(":")[0].removeprefix(PREFIX) for line in lines}
    assert names == {*NEEDED, "PORT", "WORKERS", "PROT"}


def test_a_name_that_is_not_known_is_wrong(keys):
    environ = keys.settings() | {"CHAINCRED_MAX_BODYS": "1", "chaincred_port": "x", "PORT": "x"}
    assert wrong(environ) == ["CHAINCRED_MAX_BODYS: there is no such setting"]


@pytest.fixture(scope="module")
def values(keys, tmp_path_factory):
    """For each setting that has a default, what it may be told: `(value, what it is then)`."""
    folder = tmp_path_factory.mktemp("values")
    other = SigningKey.generate()
    (folder / "other.pub").write_text(other.public_key.hex() + "\n")
    (folder / "rules").write_text("")
    chain, key = certificate(folder)
    both = f"{keys.root.public_key.hex()}, {folder / 'other.pub'}"
    pair = (keys.root.public_key, other.public_key)
    return {
        "admin_roots": (both, pair),
        "audiences": ("a, b.example ,", ("a", "b.example")),
        "retired_list_keys": (both, pair),
        "root_key": (keys.folder / "root.key", None),
        "issuing_policy": (folder / "rules", folder / "rules"),
        "gateway_rules": (folder / "rules", folder / "rules"),
        "heartbeat": ("1.5", 1.5),
        "fresh_for": ("60", 60),
        "clock_patience": ("0", 0.0),
        "freshness": ("irreversible=9,read=70", Freshness(read=70, irreversible=9)),
        "max_lifetime": ("60", 60),
        "replay_capacity": ("1000", 1000),
        "compact_after": ("10", 10),
        "retention_days": ("1", 1),
        "host": ("0.0.0.0", "0.0.0.0"),
        "port": ("0", 0),
        "workers": ("64", 64),
        "tls_certificate": (chain, chain),
        "tls_key": (key, key),
        "trusted_proxies": ("10.0.0.1, fe80::/16", "10.0.0.1, fe80::/16"),
        "max_body": ("4096", 4096),
        "body_timeout": ("0.1", 0.1),
        "head_timeout": ("600", 600.0),
        "max_connections": ("10", 10),
        "max_streams": ("1", 1),
        "max_streams_each": ("1", 1),
        "refused_per_second": ("0.1", 0.1),
        "page": ("off", False),
        "metrics": ("off", False),
        "log": ("text", "text"),
    }


TOGETHER = {
    "root_key": "issuing_policy", "issuing_policy": "root_key",
    "tls_certificate": "tls_key", "tls_key": "tls_certificate",
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [each.name for each in fields(Settings) if each.default is not MISSING]
)
def test_each_setting_is_read(keys, values, name):
    said = {name: values[name][0]}
    if name in TOGETHER:
        said[TOGETHER[name]] = values[TOGETHER[name]][0]
    settings = read(keys, **said)
    meant = values[name][1]
    if name == "root_key":
        assert settings.root_key.public_key == keys.root.public_key
    else:
        assert getattr(settings, name) == meant


@pytest.mark.parametrize(
    ("name", "said", "words"),
    [
        ("name", "", "a text of 1 to 256 bytes"),
        ("name", "a\u202e", "a text of 1 to 256 bytes"),
        ("audiences", "a" * 257, "a text of 1 to 256 bytes"),
        ("roots", "zz", "zz: No such file"),
        ("roots", "00" * 32, "small order"),
        ("roots", "AB" * 32, "lower-case"),
        ("list_key", "/nowhere.key", "/nowhere.key: No such file"),
        ("gateway_rules", "/nowhere", "/nowhere: no such file"),
        ("gateway_rules", "/", "/: no such file"),
        ("heartbeat", "0.9", "seconds from 1 to 60"),
        ("heartbeat", "nan", "seconds from 1 to 60"),
        ("heartbeat", "inf", "seconds from 1 to 60"),
        ("heartbeat", "soon", "could not convert"),
        ("port", "65536", "a whole number from 0 to 65535"),
        ("port", "\u0664\u0662", "a whole number"),
        ("port", "+1", "a whole number"),
        ("port", "1_0", "a whole number"),
        ("port", "9" * 5_000, ""),
        ("freshness", "read=1,read=2", "once each"),
        ("freshness", "reads=1", "once each"),
        ("freshness", "read", "a whole number"),
        ("freshness", "read=0", "a whole number"),
        ("trusted_proxies", "*", "everybody"),
        ("trusted_proxies", "10.0.0.1,::/0", "everybody"),
        ("trusted_proxies", "proxy.example", "no address"),
        ("page", "yes", "on or off"),
        ("log", "xml", "json or text"),
    ],
)
def test_a_value_that_cannot_be_is_told_with_its_name(keys, name, said, words):
    lines = wrong(keys.settings(**{name: said}))
    assert len(lines) == 1 and lines[0].startswith(f"{PREFIX}{name.upper()}: ")
    assert words in lines[0] and len(lines[0]) < 6_000


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"roots": "", "admin_roots": ""}, "at least one root"),
        ({"heartbeat": 5}, "too old before the next one"),
        ({"fresh_for": 2, "heartbeat": 2}, "too old before the next one"),
        ({"heartbeat": 2, "freshness": "irreversible=2"}, "too old before the next one"),
        ({"tls_certificate": "list.key"}, "CHAINCRED_TLS_KEY go together"),
        ({"root_key": "root.key"}, "CHAINCRED_ISSUING_POLICY go together"),
        ({"floor": "/nowhere/floor"}, "/nowhere is not a folder"),
        ({"root_key": "list.key", "issuing_policy": "list.key"}, "not among CHAINCRED_ROOTS"),
    ],
)
def test_what_contradicts_itself_is_told(keys, monkeypatch, said, words):
    monkeypatch.chdir(keys.folder)
    (line,) = wrong(keys.settings(**said))
    assert words in line


def test_a_key_that_others_can_read_is_refused(keys, tmp_path):
    write_key(tmp_path / "open.key", SigningKey.generate())
    (tmp_path / "open.key").chmod(0o640)
    (line,) = wrong(keys.settings(list_key=tmp_path / "open.key"))
    assert "open to others (640); chmod 600" in line


def test_a_secret_in_the_wrong_place_is_not_repeated(keys, tmp_path):
    secret = (keys.folder / "list.key").read_text().strip()
    write_secret(tmp_path / "bearer", keys.admin().reveal())
    bearer = (tmp_path / "bearer").read_text().strip()
    names = ("LIST_KEY", "ROOT_KEY", "ROOTS", "ADMIN_ROOTS", "GATEWAY_RULES", "PORT", "NAME")
    for hidden in (secret, bearer):
        environ = keys.settings() | {PREFIX + name: hidden for name in names}
        lines = wrong(environ)
        assert len(lines) >= 5
        assert hidden[5:30] not in "\n".join(lines)
        for command in ("serve", "doctor", "restore"):
            done = chaincred(command, *(["x"] * (command == "restore")), environment=environ)
            assert done.returncode in (1, 2)
            assert hidden[5:30] not in done.stdout + done.stderr
    assert secret[5:] not in repr(read(keys))


def test_what_is_wrong_ends_serve_before_it_listens(keys):
    done = chaincred("serve", environment=keys.settings(port="x", heartbeat=99))
    assert done.returncode == 2 and done.stdout == ""
    assert "CHAINCRED_PORT: " in done.stderr and "CHAINCRED_HEARTBEAT: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (b"garbage", "not MessagePack"),
        (Floor(Place(bytes(16), 1, bytes(32)), 1).to_bytes(), "did not begin"),
        (None, "directory"),
    ],
    ids=["garbage", "another list's", "a directory"],
)
def test_a_floor_that_cannot_be_used_ends_serve_before_it_listens(keys, tmp_path, held, says):
    floor = tmp_path / "floor"
    floor.mkdir() if held is None else floor.write_bytes(held)
    done = chaincred("serve", environment=keys.settings(floor=floor))
    assert done.returncode == 2
    assert "CHAINCRED_FLOOR" in done.stderr and says in done.stderr
    assert "Traceback" not in done.stderr


def spelled(default):
    """A default as the page spells it."""
    if default is MISSING:
        return "needed"
    if default in (None, (), ""):
        return ""
    if isinstance(default, bool):
        return "`on`" if default else "`off`"
    if isinstance(default, Freshness):
        limits = (default.read, default.write, default.irreversible)
        return "`read={},write={},irreversible={}`".format(*limits)
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def test_the_page_names_each_setting_with_its_default_and_what_it_is():
    rows = re.findall(
        r"^\| `(CHAINCRED_\w+)` \| (?:(.*?) )?\| (.*) \|$", section("## Settings"), re.MULTILINE
    )
    assert rows == [
        (PREFIX + each.name.upper(), spelled(each.default), each.metadata["about"])
        for each in fields(Settings)
    ]


def test_the_page_names_no_other():
    known = {PREFIX + each.name.upper() for each in fields(Settings)}
    assert set(re.findall(r"CHAINCRED_[A-Z_]+", PAGE)) == known
