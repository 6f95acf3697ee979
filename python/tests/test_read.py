"""Reading runs back."""

from __future__ import annotations

import math
import pathlib

import danlu
import pytest


def test_a_spike_is_in_every_chart(tmp_path: pathlib.Path) -> None:
    with danlu.init(project="p", dir=tmp_path) as run:
        for n in range(10_000):
            run.log({"loss": 50.0 if n == 7_777 else 1.0, "epoch": n / 100})
        run.log({"loss": math.nan})
        run.log({"loss": math.inf})
    for given in run, run.file, run.id, "latest":
        assert given is not None
        chart = danlu.envelope(given, "loss", columns=100, dir=tmp_path)
        assert len(chart["x_min"]) == 100
        assert sum(chart["count"]) == 10_000
        assert (sum(chart["nan"]), sum(chart["inf"])) == (1, 1)
        (spike,) = (n for n, most in enumerate(chart["max"]) if most == 50.0)
        assert chart["x_min"][spike] <= 7_777 <= chart["x_max"][spike]
    zoomed = danlu.envelope(run, "loss", x="epoch", x_range=(77.7, 77.8), columns=5)
    assert max(zoomed["max"]) == 50.0
    assert sum(zoomed["count"]) == 11
    seconds = danlu.envelope(run, "loss", x="_timestamp")
    assert seconds["x_min"] == sorted(seconds["x_min"])
    assert sum(seconds["count"]) == 10_000


def test_what_cannot_be_drawn_is_said(tmp_path: pathlib.Path) -> None:
    with danlu.init(project="p", dir=tmp_path) as run:
        run.log({"loss": 1.0})
    assert danlu.envelope(run, "none")["x_min"] == []
    with pytest.raises(danlu.UsageError, match="0 columns"):
        danlu.envelope(run, "loss", columns=0)
    for columns in -1, 1 << 70, "many", None:
        with pytest.raises(danlu.UsageError, match="`columns` is"):
            danlu.envelope(run, "loss", columns=columns)  # type: ignore[arg-type]
    for part in (None, 5), (1, 2, 3), 7, "ab":
        with pytest.raises(danlu.UsageError, match="`x_range` is"):
            danlu.envelope(run, "loss", x_range=part)  # type: ignore[arg-type]
    with pytest.raises(danlu.UsageError, match="from 2 to 1"):
        danlu.envelope(run, "loss", x_range=(2, 1))
    with pytest.raises(danlu.UsageError, match="not stored"), danlu.init(mode="disabled") as disabled:
        danlu.envelope(disabled, "loss")
    with pytest.raises(danlu.Error, match="There is no run `nothing`"):
        danlu.envelope("nothing", "loss", dir=tmp_path)
