"""What the callbacks of several libraries do with a model that is trained."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Callable

    from .._run import Run


def log_importance(run: Run, features: Iterable[tuple[str, float]]) -> None:
    """Log a bar chart of how important each feature is, with the row that is logged next."""
    from .. import plot
    from ..media.table import Table

    data = [[name, float(importance)] for name, importance in features]
    table = Table(columns=["Feature", "Importance"], data=data)
    chart = plot.bar(table, "Feature", "Importance", title="Feature Importance")
    run.log({"Feature Importance": chart}, commit=False)


def log_model(
    run: Run,
    name: str,
    file_name: str,
    write: Callable[[str], object],
    aliases: Sequence[str] = (),
    metadata: dict[str, Any] | None = None,
) -> None:
    """Store a model as an artifact of the type `model`, from a file that `write` makes of a path."""
    import tempfile

    from ..artifacts import Artifact

    with tempfile.TemporaryDirectory(prefix="danlu-") as directory:
        path = os.path.join(directory, file_name)
        write(path)
        artifact = Artifact(name, type="model", metadata=metadata)
        if os.path.isdir(path):
            artifact.add_dir(path, name=file_name)
        else:
            artifact.add_file(path, name=file_name)
        run.log_artifact(artifact, aliases=["latest", *aliases])
