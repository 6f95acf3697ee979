"""Alerts are recorded, said, and told to people."""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path
from typing import Any

import danlu
import pytest
from conftest import Reader, Scripts
from danlu._alert import AlertLevel


def alerts(read: Reader, run: Any) -> list[tuple[str, str, str]]:
    rows = read.rows(run.file, "SELECT title, text, data FROM alerts")
    return [(title, text, json.loads(data)["level"]) for title, text, data in rows]


def test_an_alert_is_recorded_and_said(read: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    run = danlu.init(project="p")
    run.alert("loss", "it is NaN", AlertLevel.WARN)
    run.alert(title="epoch", text="")
    run.alert("end", "of disk", level="ERROR")
    run.finish()
    assert alerts(read, run) == [
        ("loss", "it is NaN", "WARN"),
        ("epoch", "", "INFO"),
        ("end", "of disk", "ERROR"),
    ]
    assert "danlu: WARN: loss: it is NaN\n" in capsys.readouterr().err


def test_an_alert_does_nothing_to_the_terminal(read: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    bad = "a\x07\x1b[2J\x9b2J\rb\t\ndanlu: forged" + "".join(
        map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
    )
    bad += "\u200e\u200f\u061c"
    run = danlu.init(project="p")
    capsys.readouterr()
    run.alert(bad, bad)
    said = capsys.readouterr().err
    run.finish()
    assert alerts(read, run) == [(bad, bad, "INFO")], "it is stored as it is"
    shown = "a\ufffd\ufffd[2J\ufffd2J\ufffdb ⏎danlu: forged" + 12 * "\ufffd"
    assert said == f"danlu: INFO: {shown}: {shown}\n"


def test_the_same_title_is_not_repeated_too_soon(read: Reader) -> None:
    run = danlu.init(project="p")
    for n in range(3):
        run.alert("loss", str(n))
        run.alert("other", str(n), wait_duration=datetime.timedelta(hours=1))
        run.alert("always", str(n), wait_duration=0)
    run.finish()
    assert [(title, text) for title, text, _ in alerts(read, run)] == [
        ("loss", "0"),
        ("other", "0"),
        ("always", "0"),
        ("always", "1"),
        ("always", "2"),
    ]


@pytest.mark.parametrize("level", ["info", "FATAL", 3, object()])
def test_another_level_is_refused(level: Any) -> None:
    run = danlu.init(project="p")
    with pytest.raises(ValueError, match="level must be one of 'INFO', 'WARN', or 'ERROR'"):
        run.alert("x", "y", level)


def test_another_duration_is_refused() -> None:
    run = danlu.init(project="p")
    with pytest.raises(ValueError, match="wait_duration"):
        run.alert("x", "y", wait_duration="soon")  # type: ignore[arg-type]


def test_people_are_told_at_once_and_not_again_by_sync(scripts: Scripts, tmp_path: Path) -> None:
    done = scripts.run(
        """
        import danlu
        run = danlu.init(project="p")
        run.alert("loss", "it is NaN; rm -rf $HOME", "WARN")
        """,
        DANLU_ALERT_COMMAND='echo "$DANLU_ALERT_LEVEL $DANLU_ALERT_TITLE: $DANLU_ALERT_TEXT" >> told',
    )
    assert "cannot be told" not in done.stderr
    assert (tmp_path / "told").read_text() == "WARN loss: it is NaN; rm -rf $HOME\n"
    assert "loss" in scripts.danlu("alerts").stdout


def test_who_cannot_be_told_now_is_told_by_sync(
    scripts: Scripts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = scripts.run(
        """
        import danlu
        run = danlu.init(project="p")
        run.alert("one", "")
        run.alert("two", "")
        run.finish()
        """,
        DANLU_ALERT_COMMAND="test -e network && echo $DANLU_ALERT_TITLE >> told",
    )
    assert done.stderr.count("People cannot be told of an alert") == 1, done.stderr
    monkeypatch.setenv("DANLU_ALERT_COMMAND", "test -e network && echo $DANLU_ALERT_TITLE >> told")
    (tmp_path / "network").touch()
    for _ in range(2):
        assert scripts.danlu("sync", "./remote").returncode == 0
    assert sorted((tmp_path / "told").read_text().split()) == ["one", "two"]


def test_a_run_that_writes_nothing_alerts_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DANLU_ALERT_COMMAND", f"touch {tmp_path}/told; {sys.executable} -c 1")
    run = danlu.init(mode="disabled")
    run.alert("x", "y")
    run.finish()
    assert not (tmp_path / "told").exists()
