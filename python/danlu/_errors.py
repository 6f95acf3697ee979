"""What danlu raises."""


class Error(Exception):
    """Something cannot be done. The message says what, why, and what to do about it."""

    __module__ = "danlu"


class UsageError(Error):
    """Something was asked for that cannot be: a run id or a project name that cannot be used."""

    __module__ = "danlu"
