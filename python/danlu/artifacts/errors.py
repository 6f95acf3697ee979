"""What goes wrong with artifacts."""

from __future__ import annotations

from .._errors import Error


class ArtifactStatusError(AttributeError):
    """An artifact is not in the state that something needs."""

    def __init__(self, message: str = "", name: str | None = None, obj: object = None) -> None:
        super().__init__(message)
        # Arguments of AttributeError from Python 3.10 on.
        self.name: str = name or ""
        self.obj = obj


class ArtifactNotLoggedError(ArtifactStatusError):
    """Something was asked for that an artifact has only after it was logged."""

    def __init__(self, attribute: str, artifact_name: str, failure: str | None = None) -> None:
        do = "call `run.log_artifact(artifact)` before"
        if failure is not None:
            do = f"it could not be stored: {failure}"
        super().__init__(
            f"`{attribute}` of artifact `{artifact_name}` is known only once it is logged: {do}", attribute
        )


class ArtifactFinalizedError(ArtifactStatusError):
    """A finished artifact was to be changed."""

    def __init__(self, attribute: str, artifact_name: str) -> None:
        super().__init__(
            f"`{attribute}` would change artifact `{artifact_name}`, which is finalized: "
            "make the change in `artifact.new_draft()`, or before it is logged",
            attribute,
        )


class WaitTimeoutError(Exception):
    """An artifact was not ready in time."""


class ArtifactNotFoundError(Error, ValueError):
    """There is no artifact, or no version, of a name."""


class ContentMissingError(Error):
    """No run of the directory has the bytes of an entry."""
