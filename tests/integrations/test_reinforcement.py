"""Stable-Baselines3 with gymnasium."""

from __future__ import annotations

import pytest
from conftest import Trainer


def test_stable_baselines3(train: Trainer) -> None:
    run = train("sb3_ppo", SDL_VIDEODRIVER="dummy")
    said = run.report["said"]
    assert "train/loss" in said
    for key, values in said.items():
        assert run.points(key) == [(step, pytest.approx(value, rel=1e-6)) for step, value in values], key
    config = run.config()
    assert (config["algo"], config["n_steps"], config["seed"]) == ("PPO", 64, 1)
    assert run.files()["model.zip"] == (run.directory / "models" / "model.zip").stat().st_size
    assert [key for key in run.keys() if key.startswith("gradients/")] != []
    [video] = run.series("videos")
    assert video["_type"] == "video-file"
