"""Where runs go that cannot be written where they should be: to the directory for temporary files."""

from __future__ import annotations

import os


def of(origin: str) -> str:
    """Return the place for runs of a directory. Others have others: ids of their runs may be the same."""
    import contextlib
    import hashlib
    import tempfile

    # The working directory may be gone.
    with contextlib.suppress(OSError):
        origin = os.path.abspath(origin)
    part = hashlib.sha256(origin.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return os.path.join(tempfile.gettempdir(), f"danlu-{os.getuid()}", part)


def make(origin: str) -> str:
    """Make that place, and return it."""
    directory = of(origin)
    ours = os.path.dirname(directory)
    os.makedirs(ours, mode=0o700, exist_ok=True)
    # Anybody can make a directory of that name, or a link to one of ours.
    if os.path.islink(ours) or os.lstat(ours).st_uid != os.getuid():
        raise PermissionError(f"`{ours}` belongs to somebody else")
    os.makedirs(directory, exist_ok=True)
    return directory


def runs(origin: str) -> int:
    """Count the files of runs that are in that place."""
    try:
        names = os.listdir(os.path.join(of(origin), "wandb"))
    except OSError:
        return 0
    return sum(name.startswith("run-") and name.endswith(".sqlite") for name in names)
