"""demo: the story ends as it is told."""

from pathlib import Path

from tests.cli.terminal import answer, ok, typed


def test_the_story_is_short_and_ends_as_told(desk):
    said = ok("demo")
    assert len(said.splitlines()) < 60
    assert "admitted: worker (exit code 0)" in said
    assert "caveat: hop 1: Tools wants files/read, given files/delete" in said
    assert "chaincred: revoked: " in said
    assert Path.cwd() == desk


def test_a_story_that_ends_otherwise_is_not_a_success(monkeypatch):
    monkeypatch.setattr("chaincred.cli.demo.STORY", (("Nothing.", "inspect nowhere", 0),))
    assert typed("demo").exit_code == 1
    said = answer("demo", exit_code=1)
    assert said["as_told"] is False
    assert said["story"][0]["steps"][0]["exit_code"] == 3
