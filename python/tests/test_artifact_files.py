"""Contents of artifacts: what is added, where its bytes are, and how they come back."""

from __future__ import annotations

import contextlib
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import danlu
import pytest
from conftest import Reader, Scripts
from danlu.artifacts import Artifact, ContentMissingError, catalog

MIB = 1 << 20


def logged(run: danlu.Run, *files: Path, name: str = "cells") -> Artifact:
    artifact = Artifact(name, "dataset")
    for file in files:
        artifact.add_file(file)
    return run.log_artifact(artifact)


def contents(root: str | Path) -> dict[str, str]:
    return {str(file.relative_to(root)): file.read_text() for file in Path(root).rglob("*") if file.is_file()}


def stored(read: Reader, run: danlu.Run) -> list[str]:
    return [path for (path,) in read.rows(run.file, "SELECT path FROM files ORDER BY path")]


def test_bytes_are_files_of_the_run(workdir: Path, read: Reader) -> None:
    (workdir / "sub").mkdir()
    (workdir / "a").write_text("one")
    (workdir / "sub" / "b").write_text("two")
    with danlu.init() as run:
        artifact = Artifact("cells", "dataset")
        artifact.add_file("a", name="x/a")
        artifact.add_dir("sub", name="y")
        run.log_artifact(artifact)
    assert stored(read, run) == ["artifact/cells/v0/x/a", "artifact/cells/v0/y/b"]
    assert contents(artifact.download()) == {"x/a": "one", "y/b": "two"}


def test_a_content_is_stored_once_in_a_directory(workdir: Path, read: Reader) -> None:
    big = os.urandom(4 * MIB)
    (workdir / "big").write_bytes(big)
    with danlu.init(project="p") as first:
        logged(first, workdir / "big")
    (workdir / "small").write_text("new")
    with danlu.init(project="p") as second:
        artifact = logged(second, workdir / "big", workdir / "small")
        assert artifact.version == "v1"
        assert artifact.manifest.entries["big"].run == first.id
        assert artifact.manifest.entries["small"].run == second.id
        assert Path(artifact.get_entry("big").download()).read_bytes() == big
    # Whoever saved it: a file of a run is a content too.
    (workdir / "other").write_bytes(saved := os.urandom(4 * MIB))
    with danlu.init(project="q") as third:
        third.save("other", policy="now")
    with danlu.init(project="r") as fourth:
        assert logged(fourth, workdir / "other").manifest.entries["other"].run == third.id
        assert Path(fourth.use_artifact("cells").file()).read_bytes() == saved
    assert os.path.getsize(str(first.file)) > 4 * MIB
    assert os.path.getsize(str(second.file)) < MIB
    assert os.path.getsize(str(fourth.file)) < MIB
    assert stored(read, second) == ["artifact/cells/v1/small"]
    assert stored(read, fourth) == []


def test_two_thousand_files(workdir: Path, read: Reader) -> None:
    (workdir / "many").mkdir()
    for n in range(2000):
        (workdir / "many" / f"{n}.txt").write_text(f"file {n % 1999}")
    # What patterns leave out of `save` is in an artifact all the same.
    (workdir / ".wandbignore").write_text("*7.txt\n")
    with danlu.init() as run:
        artifact = Artifact("many", "dataset")
        artifact.add_dir("many")
        run.log_artifact(artifact)
        assert run.lost == 0
        root = run.use_artifact("many").download()
        assert contents(root) == contents(workdir / "many")
    # One content is there twice, and the manifest is a file too.
    assert len(stored(read, run)) == 2000
    assert read.rows(run.file, "SELECT count(*) FROM blob") == [(2000,)]


def test_a_large_manifest_is_a_file(workdir: Path, read: Reader) -> None:
    artifact = Artifact("refs", "dataset")
    for n in range(6000):
        artifact.add_reference(f"s3://bucket/{'k' * 80}/{n}", name=f"{n}")
    with danlu.init() as run:
        run.log_artifact(artifact)
        assert len(run.use_artifact("refs").manifest.entries) == 6000
    assert stored(read, run) == ["artifact/refs/v0.manifest.json"]


def test_mutable_files_may_change_and_go(workdir: Path) -> None:
    (workdir / "a").write_bytes(b"1" * 2 * MIB)
    artifact = Artifact("cells", "dataset")
    artifact.add_file("a")
    (workdir / "a").write_bytes(b"2" * 2 * MIB)
    (workdir / "a").unlink()
    with danlu.init() as run:
        run.log_artifact(artifact)
        assert Path(run.use_artifact("cells").file()).read_bytes() == b"1" * 2 * MIB
    # The private copies are gone.
    assert sorted(path.name for path in (workdir / "wandb").iterdir() if path.is_dir()) == []


def test_immutable_files_must_stay_as_they_are(workdir: Path) -> None:
    for name in ("same", "changed", "gone"):
        (workdir / name).write_bytes(name.encode() * MIB)
    with danlu.init() as run:
        artifacts = []
        for name in ("same", "changed", "gone"):
            artifact = Artifact(name, "dataset")
            artifact.add_file(name, policy="immutable")
            artifacts.append(artifact)
        (workdir / "changed").write_bytes(b"x" * 7 * MIB)
        (workdir / "gone").unlink()
        run.log_artifact(artifacts[0])
        assert Path(run.use_artifact("same").file()).read_bytes() == b"same" * MIB
        with pytest.raises(
            ValueError, match=r"`changed` cannot be stored: .* has changed since it was added"
        ):
            run.log_artifact(artifacts[1])
        with pytest.raises(ValueError, match=r"`gone` cannot be stored: .* is not any more"):
            run.log_artifact(artifacts[2])
        assert sorted(key[2] for key in catalog(".").collections) == ["same"]
        with pytest.raises(ValueError, match="Invalid policy 'x'"):
            artifacts[0].new_draft().add_file("same", policy="x")


def test_adding(workdir: Path) -> None:
    (workdir / "a").write_text("one")
    (workdir / "b").write_text("two")
    artifact = Artifact("cells", "dataset")
    entry = artifact.add_file("a")
    assert (entry.path, entry.size) == ("a", 3)
    assert artifact.get_added_local_path_name("a") == "a"
    assert artifact.get_added_local_path_name("b") is None
    artifact.add_file("a")
    with pytest.raises(ValueError, match="Cannot add the same path twice: 'a'"):
        artifact.add_file("b", name="a")
    artifact.add_file("b", name="a", overwrite=True)
    assert artifact.manifest.entries["a"].digest == "uKn3Fdu2T9XFbneDxoIKYQ=="
    with pytest.raises(ValueError, match=r"Cannot add `missing` .*No such file"):
        artifact.add_file("missing")
    with pytest.raises(ValueError, match="Path is not a file"):
        artifact.add_file(workdir)
    with pytest.raises(ValueError, match="Path is not a directory: 'a'"):
        artifact.add_dir("a")
    os.mkfifo("pipe")
    with pytest.raises(ValueError, match="Path is not a file: 'pipe'"):
        artifact.add_file("pipe")
    artifact.remove(entry)
    with pytest.raises(FileNotFoundError, match="'a'"):
        artifact.remove("a")
    artifact.add_file("a", name="d/x")
    artifact.add_file("a", name="d/y")
    artifact.remove("d")
    assert artifact.file_count == 0


@pytest.mark.parametrize("name", ["../a", "/a", "x/../../a", "a\\b", "", ".", "C:/a", "a\nb", "x\udcff"])
def test_names_that_lead_elsewhere_are_refused(workdir: Path, name: str) -> None:
    (workdir / "a").write_text("one")
    artifact = Artifact("cells", "dataset")
    with pytest.raises(ValueError, match="cannot have an entry named"):
        artifact.add_file("a", name=name)
    with pytest.raises(ValueError, match="cannot have an entry named"), artifact.new_file(name):
        pass
    with pytest.raises(ValueError, match="cannot have an entry named"):
        artifact.add_reference("s3://b/k", name=name)
    if name:
        with danlu.init() as run:
            good = run.log_artifact(logged_draft(workdir))
            # A manifest from somewhere else may say anything.
            entry = good.manifest.entries.pop("a")
            entry.path = name
            good.manifest.entries[name] = entry
            with pytest.raises(ValueError, match="cannot have an entry named"):
                good.download(str(workdir / "out"))
    assert not (workdir.parent / "a").exists()


def logged_draft(workdir: Path) -> Artifact:
    artifact = Artifact("good", "dataset")
    artifact.add_file(workdir / "a")
    return artifact


def test_a_path_is_no_file_and_directory_at_once(workdir: Path) -> None:
    (workdir / "a").write_text("one")
    artifact = Artifact("cells", "dataset")
    artifact.add_file("a", name="x/y/z")
    artifact.add_file("a", name="x")
    with (
        danlu.init() as run,
        pytest.raises(ValueError, match="'x' is a file of the artifact, not a directory"),
    ):
        run.log_artifact(artifact)


def test_new_file(workdir: Path) -> None:
    artifact = Artifact("cells", "dataset")
    with artifact.new_file("a.txt", encoding="utf-8") as file:
        file.write("ä")
    with artifact.new_file("d/b.bin", mode="wb") as file:
        file.write(b"\0")
    with pytest.raises(RuntimeError, match="half"), artifact.new_file("c") as file:
        file.write("half")
        raise RuntimeError("half")
    with pytest.raises(ValueError, match="already exists"), artifact.new_file("a.txt"):
        pass
    with artifact.new_file("a.txt", mode="w+") as file:
        file.write("new")
    with pytest.raises(ValueError, match="takes the modes"), artifact.new_file("x", mode="r"):
        pass
    with danlu.init() as run:
        root = run.log_artifact(artifact).download()
    assert contents(root) == {"a.txt": "new", "d/b.bin": "\0"}


def test_links_are_added_as_what_they_lead_to(workdir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (workdir / "a").write_text("one")
    (workdir / "d").mkdir()
    (workdir / "d" / "to-a").symlink_to(workdir / "a")
    (workdir / "d" / "nowhere").symlink_to("missing")
    artifact = Artifact("cells", "dataset")
    artifact.add_dir("d")
    assert list(artifact.manifest.entries) == ["to-a"]
    assert "leaves out" in capfd.readouterr().err


def test_references(workdir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (workdir / "data").mkdir()
    (workdir / "data" / "a").write_text("one")
    (workdir / "data" / "b").write_text("two")
    with danlu.init() as run:
        artifact = Artifact("refs", "dataset")
        for uri in ("s3://bucket/k.bin", "gs://bucket/g", "abfs://c/x", "odd:thing"):
            [entry] = artifact.add_reference(uri)
            assert entry.digest == entry.ref == uri
        entries = artifact.add_reference(f"file://{workdir}/data", name="in")
        assert [entry.path for entry in entries] == ["in/a", "in/b"]
        assert entries[0].digest == "+XxdKZQb+xsv2rCHSQargg=="
        [entry] = artifact.add_reference(f"file://{workdir}/data/a", name="plain", checksum=False)
        assert entry.digest == entry.ref
        for bad in ("no/scheme", f"file://{workdir}/missing"):
            with pytest.raises(ValueError, match=r"References must be URIs|there is no file"):
                artifact.add_reference(bad)
        with pytest.raises(ValueError, match="Exceeded 1 objects tracked"):
            artifact.add_reference(f"file://{workdir}/data", name="more", max_objects=1)
        run.log_artifact(artifact)
        found = run.use_artifact("refs")
        assert found.get_entry("k.bin").ref_target() == "s3://bucket/k.bin"
        with pytest.raises(ValueError, match=r"entry `g` of artifact `refs:v0` refers to 'gs://bucket/g'"):
            found.download()
        root = found.download(str(workdir / "out"), allow_missing_references=True)
        assert contents(root) == {"in/a": "one", "in/b": "two", "plain": "one"}
        (workdir / "data" / "a").write_text("changed")
        with pytest.raises(ValueError, match="Digest mismatch"):
            found.get_entry("in/a").download(str(workdir / "again"))
    assert os.path.getsize(str(run.file)) < MIB


class Tagged(http.server.BaseHTTPRequestHandler):
    tag: str | None = '"abc"'

    def do_HEAD(self) -> None:
        self.do_GET(head=True)

    def do_GET(self, head: bool = False) -> None:
        self.send_response(200)
        if self.tag is not None:
            self.send_header("ETag", self.tag)
        self.send_header("Content-Length", "4")
        self.end_headers()
        if not head:
            self.wfile.write(b"data")

    def log_message(self, *arguments: Any) -> None:
        pass


@contextlib.contextmanager
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tagged) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{web.server_address[1]}"
        finally:
            web.shutdown()
            thread.join()


def test_web_addresses_are_known_by_their_etag(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with danlu.init() as run:
        artifact = Artifact("web", "dataset")
        with server() as address:
            [entry] = artifact.add_reference(f"{address}/file.bin")
            assert (entry.path, entry.digest, entry.size) == ("file.bin", "abc", 4)
            run.log_artifact(artifact)
            assert contents(artifact.download()) == {"file.bin": "data"}
            monkeypatch.setattr(Tagged, "tag", '"other"')
            with pytest.raises(ValueError, match="whose ETag was abc and is other"):
                artifact.download(str(workdir / "out"))
        offline = Artifact("offline", "dataset")
        [entry] = offline.add_reference(f"{address}/file.bin")
        assert entry.digest == f"{address}/file.bin"
        run.log_artifact(offline)
        with pytest.raises(ValueError, match="which cannot be reached"):
            offline.download()


def test_an_entry_of_another_artifact(workdir: Path, read: Reader) -> None:
    (workdir / "a").write_text("one")
    with danlu.init() as first:
        source = logged(first, workdir / "a")
    with danlu.init() as run:
        artifact = Artifact("more", "dataset")
        artifact.add_reference(run.use_artifact("cells").get_entry("a"), name="b")
        run.log_artifact(artifact)
        assert contents(run.use_artifact("more").download()) == {"b": "one"}
    assert source.get_entry("a").digest == artifact.get_entry("b").digest
    assert stored(read, run) == []


def test_download_keeps_what_is_the_same_and_replaces_what_is_not(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (workdir / name).write_text(name)
    monkeypatch.setenv("WANDB_ARTIFACT_DIR", str(workdir / "elsewhere"))
    with danlu.init() as run:
        artifact = logged(run, workdir / "a", workdir / "b")
        root = Path(artifact.download())
        assert root == workdir / "elsewhere" / "cells:v0"
        before = (root / "a").stat().st_ino
        (root / "b").write_text("damaged")
        (root / "extra").write_text("mine")
        with pytest.raises(ValueError, match="'extra'"):
            artifact.verify()
        artifact.download()
        assert (root / "a").stat().st_ino == before
        assert contents(root) == {"a": "a", "b": "b", "extra": "mine"}
        (root / "sub").mkdir()
        assert artifact.checkout() == str(root)
        assert contents(root) == {"a": "a", "b": "b"}
        assert not (root / "sub").exists()
        artifact.verify()
        (root / "b").write_text("x")
        with pytest.raises(ValueError, match="Digest mismatch for file"):
            artifact.verify()
        (root / "b").unlink()
        with pytest.raises(ValueError, match="is missing"):
            artifact.verify()
        only = artifact.download(str(workdir / "only"), path_prefix="b")
        assert contents(only) == {"b": "b"}


def test_files_one_by_one(workdir: Path) -> None:
    for name in ("a", "b"):
        (workdir / name).write_text(name)
    with danlu.init() as run:
        artifact = logged(run, workdir / "a", workdir / "b")
        assert [(file.name, file.size) for file in artifact.files()] == [("a", 1), ("b", 1)]
        [file] = artifact.files(names=["b"])
        with file.download(str(workdir / "out")) as stream:
            assert stream.read() == "b"
        with pytest.raises(ValueError, match="File already exists"):
            file.download(str(workdir / "out"))
        file.download(str(workdir / "out"), exist_ok=True).close()
        with pytest.raises(ValueError, match="contains 2 files, not one"):
            artifact.file()
        with pytest.raises(KeyError, match=r"Path not contained in artifact cells:v0: c"):
            artifact.get_path("c")


def test_the_run_that_has_the_bytes_is_missing_or_broken(workdir: Path) -> None:
    (workdir / "a").write_bytes(os.urandom(2 * MIB))
    with danlu.init(project="p", id="holder") as holder:
        logged(holder, workdir / "a")
    (workdir / "b").write_text("b")
    with danlu.init(project="p", id="user") as user:
        artifact = logged(user, workdir / "a", workdir / "b")
    path = Path(str(holder.file))
    moved = workdir / path.name
    path.rename(moved)
    with danlu.init(project="p") as run:
        found = run.use_artifact("cells:v1")
        with pytest.raises(
            ContentMissingError, match=r"`a` of artifact `p/cells:v1` .*run holder, whose file is not in"
        ):
            found.download()
        assert contents(workdir / "artifacts") == {}
        path.write_bytes(b"no run file at all")
        with pytest.raises(ContentMissingError, match="run holder"):
            found.download()
        moved.rename(path)
        assert artifact.digest == found.digest
        assert len(contents_of_bytes(found.download())) == 2
    # Damaged in the middle: the hash tells.
    data = bytearray(path.read_bytes())
    place = data.find((workdir / "a").read_bytes()[5000:5100])
    assert place > 0
    data[place] ^= 1
    path.write_bytes(data)
    with danlu.init(project="p") as run, pytest.raises(ContentMissingError, match=r"run holder: .*damaged"):
        run.use_artifact("cells:v1").download(str(workdir / "again"))
    assert sorted(contents_of_bytes(workdir / "again")) in (["b"], [])


def contents_of_bytes(root: str | Path) -> list[str]:
    return [file.name for file in Path(root).rglob("*") if file.is_file()]


def test_memory_does_not_grow_with_the_file(scripts: Scripts) -> None:
    done = scripts.run("""
        import resource, danlu
        from danlu.artifacts import Artifact
        with open("big", "wb") as file:
            for n in range(200):
                file.write(bytes([n]) * (1 << 20))
        run = danlu.init()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        artifact = Artifact("big", "dataset")
        artifact.add_file("big")
        run.log_artifact(artifact)
        run.use_artifact("big").download()
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 100


def test_what_a_killed_process_left_is_removed(scripts: Scripts, workdir: Path) -> None:
    code = """
        import os, signal, danlu
        from danlu.artifacts import Artifact
        danlu.init()
        open("a", "w").write("one")
        artifact = Artifact("cells", "dataset")
        artifact.add_file("a")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert scripts.run(code).returncode == -9
    [left] = (workdir / "wandb").glob("artifact-staging-*")
    with danlu.init() as run:
        artifact = Artifact("cells", "dataset")
        artifact.add_file("a")
        [mine] = (workdir / "wandb").glob("artifact-staging-*")
        assert mine != left
        run.log_artifact(artifact)
        assert not mine.exists()


class Value:
    """What tables and media have in common for an artifact."""

    def to_json(self, artifact: Artifact) -> dict[str, Any]:
        with artifact.new_file("media/x.bin", mode="wb") as file:
            file.write(b"pixels")
        return {"_type": "thing", "path": "media/x.bin"}


def test_objects_are_json_and_their_files(workdir: Path) -> None:
    artifact = Artifact("cells", "dataset")
    entry = artifact.add(Value(), "first")
    assert entry.path == "first.thing.json"
    artifact["second.thing.json"] = Other()
    assert sorted(artifact.manifest.entries) == ["first.thing.json", "media/x.bin", "second.thing.json"]
    with pytest.raises(ValueError, match="object of type `int`"):
        artifact.add(7, "x")
    with danlu.init() as run:
        run.log_artifact(artifact)
        assert artifact.get_entry("first").path == "first.thing.json"
        assert artifact.get("nothing") is None


class Other:
    def to_json(self, artifact: Artifact) -> dict[str, Any]:
        return {"_type": "thing"}


def test_the_default_root_is_named_after_the_version(workdir: Path) -> None:
    (workdir / "a").write_text("one")
    with danlu.init(project="p") as run:
        artifact = logged(run, workdir / "a")
        link = run.link_artifact(artifact, "portfolio")
        assert link is not None
        assert artifact.download() == link.download() == str(workdir / "artifacts" / "cells:v0")


@pytest.mark.parametrize("storage", ["live", "at_end"])
def test_wherever_the_run_file_is_filled(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    monkeypatch.setenv("DANLU_STORAGE", storage)
    for n in range(3):
        with danlu.init(project="p", id="r", resume="allow") as run:
            (workdir / "a").write_text(str(n))
            assert logged(run, workdir / "a").version == f"v{n}"
            assert Path(run.use_artifact("cells").file()).read_text() == str(n)
            assert contents(run.use_artifact("cells:v0").download()) == {"a": "0"}


def test_of_a_compacted_run(workdir: Path, scripts: Scripts) -> None:
    (workdir / "a").write_text("small")
    (workdir / "b").write_bytes(b"large" * MIB)
    with danlu.init(project="p", id="r") as run:
        logged(run, workdir / "a", workdir / "b")
    done = scripts.danlu("compact", "r")
    assert done.returncode == 0, done.stderr
    with danlu.init(project="p") as run:
        root = Path(run.use_artifact("cells:v0").download())
        assert (root / "a").read_text() == "small"
        assert (root / "b").stat().st_size == 5 * MIB
        assert logged(run, workdir / "a", workdir / "b").version == "v0"


def test_a_copied_directory_has_the_artifacts_too(workdir: Path) -> None:
    (workdir / "a").write_text("one")
    with danlu.init(project="p", id="r") as run:
        logged(run, workdir / "a")
    (workdir / "copy").mkdir()
    for file in (workdir / "wandb").glob("run-*.sqlite"):
        (workdir / "copy" / "wandb").mkdir(exist_ok=True)
        (workdir / "copy" / "wandb" / file.name).write_bytes(file.read_bytes())
    with danlu.init(project="p", dir=str(workdir / "copy")) as run:
        assert Path(run.use_artifact("cells").file(str(workdir / "out"))).read_text() == "one"
