"""Values and arguments that nobody should give: what is said of them, and that training goes on."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import danlu
import numpy as np
import pytest
from conftest import Reader, Scripts
from stored import log_one


def _circular() -> dict[str, Any]:
    tree: dict[str, Any] = {"lr": 0.1}
    tree["self"] = [tree]
    return tree


def _deep() -> list[Any]:
    nested: list[Any] = []
    for _ in range(5000):
        nested = [nested]
    return nested


class Unreadable(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        raise OSError("the disk is gone")

    def __iter__(self) -> Any:
        return iter(("a",))

    def __len__(self) -> int:
        return 1


class Hostile:
    """Its class cannot be asked for, nor its text."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("no class")

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("value", [_circular(), _deep()], ids=["circular", "deep"])
def test_config_of_endless_values_is_not_stored(
    value: object, read: Reader, capfd: pytest.CaptureFixture[str]
) -> None:
    with danlu.init(config={"before": 1, "bad": value}) as run:
        run.config["again"] = value
        run.config.update({"more": value}, allow_val_change=True)
        run.config.after = 2
        run.pin_config_keys(["before"])
        path = run.file
    stored = read.table(path, "config")
    assert stored["before"] == 1
    assert stored["after"] == 2
    assert "bad" not in stored
    assert "value of `bad` is not stored" in capfd.readouterr().err


def test_changed_config_says_what_it_can() -> None:
    with danlu.init(config={"a": "x" * 10_000}) as run:
        with pytest.raises(danlu.Error, match=r'value of key "a" from x+… to <Hostile whose text'):
            run.config["a"] = Hostile()
        key: Any = Hostile()
        run.config[key] = 1


def test_summary_key_without_utf8(read: Reader) -> None:
    with danlu.init() as run:
        run.summary["\ud800"] = 1
        assert run.summary.get("\ud800") == 1
        assert run.summary["\ud800"] == 1
        path = run.file
    assert read.table(path, "summary") == {"\\ud800": 1}


def test_summary_takes_no_path(capfd: pytest.CaptureFixture[str]) -> None:
    with danlu.init() as run:
        run.summary.update("results.yaml")
    assert "The summary cannot be updated: it takes keys with values, not `str`" in capfd.readouterr().err


def test_row_that_cannot_be_read(capfd: pytest.CaptureFixture[str]) -> None:
    rows: list[Any] = [Unreadable(), Hostile()]
    with danlu.init() as run:
        for row in rows:
            run.log(row)
    err = capfd.readouterr().err
    assert "A row is not stored: `Unreadable` raised OSError: the disk is gone" in err
    assert "A row is not stored: `Hostile` raised RuntimeError: no class" in err


def test_metric_name_without_utf8(read: Reader) -> None:
    with danlu.init() as run:
        run.define_metric("\ud800", summary="max")
        for value in (1, 3, 2):
            run.log({"\ud800": value})
        path = run.file
    assert read.table(path, "summary")["\\ud800.max"] == 3


def test_tags_that_cannot_be_iterated(capfd: pytest.CaptureFixture[str]) -> None:
    class Tags(list[str]):
        def __iter__(self) -> Any:
            raise RuntimeError("no")

    with danlu.init() as run:
        run.tags = Tags()
    assert "`tags` takes a list of texts, not `Tags`" in capfd.readouterr().err


def test_config_keys_are_a_list() -> None:
    keys: Any = 5
    with pytest.raises(danlu.UsageError, match="`config_exclude_keys` takes a list of keys, not `int`"):
        danlu.init(config={}, config_exclude_keys=keys)
    with danlu.init(config={"lr": 1, "l": 2, "r": 3}, config_exclude_keys="lr") as run:
        assert run.config.as_dict() == {"l": 2, "r": 3}


def test_registered_model_has_a_name(tmp_path: Any) -> None:
    name: Any = 5
    with danlu.init() as run, pytest.raises(TypeError, match="a registered model is a text, not `int`"):
        run.link_model(tmp_path, name)


@pytest.mark.parametrize(
    ("caption", "text"), [(7, "7"), (0.5, "0.5"), (np.int64(3), "3"), (np.array(2), "2")], ids=repr
)
def test_a_caption_that_is_a_number(caption: Any, text: str, read: Reader) -> None:
    found, _ = log_one(read, danlu.Image(np.zeros((4, 4)), caption=caption))
    assert found["caption"] == text


def test_a_picture_that_is_a_bomb(workdir: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    (workdir / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IEND", b""))
    with pytest.raises(ValueError, match=r"cannot be made of `bomb\.png`: .*MAX_IMAGE_PIXELS = None"):
        danlu.Image("bomb.png")


def test_points_of_long_doubles(read: Reader) -> None:
    found, _ = log_one(read, danlu.Object3D(np.ones((4, 3), np.longdouble)))
    assert found["_type"] == "object3D-file"


def test_a_sample_rate_that_no_file_has_room_for() -> None:
    with pytest.raises(ValueError, match='"sample_rate" of Audio must be at most 33554431'):
        danlu.Audio(np.zeros(10), sample_rate=2**40)


def test_what_is_no_sequence() -> None:
    number: Any = 5
    with pytest.raises(TypeError, match="Histogram takes a sequence of numbers, not `int`"):
        danlu.Histogram(number)
    with pytest.raises(TypeError, match="Classes takes a list of dicts, not `int`"):
        danlu.Classes(number)


def test_a_sweep_without_parameters_starts_no_run(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", "missing.yaml")
    with pytest.raises(danlu.Error, match=r"There is no config file `missing\.yaml`"):
        danlu.init()
    assert not (workdir / "wandb").exists()


def test_metadata_that_contains_itself() -> None:
    with pytest.raises(ValueError, match=r"Artifact metadata must be JSON: .*it contains itself"):
        danlu.Artifact("a", "t", metadata=_circular())


def test_aliases_are_a_list() -> None:
    artifact, aliases = danlu.Artifact("a", "t"), 5
    with danlu.init() as run, pytest.raises(TypeError, match="Aliases are a list of texts, not `int`"):
        run.log_artifact(artifact, aliases=aliases)  # type: ignore[arg-type]


def test_a_warning_of_the_core_does_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    os.mkfifo("exe.\u202egpj")
    with danlu.init(project="p") as run:
        run.save("exe.\u202egpj")
    assert "/exe.\ufffdgpj`: it is a named pipe" in capfd.readouterr().err


def test_names_that_no_entry_can_have_are_left_out(workdir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (workdir / "data").mkdir()
    for name in (b"data/good.py", b"data/new\nline.py", b"data/\xff.py"):
        Path(os.fsdecode(name)).write_text("1")
    artifact = danlu.Artifact("a", "t")
    artifact.add_dir("data")
    assert list(artifact.manifest.entries) == ["good.py"]
    with danlu.init() as run:
        code = run.log_code("data")
        assert code is not None
        assert list(code.manifest.entries) == ["good.py"]
    err = capfd.readouterr().err
    assert "It leaves out 'data/new\\nline.py': Artifact `a` cannot have an entry named" in err
    assert "The code leaves out" in err


def test_artifacts_that_another_program_recorded_wrongly(workdir: Path) -> None:
    wrong: dict[str, Any] = {
        "type": 5,
        "version": None,
        "aliases": 5,
        "tags": [1],
        "metadata": [],
        "time": "now",
    }
    with danlu.init(project="p") as run:
        for number, data in enumerate(("[]", "5", "not JSON", "{}", json.dumps({**wrong, "manifest": 5}))):
            run._event("artifact", f"junk{number}:v0", "made", data)
            run._event("artifact", f"junk{number}:v0", "changed", data)
        sha256, size = run._put("held", b"evil")
        for name in ("../../evil", "/tmp/evil", "a/../../evil"):
            entry = {name: {"digest": "x", "sha256": sha256, "size": size, "run": run.id}}
            data = json.dumps({"type": "t", "version": "v0", "project": "p", "manifest": entry})
            run._event("artifact", f"evil{len(name)}:v0", "made", data)
    with danlu.init(project="p") as run:
        artifact = danlu.Artifact("good", "t")
        with artifact.new_file("x") as file:
            file.write("1")
        assert run.log_artifact(artifact).wait().version == "v0"
        assert run.use_artifact("good:v0").download("d") == "d"
        for name in ("../../evil", "/tmp/evil", "a/../../evil"):
            with pytest.raises((ValueError, danlu.Error)):
                run.use_artifact(f"evil{len(name)}:v0").download("d")
    assert [path.name for path in (workdir / "d").rglob("*")] == ["x"]
    assert not (workdir.parent / "evil").exists()


def test_a_config_file_that_is_nested_too_deep(workdir: Path) -> None:
    (workdir / "deep.yaml").write_text("x: " + "[" * 3000 + "]" * 3000)
    with pytest.raises(danlu.Error, match=r"The config file `deep\.yaml` is no YAML"):
        danlu.init(config="deep.yaml")


def test_what_is_missing_is_said(scripts: Scripts) -> None:
    done = scripts.run(
        """
        import sys

        class Blocking:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("PIL", "numpy", "pandas"):
                    raise ImportError(f"no {name}")

        sys.meta_path.insert(0, Blocking())
        import danlu
        with danlu.init() as run:
            for make in (lambda: danlu.Image("x.png"), lambda: danlu.Histogram([1])):
                try:
                    run.log({"x": make()})
                except danlu.Error as e:
                    print(e)
            run.log({"loss": 1})
        print(len(danlu.Api().run(run.path).history()))
        """
    )
    assert done.returncode == 0, done.stderr
    assert "pip install pillow" in done.stdout
    assert "pip install numpy" in done.stdout
    assert done.stdout.endswith("1\n")


def test_the_directory_of_the_code_is_gone(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workdir / "gone").mkdir()
    with danlu.init() as run:
        monkeypatch.chdir(workdir / "gone")
        (workdir / "gone").rmdir()
        assert run.log_code() is None
        monkeypatch.chdir(workdir)
