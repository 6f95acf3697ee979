"""What the callbacks of several libraries do with a model that is trained."""

from __future__ import annotations

import os

from .._say import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Callable

    from .._run import Run


def log_importance(run: Run, features: Callable[[], Iterable[tuple[str, float]]]) -> None:
    """Log a bar chart of how important each feature is, with the row that is logged next. Never raises.

    `features` is asked for them: not every model can say it.
    """
    try:
        from .. import plot
        from ..media.table import Table

        data = [[name, float(importance)] for name, importance in features()]
        table = Table(columns=["Feature", "Importance"], data=data)
        chart = plot.bar(table, "Feature", "Importance", title="Feature Importance")
        run.log({"Feature Importance": chart}, commit=False)
    except Exception as e:
        run._lose(f"The importance of the features is not logged: {type(e).__name__}: {text_of(e)}")


def log_model(run: Run, name: str, file_name: str, write: Callable[[str], object]) -> None:
    """Store a model as an artifact of the type `model`; `write` makes its file. Never raises."""
    try:
        import tempfile

        from ..artifacts import Artifact

        with tempfile.TemporaryDirectory(prefix="danlu-") as directory:
            path = os.path.join(directory, file_name)
            write(path)
            artifact = Artifact(name, type="model")
            artifact.add_file(path, name=file_name)
            run.log_artifact(artifact, aliases=["latest"])
    except Exception as e:
        run._lose(f"The model is not stored: {type(e).__name__}: {text_of(e)}")
