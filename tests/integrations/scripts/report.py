"""Where the scripts write what the library itself says of its training."""

from __future__ import annotations

import json
from typing import Any


def report(**found: Any) -> None:
    with open("report.json", "w") as file:
        json.dump(found, file, default=float)
