"""The audit log as bytes, and what becomes of one that was changed (specs/service.md 9)."""

import json
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincred import ChaincredError, Malformed
from chaincred.audit import MAX_LINE, AuditHead, AuditRefused, check, first_hash, header, next_hash
from chaincred.encoding import from_text, pack, to_text
from chaincred.keys import Context
from tests.audit_export import LIST_ID, RECORDS, export, hashed, head, running
from tests.cast import LIST_KEY, MALLORY, NOW, WORKER

KEYS = (LIST_KEY.public_key,)
HEAD = AuditHead(LIST_ID, 7, running(), NOW)


def kept(n, hash=None, **how):
    """A head that was kept since record n."""
    hash = running(RECORDS[:n]) if hash is None else hash
    return AuditHead.signed_by(from_text("", head(n, hash, **how), 256), KEYS)


def test_an_export_that_nobody_touched_is_whole():
    found = check(export(), KEYS)
    assert (found.first, found.last, found.at) == (1, 7, NOW)


def test_the_bytes_are_those_of_the_specification():
    assert first_hash(LIST_ID) == sha256(b"chaincred/v1/audit\0" + LIST_ID).digest()
    assert next_hash(first_hash(LIST_ID), RECORDS[0]) == hashed(first_hash(LIST_ID), RECORDS[0])
    assert to_text("", HEAD.sign(LIST_KEY)) == head(7, running())
    line = header(LIST_ID, 0, running(()), HEAD.sign(LIST_KEY))
    assert json.loads(line) == json.loads(export()[0])
    assert check([line.encode(), *RECORDS], KEYS) == check(export(), KEYS)


@pytest.mark.parametrize("gone", range(8))
def test_an_export_may_begin_late_when_old_records_have_left(gone):
    found = check(export(gone=gone), KEYS)
    assert (found.first, found.last) == (gone + 1, 7)


def test_a_log_without_records_is_whole():
    assert check(export(()), KEYS).last == 0


@pytest.mark.parametrize("gone", [0, 3])
@pytest.mark.parametrize("at", range(1, 4))
def test_a_record_that_was_changed_left_out_added_or_moved_is_found(gone, at):
    whole = export(gone=gone)
    changed = whole.copy()
    changed[at] = changed[at].replace(b'"ok"', b'"no"')
    left_out = whole[:at] + whole[at + 1 :]
    added = [*whole[:at], whole[at], *whole[at:]]
    moved = [*whole[:at], whole[at + 1], whole[at], *whole[at + 2 :]]
    renumbered = whole.copy()
    renumbered[at] = renumbered[at].replace(b'"n":', b'"n": ')
    for lines in (changed, left_out, added, moved, renumbered, whole[:-1], [*whole, whole[-1]]):
        with pytest.raises(AuditRefused):
            check(lines, KEYS)


def test_every_edited_byte_is_found():
    whole = b"\n".join(export(RECORDS[:2]))
    for at in range(len(whole)):
        edited = bytearray(whole)
        edited[at] ^= 1
        with pytest.raises((AuditRefused, Malformed)):
            check(bytes(edited).split(b"\n"), KEYS)


def test_true_is_not_the_first_number():
    record = RECORDS[0].replace(b'"n":1', b'"n":true')
    with pytest.raises(AuditRefused):
        check(export([record]), KEYS)


def test_records_that_were_cut_off_the_front_are_missed():
    with pytest.raises(AuditRefused, match="where it belongs"):
        check([export()[0], *RECORDS[1:]], KEYS)
    with pytest.raises(AuditRefused, match="do not begin where the log begins"):
        check(export(hash=running(RECORDS[:1]).hex()), KEYS)


def test_a_head_of_another_key_or_list_is_refused():
    for lines, about in (
        (export(key=MALLORY), "not signed"),
        (export(list_id="00" * 16), "another list"),
        (export(head=head(7, running(), own_id=bytes(16))), "another list"),
        (export(head=head(8, running())), "the head is at record 8"),
        (export(head=head(7, bytes(32))), "a record was changed"),
    ):
        with pytest.raises(AuditRefused, match=about) as refused:
            check(lines, KEYS)
        assert refused.value.code == "audit"
    assert check(export(key=MALLORY), [*KEYS, MALLORY.public_key]).last == 7
    with pytest.raises(AuditRefused):
        check(export(), [])


@pytest.mark.parametrize(
    ("lines", "about"),
    [
        ([], "nothing at all"),
        ([b""], "an empty line"),
        ([b"{"], "not JSON"),
        ([b"[" * 100_000], "nested too deep"),
        ([b"[]"], "not an object"),
        ([b"{}"], "an object of something else"),
        ([b"\xff"], "not UTF-8"),
        (export(chaincred_audit=2), "another version"),
        (export(after="0"), "a number in quotes"),
        (export(after=None), "no number"),
        (export(after=True), "true for one"),
        (export(after=-1), "a negative number"),
        (export(chaincred_audit=True), "true for a version"),
        (export(hash="zz"), "no digits"),
        (export(hash=running(()).hex().upper()), "upper-case digits"),
        (export(list_id=LIST_ID.hex()[:-2]), "a short id"),
        (export(hash=1), "no text"),
        (export(list_id=1), "no list"),
        (export(head="!"), "no head"),
        (export(head=""), "an empty head"),
        (export(head=to_text("", pack([b"", bytes(63)]))), "a short signature"),
        (export(head=to_text("", pack([1, bytes(64)]))), "no body"),
        (export(head=to_text("", bytes(200))), "no array"),
        ([export()[0] + b" " * MAX_LINE], "a line without end"),
        ([*export(), b""], "an empty record"),
        ([*export(), b"1"], "a record that is no object"),
        ([*export(), b'{"n":8,"at":NaN}'], "a number that JSON has not"),
        ([*export(), b'{"n":' + b"9" * 5_000 + b"}"], "a number without end"),
    ],
)
def test_what_is_no_export_is_malformed(lines, about):
    with pytest.raises(Malformed):
        check(lines, KEYS)


@pytest.mark.parametrize(
    "body",
    [
        [LIST_ID[:15], 7, running(), NOW],
        [LIST_ID, 7, running()[:31], NOW],
        [LIST_ID, -1, running(), NOW],
        [LIST_ID, True, running(), NOW],
        [LIST_ID, 7, running(), -1],
        [LIST_ID, 7, running()],
        7,
    ],
)
def test_a_head_of_another_form_is_malformed_though_it_is_signed(body):
    packed = pack(body)
    data = pack([packed, LIST_KEY.sign(Context.AUDIT, sha256(packed).digest())])
    with pytest.raises(Malformed):
        AuditHead.signed_by(data, KEYS)


def test_a_signature_for_another_use_is_not_one_for_an_audit_head():
    body = pack([LIST_ID, 7, running(), NOW])
    for context in set(Context) - {Context.AUDIT}:
        data = pack([body, LIST_KEY.sign(context, sha256(body).digest())])
        with pytest.raises(AuditRefused):
            AuditHead.signed_by(data, KEYS)


@pytest.mark.parametrize("n", range(8))
def test_a_head_that_was_kept_is_passed_through(n):
    assert check(export(), KEYS, kept=[kept(n)]).last == 7


def test_a_log_that_was_written_anew_does_not_pass_through_a_head_that_was_kept():
    # By whoever has the list key: everything in the export fits.
    rewritten = [RECORDS[0], RECORDS[1].replace(b'"ok"', b'"no"'), *RECORDS[2:]]
    assert check(export(rewritten), KEYS).last == 7
    for n in range(2, 8):
        with pytest.raises(AuditRefused, match="another past"):
            check(export(rewritten), KEYS, kept=[kept(1), kept(n)])
    assert check(export(rewritten), KEYS, kept=[kept(1)]).last == 7


def test_a_head_that_the_records_do_not_lead_through_is_refused():
    shorter, later = export(RECORDS[:5]), export(gone=4)
    for lines, head_of_before in (
        (shorter, kept(6)),
        (later, kept(3)),
        (export(), kept(8, bytes(32))),
        (export(), kept(7, own_id=bytes(16))),
        (later, kept(4, bytes(32))),
    ):
        with pytest.raises(AuditRefused):
            check(lines, KEYS, kept=[head_of_before])
    assert check(later, KEYS, kept=[kept(4), kept(5)]).first == 5


@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(0, 7))
def test_whatever_comes_ends_in_an_answer_or_a_refusal(lines, kept_of_a_real_one):
    with suppress(ChaincredError):
        check(lines, KEYS)
    with suppress(ChaincredError):
        check([*export()[:kept_of_a_real_one], *lines], [*KEYS, WORKER.public_key])
