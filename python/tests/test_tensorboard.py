"""Event files of TensorBoard; those in `tfevents` were made by the libraries in their names (`make.py`)."""

from __future__ import annotations

import json
import math
import struct
import time
from pathlib import Path
from typing import Any

import danlu
import pytest
from conftest import Reader
from danlu.integration import tensorboard
from danlu.integration.tensorboard.events import Buckets, Decoder, Hyperparameters, Images, Sounds
from danlu.integration.tensorboard.records import EventFile, checksum

SAMPLES = Path(__file__).parent / "tfevents"
LIBRARIES = ("torch", "tensorboardx", "tensorflow")


def values_of(library: str) -> dict[str, list[tuple[int, Any]]]:
    file, decoder = EventFile(str(SAMPLES / f"{library}.tfevents")), Decoder()
    found: dict[str, list[tuple[int, Any]]] = {}
    for data in file.read():
        event = decoder.event(data)
        for tag, value in event.values:
            found.setdefault(tag, []).append((event.step, value))
    assert (file.rest(), file.damaged) == (0, 0)
    return found


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return b"".join(
        (length, struct.pack("<I", checksum(length)), data, struct.pack("<I", checksum(data))),
    )


def scalar(tag: str, step: int, value: float, time: float = 1.7e9) -> bytes:
    """Return an event as a writer puts it."""
    one = b"\x0a" + bytes([len(tag)]) + tag.encode() + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(one)]) + one
    return (
        b"\x09"
        + struct.pack("<d", time)
        + b"\x10"
        + bytes([step])
        + b"\x2a"
        + bytes([len(summary)])
        + summary
    )


def test_the_checksum_is_that_of_the_format() -> None:
    # CRC-32C of "123456789" is 0xE3069283.
    crc = 0xE3069283
    assert checksum(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_libraries_write_is_read(library: str) -> None:
    found = values_of(library)
    assert found["loss"] == [(0, 1.0), (10, 0.5), (20, pytest.approx(1 / 3))]
    [(step, value)] = found["nan"]
    assert step == 30
    assert math.isnan(value)
    [(step, picture)] = found["picture"]
    assert step == 40
    assert isinstance(picture, Images)
    [png] = picture.encoded
    assert png[:4] == b"\x89PNG"
    assert struct.unpack(">II", png[16:24]) == (6, 4)
    [(step, histogram)] = found["weights"]
    assert step == 50
    assert isinstance(histogram, Buckets)
    assert sum(histogram.counts) == 101
    assert (histogram.edges[0], histogram.edges[-1]) == (-1, 3)
    assert len(histogram.edges) == len(histogram.counts) + 1
    [note] = [values for tag, values in found.items() if tag.startswith("note")]
    assert note == [(60, "größer *than* before")]
    [(step, sound)] = found["sound"]
    assert step == 70
    assert isinstance(sound, Sounds)
    assert [data[:4] for data in sound.encoded] == [b"RIFF"]


def test_tensors_of_any_type_are_read() -> None:
    found = values_of("tensorflow")
    assert found["half"] == [(80, [1.5, -2.0])]
    assert found["many"] == [(90, [[0, 0, 0], [0, 0, 0]])]


def test_hyperparameters_are_read() -> None:
    [(_, found)] = values_of("torch")["_hparams_/session_start_info"]
    assert isinstance(found, Hyperparameters)
    assert found.values == {"lr": 0.1, "optimizer": "adam", "nesterov": True}


def test_a_histogram_with_too_many_buckets_keeps_its_counts() -> None:
    found = Buckets([1.0] * 1549, [float(n) for n in range(1550)])
    assert len(found.counts) <= 512
    assert sum(found.counts) == 1549
    assert (found.edges[0], found.edges[-1]) == (0, 1549)
    assert len(found.edges) == len(found.counts) + 1


def test_a_growing_file_gives_each_record_once_however_it_is_torn(tmp_path: Path) -> None:
    whole = (SAMPLES / "torch.tfevents").read_bytes()
    path = tmp_path / "events.out.tfevents"
    path.write_bytes(b"")
    file = EventFile(str(path))
    found = []
    for end in range(len(whole)):
        with path.open("ab") as growing:
            growing.write(whole[end : end + 1])
        found += list(file.read())
    assert found == list(EventFile(str(SAMPLES / "torch.tfevents")).read())
    assert file.rest() == 0


def test_zeros_that_a_file_system_shows_before_the_data_are_waited_for(tmp_path: Path) -> None:
    data = record(b"one") + record(b"two")
    path = tmp_path / "events.out.tfevents"
    path.write_bytes(data[:25] + bytes(len(data) - 25))
    file = EventFile(str(path))
    assert list(file.read()) == [b"one"]
    assert file.rest() > 0
    path.write_bytes(data)
    assert list(file.read()) == [b"two"]


def test_a_damaged_record_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents"
    path.write_bytes(record(b"one") + record(b"two").replace(b"two", b"tvo") + record(b"three"))
    file = EventFile(str(path))
    assert list(file.read()) == [b"one", b"three"]
    assert file.damaged == 1


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\xff", b"\x0b", b"\x80" * 12, b"\x2a\x02\x0a\x09"])
def test_what_is_no_event_is_an_error_that_says_so(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"field|number"):
        Decoder().event(data)


def test_event_files_of_another_program_are_followed(tmp_path: Path, read: Reader) -> None:
    log = tmp_path / "logs" / "train"
    log.mkdir(parents=True)
    (log / "events.out.tfevents.1").write_bytes(record(scalar("loss", 0, 1.0)))
    run = danlu.init(project="p")
    tensorboard.follow(tmp_path / "logs")
    with (log / "events.out.tfevents.1").open("ab") as file:
        file.write(record(scalar("loss", 1, 0.5)))
        file.write(record(scalar("loss", 2, 0.25))[:-3])
    (log / "events.out.tfevents.2").write_bytes(record(scalar("acc", 7, 0.75, time=1.8e9)))
    (log / "note.txt").write_text("no event file")
    path = run.file
    run.finish()
    assert read.history(path) == [
        (0, "train/global_step", 0),
        (0, "train/loss", 1.0),
        (1, "train/global_step", 1),
        (1, "train/loss", 0.5),
        (7, "train/acc", 0.75),
        (7, "train/global_step", 7),
    ]
    assert read.rows(path, "SELECT time FROM history WHERE key = 'train/acc'") == [(1.8e9,)]


def test_events_are_logged_while_the_run_lives(tmp_path: Path, read: Reader) -> None:
    run = danlu.init(project="p")
    tensorboard.follow(tmp_path / "logs")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "events.out.tfevents").write_bytes(record(scalar("loss", 5, 1.0)))
    deadline = time.monotonic() + 60
    while (5, "loss", 1.0) not in read.history(run.file):
        assert time.monotonic() < deadline


def test_keys_have_in_front_where_a_file_is(tmp_path: Path, read: Reader) -> None:
    for n, part in enumerate(("", "one/eval", "two")):
        (tmp_path / "logs" / part).mkdir(parents=True, exist_ok=True)
        data = record(scalar("loss", n, float(n)))
        (tmp_path / "logs" / part / "events.out.tfevents").write_bytes(data)
    run = danlu.init(project="p")
    tensorboard.follow(tmp_path / "logs")
    path = run.file
    run.finish()
    assert [row[1] for row in read.history(path)] == [
        "global_step",
        "loss",
        "one/eval/global_step",
        "one/eval/loss",
        "two/global_step",
        "two/loss",
    ]


def test_the_files_are_stored_when_asked_for(tmp_path: Path, read: Reader) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "events.out.tfevents").write_bytes(record(scalar("loss", 0, 1.0)))
    run = danlu.init(project="p")
    tensorboard.follow("logs", save=True)
    path = run.file
    run.finish()
    assert [row[0] for row in read.rows(path, "SELECT path FROM files")] == ["logs/events.out.tfevents"]


def test_garbage_is_counted_as_lost_and_training_goes_on(tmp_path: Path, read: Reader) -> None:
    (tmp_path / "events.out.tfevents").write_bytes(record(b"\x0b\x0b") + record(scalar("loss", 0, 1.0)))
    run = danlu.init(project="p")
    tensorboard.follow(tmp_path)
    path = run.file
    run.finish()
    assert run.lost == 1
    assert (0, "loss", 1.0) in read.history(path)


def test_a_summary_or_a_dict_is_logged_by_hand(read: Reader) -> None:
    run = danlu.init(project="p")
    event = scalar("loss", 3, 0.5)
    summary = event[event.index(b"\x2a") + 2 :]
    tensorboard.log(summary, step=3)
    tensorboard.log({"acc": 0.25}, step=4, namespace="eval")
    path = run.file
    run.finish()
    assert [row[1:] for row in read.history(path)] == [
        ("eval/acc", 0.25),
        ("global_step", 4),
        ("global_step", 3),
        ("loss", 0.5),
    ]


def test_without_a_run_the_error_says_what_to_do() -> None:
    with pytest.raises(danlu.Error, match="init"):
        tensorboard.log({"a": 1})


def test_a_disabled_run_logs_nothing(tmp_path: Path) -> None:
    run = danlu.init(project="p", mode="disabled")
    tensorboard.follow(tmp_path)
    run.finish()


@pytest.mark.parametrize("library", LIBRARIES)
def test_media_of_an_event_file_are_media_of_the_run(library: str, tmp_path: Path, read: Reader) -> None:
    (tmp_path / "logs").mkdir()
    sample = SAMPLES / f"{library}.tfevents"
    (tmp_path / "logs" / sample.name).write_bytes(sample.read_bytes())
    run = danlu.init(project="p")
    tensorboard.follow("logs")
    path = run.file
    run.finish()
    assert run.lost == 0
    found = {key: (step, value) for step, key, value in read.history(path)}
    kinds = {}
    for key, step in (("picture", 40), ("weights", 50), ("sound", 70)):
        assert found[key][0] == step
        kinds[key] = json.loads(found[key][1])
    assert (kinds["picture"]["_type"], kinds["picture"]["width"], kinds["picture"]["height"]) == (
        "image-file",
        6,
        4,
    )
    assert sum(kinds["weights"]["values"]) == 101
    assert kinds["sound"]["_type"] == "audio-file"
    files = dict(read.rows(path, "SELECT path, size FROM files"))
    assert files[kinds["picture"]["path"]] == kinds["picture"]["size"]
    assert files[kinds["sound"]["path"]] == kinds["sound"]["size"]
    if library == "torch":
        assert read.table(path, "config") == {"lr": 0.1, "nesterov": 1.0, "optimizer": '"adam"'}
