"""Tables of what the model predicts."""

from __future__ import annotations

import abc

from ...._session import current
from .._library import callbacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ....media.table import Table
    from .._library import Callback
else:
    Callback = callbacks().Callback


class WandbEvalCallback(Callback, abc.ABC):
    """Logs the ground truth when the training begins, and what the model predicts after every epoch.

    A subclass adds rows: to `data_table` in `add_ground_truth`, once, and to `pred_table` in
    `add_model_predictions`. `data_table_ref` is the table as it was logged; rows of `pred_table` refer to it.
    """

    def __init__(
        self, data_table_columns: list[str], pred_table_columns: list[str], *args: Any, **kwargs: Any
    ) -> None:
        """Take the columns of both tables. Raises `Error` if there is no run."""
        super().__init__(*args, **kwargs)
        self._run = current("WandbEvalCallback()")
        self.data_table_columns = data_table_columns
        self.pred_table_columns = pred_table_columns
        self.data_table_ref: Any = None

    @abc.abstractmethod
    def add_ground_truth(self, logs: dict[str, float] | None = None) -> None:
        """Add the rows of `data_table`."""

    @abc.abstractmethod
    def add_model_predictions(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Add the rows of `pred_table` for an epoch."""

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Log the ground truth."""
        self.init_data_table(column_names=self.data_table_columns)
        self.add_ground_truth(logs)
        self.log_data_table()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Log the predictions."""
        self.init_pred_table(column_names=self.pred_table_columns)
        self.add_model_predictions(epoch, logs)
        self.log_pred_table()

    def init_data_table(self, column_names: list[str]) -> None:
        """Begin the table of the ground truth."""
        self.data_table: Table = _table(column_names)

    def init_pred_table(self, column_names: list[str]) -> None:
        """Begin a table of predictions."""
        self.pred_table: Table = _table(column_names)

    def log_data_table(self, name: str = "val", type: str = "dataset", table_name: str = "val_data") -> None:  # noqa: A002
        """Log the table of the ground truth as an artifact that the run uses."""
        from ....artifacts import Artifact

        artifact = Artifact(name, type=type)
        artifact.add(self.data_table, table_name)
        self._run.use_artifact(artifact)
        artifact.wait()
        self.data_table_ref = artifact.get(table_name)

    def log_pred_table(
        self,
        type: str = "evaluation",  # noqa: A002
        table_name: str = "eval_data",
        aliases: list[str] | None = None,
    ) -> None:
        """Log the table of the predictions as a version of the artifact `run_<id>_pred`."""
        from ....artifacts import Artifact

        artifact = Artifact(f"run_{self._run.id}_pred", type=type)
        artifact.add(self.pred_table, table_name)
        self._run.log_artifact(artifact, aliases=aliases or ["latest"])


def _table(column_names: list[str]) -> Table:
    from ....media.table import Table

    return Table(columns=column_names, allow_mixed_types=True)
