"""Checkpoints of the model."""

from __future__ import annotations

import os

from ...._say import text_of
from ...._session import current
from .._library import callbacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._library import ModelCheckpoint
else:
    ModelCheckpoint = callbacks().ModelCheckpoint


class WandbModelCheckpoint(ModelCheckpoint):
    """Saves the model as Keras's `ModelCheckpoint` does, and every saved one as a version of an artifact.

    The artifact is `run_<id>_model`, of the type `model`; a version has the aliases `latest` and
    `epoch_<n>`, with `save_freq` a number `epoch_<n>_batch_<m>`, and with `save_best_only` `best`.
    """

    def __init__(self, filepath: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Take what `ModelCheckpoint` takes. Raises `Error` if there is no run."""
        super().__init__(os.fspath(filepath), *args, **kwargs)
        self._run = current("WandbModelCheckpoint()")

    def _save_model(self, epoch: int, batch: int | None, logs: dict[str, Any] | None) -> None:
        path = str(self._get_file_path(epoch, batch, logs or {}))
        before = _state(path)
        super()._save_model(epoch=epoch, batch=batch, logs=logs)
        # It may not be the best so far; and Keras 2 writes weights to several files, one of them an index.
        saved = path if os.path.exists(path) else f"{path}.index"
        if _state(path) == before or not os.path.exists(saved):
            return
        aliases = [f"epoch_{epoch}" if batch is None else f"epoch_{epoch}_batch_{batch}"]
        if self.save_best_only:
            aliases.append("best")
        try:
            self._log_artifact(path, aliases)
        except Exception as e:
            self._run._lose(f"The model `{path}` is no artifact: {type(e).__name__}: {text_of(e)}")

    def _log_artifact(self, path: str, aliases: list[str]) -> None:
        import glob

        from ....artifacts import Artifact

        artifact = Artifact(f"run_{self._run.id}_model", type="model")
        if os.path.isdir(path):
            artifact.add_dir(path)
        elif os.path.isfile(path):
            artifact.add_file(path)
        else:
            for part in glob.glob(f"{glob.escape(path)}.*"):
                artifact.add_file(part)
        self._run.log_artifact(artifact, aliases=["latest", *aliases])


def _state(path: str) -> list[tuple[str, int, int]]:
    """Return what tells whether a file was written, or the files that begin with its name."""
    import glob

    found = []
    for part in sorted({path, *glob.glob(f"{glob.escape(path)}*")}):
        if os.path.exists(part):
            state = os.stat(part)
            found.append((part, state.st_mtime_ns, state.st_ino))
    return found
