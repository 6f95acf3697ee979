"""What wandb hands out page by page: here lists that are read when they are first used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, overload

T = TypeVar("T")


class Pages(Generic[T]):
    """A sequence that is read when it is first used."""

    def __init__(self, per_page: int = 50) -> None:
        self.per_page = per_page
        self._found: list[T] | None = None
        self._next = 0

    def _load(self) -> list[T]:
        """Read all of them; each kind of pages does that its own way."""
        raise NotImplementedError

    @property
    def objects(self) -> list[T]:
        """All of them."""
        if self._found is None:
            self._found = self._load()
        return self._found

    @property
    def length(self) -> int:
        """How many there are."""
        return len(self.objects)

    @property
    def more(self) -> bool:
        """Whether `next()` has more to give."""
        return self._next < len(self.objects)

    @property
    def cursor(self) -> str | None:
        """The place of `next()`; None at the beginning."""
        return str(self._next) if self._next else None

    def load_page(self) -> bool:
        """Read everything; say whether there was anything to read."""
        return self._found is None and bool(self.objects)

    def convert_objects(self) -> list[T]:
        """Return all of them."""
        return self.objects

    def __len__(self) -> int:
        return len(self.objects)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, place: int) -> T: ...
        @overload
        def __getitem__(self, place: slice) -> list[T]: ...

    def __getitem__(self, place: Any) -> Any:
        return self.objects[place]

    def __iter__(self) -> Iterator[T]:
        return iter(self.objects)

    def __next__(self) -> T:
        if not self.more:
            raise StopIteration
        self._next += 1
        return self.objects[self._next - 1]

    next = __next__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)}>"
