"""keygen: two files, one of them a secret, and neither ever replaced."""

import stat

from chaincred.files import read_key
from tests.cli.terminal import answer, ok, refused, typed


def test_the_key_is_its_owners_alone_and_the_answer_is_public(desk):
    result = typed("keygen mine")
    key = read_key(desk / "mine.key")
    assert result.stdout == key.public_key.hex() + "\n" == (desk / "mine.pub").read_text()
    assert stat.S_IMODE((desk / "mine.key").stat().st_mode) == 0o600
    assert "wrote mine.key (a secret)" in result.stderr
    assert (desk / "mine.key").read_text().strip() not in result.output


def test_json_says_where_the_key_is_not_what_it_is(desk):
    said = answer("keygen mine")
    assert said["key"] == "mine.key" and said["pub"] == "mine.pub"
    assert read_key(desk / "mine.key").public_key.hex() == said["public_key"]


def test_a_key_is_never_replaced(desk):
    before = (desk / "root.key").read_bytes()
    refused("keygen root", 3, "file", "root.pub: File exists")
    (desk / "root.pub").unlink()
    refused("keygen root", 3, "file", "root.key: File exists")
    assert (desk / "root.key").read_bytes() == before
    assert not (desk / "root.pub").exists()
    refused("keygen nowhere/root", 3, "file", "nowhere/root.pub")


def test_two_keys_are_two(desk):
    assert ok("keygen one") != ok("keygen two")
