"""Reading runs back with wandb's interface: see `danlu.apis.public`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def __getattr__(name: str) -> Any:
    if name not in ("Api", "PublicApi", "InternalApi", "internal", "public"):
        raise AttributeError(f"module 'danlu.apis' has no attribute {name!r}")
    import importlib

    public = importlib.import_module(f"{__name__}.public")
    return public if name in ("internal", "public") else public.Api
