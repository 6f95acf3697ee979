"""Getting stored files back."""

from __future__ import annotations

from pathlib import Path

import danlu
import pytest
from danlu._restore import restore


def test_of_the_current_run(workdir: Path) -> None:
    (workdir / "sub").mkdir()
    (workdir / "sub" / "m.txt").write_text("stored")
    with danlu.init() as run:
        run.save("sub/m.txt", policy="now")
        (workdir / "sub" / "m.txt").write_text("changed")
        with run.restore("sub/m.txt") as file:  # type: ignore[union-attr]
            assert file.read() == "changed"
        with run.restore("sub/m.txt", replace=True) as file:  # type: ignore[union-attr]
            assert file.read() == "stored"
        with restore("sub/m.txt", root=str(workdir / "out")) as file:  # type: ignore[union-attr]
            assert file.read() == "stored"
        assert (workdir / "out" / "sub" / "m.txt").read_text() == "stored"
        with pytest.raises(ValueError, match=rf"File nothing not found in run uncategorized/{run.id}"):
            run.restore("nothing")


def test_of_another_run(workdir: Path) -> None:
    (workdir / "m.txt").write_text("stored")
    with danlu.init(project="p", entity="team", id="old") as run:
        run.save("m.txt", policy="now")
    (workdir / "m.txt").unlink()
    for path in ("old", "p/old", "team/p/old", "/team/p/old"):
        with restore("m.txt", run_path=path, replace=True) as file:  # type: ignore[union-attr]
            assert file.read() == "stored"
    with danlu.init(project="q") as run:
        with run.restore("m.txt", "p/old", replace=True) as file:  # type: ignore[union-attr]
            assert file.read() == "stored"
        for path in ("p/other", "q/old"):
            with pytest.raises(ValueError, match=f"There is no run `{path}`"):
                run.restore("m.txt", path, replace=True)


def test_names_that_lead_elsewhere(workdir: Path) -> None:
    with danlu.init() as run:
        for name in ("../m", "/etc/passwd", "a/../../b", ""):
            with pytest.raises(ValueError, match="it would be written elsewhere"):
                run.restore(name)


def test_without_a_run_and_disabled(workdir: Path) -> None:
    with pytest.raises(ValueError, match="run_path required"):
        restore("m.txt")
    with danlu.init(mode="disabled") as run:
        assert run.restore("m.txt") is None
        (workdir / "m.txt").write_text("local")
        with run.restore("m.txt") as file:  # type: ignore[union-attr]
            assert file.read() == "local"


def test_a_file_that_cannot_be_read_back_leaves_none(workdir: Path) -> None:
    content = b"0123456789" * 1000
    (workdir / "m.bin").write_bytes(content)
    with danlu.init(id="old") as run:
        run.save("m.bin", policy="now")
    data = bytearray(Path(str(run.file)).read_bytes())
    place = data.find(content[:500])
    assert place > 0
    data[place + 100] ^= 1
    Path(str(run.file)).write_bytes(data)
    (workdir / "m.bin").unlink()
    with pytest.raises(danlu.Error, match=r"Cannot restore `m.bin` of run old"):
        restore("m.bin", "old")
    assert not (workdir / "m.bin").exists()
