"""Making runs of what was written for TensorBoard."""

from __future__ import annotations

from ..._session import init
from .errors import NotFoundError


def read_in(root: str, directory: str, run_id: str | None, project: str, entity: str | None) -> str:
    """Make a run of the event files below a directory, each value at its own step and time; return its id."""
    from ...integration.tensorboard.follower import Follower, event_files
    from ...integration.tensorboard.sync import Sync

    if not event_files(root):
        raise NotFoundError(f"There are no event files of TensorBoard below `{root}`")
    with init(project=project, entity=entity, id=run_id, dir=directory, reinit="create_new") as run:
        follower = Follower(Sync(run, root))
        follower.add(root, lambda _: True, root)
        follower.stop()
    return run.id
