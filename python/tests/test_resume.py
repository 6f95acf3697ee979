"""Going on with runs: resume, fork and rewind."""

from __future__ import annotations

import json
import os
from typing import Any

import danlu
import pytest
from conftest import Reader, Scripts


def test_a_run_goes_on_where_it_was(read: Reader) -> None:
    with danlu.init(
        project="p", id="r", name="n", tags=["t"], config={"lr": 0.1, "nested": {"a": [1, 2]}}
    ) as run:
        danlu.log({"loss": 1.0, "text": "a"})
        danlu.log({"loss": 0.5}, step=9)
        assert not run.resumed
        assert run.starting_step == 0
        path = run.file
    with danlu.init(project="p", id="r", resume="allow", config={"lr": 0.2, "new": True}) as run:
        assert run.resumed
        assert (run.starting_step, run.step, run.file) == (10, 10, path)
        assert (run.name, run.tags) == ("n", ("t",))
        assert run.config.as_dict() == {"lr": 0.2, "nested": {"a": [1, 2]}, "new": True}
        assert run.summary.as_dict() == {"loss": 0.5, "text": "a"}
        danlu.log({"loss": 0.25})
        assert run.summary["loss"] == 0.25
    assert [row for row in read.history(path) if row[1] == "loss"] == [
        (0, "loss", 1.0),
        (9, "loss", 0.5),
        (10, "loss", 0.25),
    ]


def test_a_killed_training_is_started_again_and_goes_on(scripts: Scripts, read: Reader) -> None:
    code = """
        import os, danlu
        run = danlu.init(resume="auto")
        for _ in range(100):
            danlu.log({"row": run.step})
        print(run.id, run.starting_step, run.resumed, flush=True)
        if run.starting_step < 200:
            os.kill(os.getpid(), 9)
    """
    said = [scripts.run(code).stdout.split() for _ in range(3)]
    assert len({run_id for run_id, _, _ in said}) == 1
    assert [line[1:] for line in said] == [["0", "False"], ["100", "True"], ["200", "True"]]
    assert read.history(scripts.file()) == [(n, "row", n) for n in range(300)]
    assert [run["state"] for run in json.loads(scripts.danlu("ls", "--json").stdout)] == ["finished"]


def test_sigterm_and_requeue_with_the_same_id(scripts: Scripts, read: Reader) -> None:
    code = """
        import os, signal, danlu
        run = danlu.init(id="job", resume="allow")
        danlu.log({"row": run.step})
        if run.step == 1:
            os.kill(os.getpid(), signal.SIGTERM)
    """
    scripts.run(code)
    scripts.run(code, WANDB_RESUME="must")
    assert read.history(scripts.file()) == [(0, "row", 0), (1, "row", 1)]
    assert read.rows(scripts.file(), "SELECT origin FROM attempt ORDER BY id") == [("new",), ("resume",)]


def test_must_and_never() -> None:
    with pytest.raises(danlu.UsageError, match="Cannot resume run p/r: it is not in"):
        danlu.init(project="p", id="r", resume="must")
    danlu.init(project="p", id="r", resume="never").finish()
    with pytest.raises(danlu.UsageError, match="Run p/r is there already"):
        danlu.init(project="p", id="r", resume="never")
    with pytest.raises(danlu.UsageError, match="`resume` cannot be `sometimes`"):
        danlu.init(project="p", id="r", resume="sometimes")
    assert danlu.run is None


def test_fork_and_rewind(read: Reader) -> None:
    with danlu.init(project="p", id="a", config={"lr": 1}):
        for n in range(5):
            danlu.log({"loss": n})
    with danlu.init(project="p", id="b", fork_from="a?_step=2") as fork:
        assert (fork.step, dict(fork.summary), dict(fork.config)) == (3, {"loss": 2}, {"lr": 1})
        assert not fork.resumed
        danlu.log({"loss": 30})
    assert [row[2] for row in read.history(fork.file)] == [0, 1, 2, 30]
    with danlu.init(project="p", resume_from="a?_step=1") as run:
        assert (run.id, run.step, run.resumed, dict(run.summary)) == ("a", 2, True, {"loss": 1})
        danlu.log({"loss": 20})
    assert [row[2] for row in read.history(run.file)] == [0, 1, 20]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fork_from": "a"}, "`fork_from` takes a run id and a step"),
        ({"resume_from": "a?_step=x"}, "`resume_from` takes a run id and a step"),
        (
            {"fork_from": f"a?_step={2**63}"},
            "`fork_from` takes .* from 0 to .* not `a.*_step=9223372036854775808`",
        ),
        ({"resume_from": f"a?_step={'9' * 5000}"}, "`resume_from` takes .*9999…`"),
        ({"fork_from": "a?_step=1e30"}, "`fork_from` takes a run id and a step"),
        ({"fork_from": "a?_step=-1"}, "`fork_from` takes a run id and a step"),
        ({"id": "b", "resume_from": "a?_step=1"}, "rewinds run `a`, but the id is `b`"),
        ({"id": "b", "resume": "allow", "fork_from": "a?_step=1"}, "only one can be given"),
        ({"fork_from": "a?_step=1"}, "Cannot fork run p/a"),
    ],
)
def test_moments_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(danlu.UsageError, match=message):
        danlu.init(project="p", **arguments)


@pytest.mark.parametrize("rank", ["-1", "4294967296", "first", ""])
def test_a_rank_that_is_none_stops_nothing(monkeypatch: pytest.MonkeyPatch, rank: str) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", "2")
    danlu.init().finish()


def test_ranks_of_one_run(scripts: Scripts) -> None:
    code = """
        import danlu
        with danlu.init(project="p", id="r", resume="allow") as run:
            danlu.log({"loss": 1.5})
    """
    processes = [scripts.start(code, RANK=str(rank), WORLD_SIZE="4", LOCAL_RANK="0") for rank in range(4)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert "WARNING" not in errors
    done = scripts.danlu("sql", "--json", "SELECT rank, value FROM history ORDER BY rank")
    assert json.loads(done.stdout) == [{"rank": rank, "value": 1.5} for rank in range(4)]
    assert len(json.loads(scripts.danlu("ls", "--json").stdout)) == 1


def test_sixty_four_tasks_start_in_the_same_second(scripts: Scripts) -> None:
    code = """
        import os, sys, danlu
        sys.stdin.read()
        danlu.init(project="p")
        danlu.log({"a": 1})
        danlu.finish()
    """
    reading, writing = os.pipe()
    processes = [scripts.start(code, stdin=reading) for _ in range(64)]
    os.close(reading)
    os.close(writing)
    for process in processes:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
        assert "WARNING" not in errors
    assert len(scripts.files()) == 64
