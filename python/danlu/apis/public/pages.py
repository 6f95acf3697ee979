"""What wandb hands out page by page: lists that are read when they are used, and only as far as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, overload

T = TypeVar("T")


class Pages(Generic[T]):
    """A sequence that is read when it is used, page by page where what it comes from has pages."""

    def __init__(self, per_page: int = 50) -> None:
        self.per_page = per_page
        self._forget()

    def _forget(self) -> None:
        """Read anew when it is next used."""
        self._read: list[T] = []
        self._rest: Iterator[list[T]] | None = None
        self._is_whole = False
        self._next = 0

    def _load(self) -> list[T]:
        """Read all of them; each kind of pages does that its own way."""
        raise NotImplementedError

    def _load_pages(self) -> Iterator[list[T]]:
        """Read them page by page, where there are pages."""
        yield self._load()

    def _count(self) -> int | None:
        """Return how many there are, if that is known before all are read."""
        return None

    def _fill(self, count: int | None = None) -> None:
        """Read so many, or all."""
        while not self._is_whole and (count is None or len(self._read) < count):
            if self._rest is None:
                self._rest = self._load_pages()
            try:
                self._read += next(self._rest)
            except StopIteration:
                self._is_whole = True
            except BaseException:
                # The next use tries again.
                self._forget()
                raise

    @property
    def objects(self) -> list[T]:
        """All of them."""
        self._fill()
        return self._read

    @property
    def length(self) -> int:
        """How many there are."""
        return len(self)

    @property
    def more(self) -> bool:
        """Whether `next()` has more to give."""
        self._fill(self._next + 1)
        return self._next < len(self._read)

    @property
    def cursor(self) -> str | None:
        """The place of `next()`; None at the beginning."""
        return str(self._next) if self._next else None

    def load_page(self) -> bool:
        """Read one more page; say whether there was anything to read."""
        before = len(self._read)
        self._fill(before + 1)
        return len(self._read) > before

    def convert_objects(self) -> list[T]:
        """Return all of them."""
        return self.objects

    def __len__(self) -> int:
        if not self._is_whole:
            self._fill(1)
            count = self._count()
            if count is not None:
                return count
        return len(self.objects)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, place: int) -> T: ...
        @overload
        def __getitem__(self, place: slice) -> list[T]: ...

    def __getitem__(self, place: Any) -> Any:
        is_from_start = isinstance(place, int) and place >= 0
        self._fill(place + 1 if is_from_start else None)
        return self._read[place]

    def __iter__(self) -> Iterator[T]:
        at = 0
        while True:
            self._fill(at + 1)
            if at >= len(self._read):
                return
            yield self._read[at]
            at += 1

    def __next__(self) -> T:
        if not self.more:
            raise StopIteration
        self._next += 1
        return self._read[self._next - 1]

    next = __next__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)}>"
