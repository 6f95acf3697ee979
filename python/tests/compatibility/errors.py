"""Errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, wandb

errors = Topic("Errors")
TOPICS = [errors]


@errors.yes("Error(message, context)", "UsageError(message, context)")
def _() -> None:
    error = wandb.Error("message", context={"a": 1})
    assert (error.message, error.context, str(error)) == ("message", {"a": 1}, "message")
    with pytest.raises(wandb.Error):
        wandb.init(id="a/b")
    assert issubclass(wandb.UsageError, wandb.Error)
    assert wandb.errors.Error is wandb.Error


@errors.yes(
    "CommError(msg, exc)",
    "errors.AuthenticationError",
    "errors.UnsupportedError",
    "errors.WandbCoreNotAvailableError",
)
def _() -> None:
    cause = ValueError("why")
    error = wandb.errors.AuthenticationError("message", cause)
    assert isinstance(error, wandb.CommError)
    assert error.exc is cause
    assert issubclass(wandb.errors.UnsupportedError, wandb.UsageError)
    assert issubclass(wandb.errors.WandbCoreNotAvailableError, wandb.Error)


@errors.yes("errors.ConfigError")
def _(run: Any) -> None:
    with pytest.raises(wandb.sdk.lib.config_util.ConfigError):
        run.config.lr = 5
    assert wandb.sdk.lib.config_util.ConfigError is wandb.errors.ConfigError


@errors.yes(
    "errors.LogError",
    "errors.MultiprocessError",
    "errors.RequireError",
    "errors.ExecutionError",
    "errors.DockerError",
    "errors.LaunchError",
    "errors.SweepError",
    note="To be caught; danlu raises none of them.",
)
def _(name: str) -> None:
    assert issubclass(getattr(wandb.errors, name), wandb.Error)


@errors.yes(
    "sdk.artifacts.exceptions.ArtifactStatusError",
    "sdk.artifacts.exceptions.ArtifactNotLoggedError",
    "sdk.artifacts.exceptions.ArtifactFinalizedError",
    "sdk.artifacts.exceptions.WaitTimeoutError",
)
def _(artifact: Any, workdir: Path) -> None:
    exceptions = wandb.sdk.artifacts.exceptions
    with pytest.raises(exceptions.ArtifactNotLoggedError):
        wandb.Artifact("a", type="t").version  # noqa: B018
    with pytest.raises(exceptions.ArtifactFinalizedError):
        artifact.add_file("data.csv", name="again")
    assert issubclass(exceptions.ArtifactStatusError, AttributeError)
    assert issubclass(exceptions.WaitTimeoutError, Exception)


@errors.yes("apis.public.RunNotFoundError", "apis.public.IncompleteRunHistoryError")
def _() -> None:
    with pytest.raises(wandb.apis.public.RunNotFoundError) as caught:
        wandb.Api().run("p/none")
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, wandb.CommError)
    with wandb.init(project="p", id="r") as run:
        run.log({"a": 1})
        run.flush()
        with pytest.raises(wandb.apis.public.IncompleteRunHistoryError):
            wandb.Api().run("p/r").download_history_exports("out")
