"""The trainer of transformers, and accelerate."""

from __future__ import annotations

import pytest
from conftest import Trainer


@pytest.mark.parametrize("finish", [True, False])
def test_transformers(train: Trainer, finish: bool) -> None:
    run = train(
        "transformers_trainer",
        *(["finish"] if finish else []),
        WANDB_LOG_MODEL="checkpoint",
        WANDB_WATCH="all",
    )
    history = run.report["history"]
    losses = [row["loss"] for row in history if "loss" in row]
    assert run.series("train/loss") == pytest.approx(losses)
    assert run.series("eval/loss") == pytest.approx(
        [row["eval_loss"] for row in history if "eval_loss" in row]
    )
    logged = [step for step in run.series("train/global_step") if step]
    assert sorted(set(logged)) == sorted({row["step"] for row in history})
    config = run.config()
    assert config["vocab_size"] == 50
    assert config["per_device_train_batch_size"] == 8
    assert run.metrics()["*"]["step_metric"] == "train/global_step"
    assert run.rows("SELECT name, project FROM run") == [("tiny", "huggingface")]
    names = sorted(name.partition(":")[0] for name in run.artifacts())
    assert names == ["checkpoint-tiny", "checkpoint-tiny", "model-tiny"]


def test_accelerate(train: Trainer) -> None:
    run = train("accelerate_loop")
    assert run.points("loss") == [(n * 10, loss) for n, loss in enumerate(run.report["losses"])]
    assert run.config()["lr"] == 0.1
    [(step, pictures)] = run.points("pictures")
    assert (step, pictures["count"]) == (50, 2)
    [(step, rows)] = run.points("rows")
    assert (step, rows["nrows"]) == (60, 1)
    assert run.rows("SELECT name, project FROM run") == [("tiny", "accelerate")]
