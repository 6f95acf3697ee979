"""Times as wandb writes them."""

from __future__ import annotations

import datetime


def iso(seconds: float) -> str:
    """Return a time in seconds since 1970-01-01 UTC as `2026-01-31T12:00:00Z`."""
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
