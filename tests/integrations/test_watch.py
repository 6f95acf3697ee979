"""`watch`, with torch in this process."""

from __future__ import annotations

import copy
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import danlu
import pytest
import torch
from danlu.integration._histogram import histogram
from danlu.integration.torch import _watched


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)
    yield
    if danlu.run is not None:
        danlu.run.finish()


def model() -> Any:
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))


def step(*models: Any) -> None:
    for one in models:
        one(torch.rand(5, 3)).pow(2).mean().backward()


def hooks(one: Any) -> int:
    return sum(len(parameter._backward_hooks or ()) for parameter in one.parameters())


def logged(run: Any) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    path = run.file
    run.finish()
    connection = sqlite3.connect(path)
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for key, at, value in connection.execute("SELECT key, step, value FROM history ORDER BY step"):
        if isinstance(value, str):
            found.setdefault(key, []).append((at, json.loads(value)))
    connection.close()
    return found


def test_histograms_are_of_the_values_that_torch_has() -> None:
    run, one = danlu.init(project="p"), model()
    run.watch(one, log="all", log_freq=2)
    expected = {}
    for n in range(5):
        one.zero_grad()
        step(one)
        for name, parameter in one.named_parameters():
            expected[name, n] = parameter.grad.clone(), parameter.detach().clone()
        torch.optim.SGD(one.parameters(), 0.1).step()
        run.log({"n": n})
    found = logged(run)
    names = [name for name, _ in one.named_parameters()]
    assert sorted(found) == sorted(f"{what}/{name}" for what in ("gradients", "parameters") for name in names)
    for name in names:
        for place, what in enumerate(("gradients", "parameters")):
            assert [at for at, _ in found[f"{what}/{name}"]] == [1, 3]
            for at, value in found[f"{what}/{name}"]:
                tensor = expected[name, at][place]
                low, high = tensor.min().item(), tensor.max().item()
                assert value["bins"][0] == low
                assert value["bins"][-1] == high
                assert value["values"] == torch.histc(tensor, 64, low, high).int().tolist()


def test_between_the_histograms_there_is_one_hook() -> None:
    run, one = danlu.init(project="p"), model()
    run.watch(one, log_freq=5)
    seen = []
    for _ in range(10):
        step(one)
        seen.append(hooks(one))
        run.log({})
    assert seen == [1, 1, 1, 4, 1, 1, 1, 1, 4, 1]
    run.unwatch(one)
    assert hooks(one) == 0
    assert len(logged(run)["gradients/0.weight"]) == 2


def test_every_batch_if_the_frequency_is_one() -> None:
    run, one = danlu.init(project="p"), model()
    run.watch(one, log="gradients", log_freq=1)
    for _ in range(3):
        step(one)
        run.log({"n": 1})
    assert [at for at, _ in logged(run)["gradients/2.bias"]] == [0, 1, 2]


def test_finish_takes_the_hooks_away() -> None:
    run, one = danlu.init(project="p"), model()
    run.watch(one, log_freq=1)
    step(one)
    run.finish()
    assert hooks(one) == 0
    assert _watched == {}
    step(one)


def test_several_models_have_names() -> None:
    run = danlu.init(project="p")
    models = [model(), model()]
    run.watch(models, log="parameters", log_freq=1)
    third = model()
    run.watch(third, log_freq=1)
    fourth = model()
    run.watch(fourth, log_freq=1, idx=7)
    step(*models, third, fourth)
    run.log({})
    assert {key.rpartition("/")[2] for key in logged(run) if key.endswith("0.weight")} == {
        "0.weight",
        "graph_1.0.weight",
        "graph_2.0.weight",
        "graph_7.0.weight",
    }


def test_a_model_with_several_losses_has_all_its_gradients() -> None:
    run = danlu.init(project="p")
    both = torch.nn.ModuleDict({"actor": model(), "critic": model()})
    run.watch(both, log_freq=3)
    for _ in range(6):
        step(both["critic"])
        step(both["actor"])
        run.log({"n": 1})
    found = logged(run)
    assert len(found["gradients/critic.0.weight"]) == len(found["gradients/actor.0.weight"]) == 2


def test_what_is_frozen_and_thawed_meanwhile() -> None:
    run, one = danlu.init(project="p"), model()
    one[0].requires_grad_(False)
    run.watch(one, log_freq=2)
    for n in range(8):
        if n == 4:
            one[0].requires_grad_(True)
            one[2].requires_grad_(False)
        step(one)
        run.log({"n": n})
    found = logged(run)
    assert [at for at, _ in found["gradients/2.weight"]] == [1, 3]
    assert [at for at, _ in found["gradients/0.weight"]] == [5, 7]


def test_nothing_else_changes() -> None:
    run, one = danlu.init(project="p"), model()
    other = copy.deepcopy(one)
    run.watch(one, log="all", log_freq=1)
    torch.manual_seed(2)
    step(one)
    torch.manual_seed(2)
    step(other)
    for watched, plain in zip(one.parameters(), other.parameters()):
        assert torch.equal(watched.grad, plain.grad)
    assert hooks(copy.deepcopy(one)) == 0
    torch.save(one.state_dict(), "model.pt")
    assert run.lost == 0


def test_the_graph_is_in_the_summary() -> None:
    run, one = danlu.init(project="p"), model()
    [graph] = run.watch(one, log=None, log_graph=True)
    step(one)
    step(one)
    path = str(run.file)
    run.finish()
    assert [(node.id, node.fields["output_shape"]) for node in graph.nodes] == [
        ("0", [5, 4]),
        ("1", [5, 4]),
        ("2", [5, 2]),
    ]
    assert [(start.id, end.id) for start, end in graph.edges] == [("0", "1"), ("1", "2")]
    connection = sqlite3.connect(path)
    [(value,)] = connection.execute("SELECT value FROM summary WHERE key = 'graph_0'")
    connection.close()
    assert json.loads(value)["_type"] == "graph-file"
    assert sum(len(layer._forward_hooks) for layer in one.modules()) == 0


@pytest.mark.parametrize(
    ("tensor", "counts", "edges", "others"),
    [
        (torch.tensor([1.0, 2.0, float("nan"), float("inf")]), {0: 1, 63: 1}, (1.0, 2.0), 2),
        (torch.tensor([1.0, 2.0], dtype=torch.bfloat16), {0: 1, 63: 1}, (1.0, 2.0), 0),
        (torch.tensor([1.0, 2.0], dtype=torch.float16), {0: 1, 63: 1}, (1.0, 2.0), 0),
        (torch.tensor([3.0] * 5), {32: 5}, (2.5, 3.5), 0),
        (torch.tensor([7, 9]), {0: 1, 63: 1}, (7.0, 9.0), 0),
        (torch.tensor([1 + 2j]), {0: 1, 63: 1}, (1.0, 2.0), 0),
        (torch.tensor([-3e38, 3e38]), {0: 1, 63: 1}, (-3e38, 3e38), 0),
        (torch.sparse_coo_tensor([[1, 1, 5]], [1.0, 2.0, 3.0], (10,)), {0: 8, 63: 2}, (0.0, 3.0), 0),
        (torch.sparse_coo_tensor(torch.zeros(1, 0, dtype=torch.long), [], (4,)), {32: 4}, (-0.5, 0.5), 0),
    ],
)
def test_a_histogram_of_any_tensor(tensor: Any, counts: Any, edges: Any, others: int) -> None:
    found = histogram(tensor)
    assert found is not None
    assert {n: count for n, count in enumerate(found.histogram) if count} == counts
    assert (found.bins[0], found.bins[-1]) == pytest.approx(edges)
    assert found._non_finite == others


@pytest.mark.parametrize("tensor", [torch.tensor([]), torch.tensor([float("nan")])])
def test_a_tensor_of_nothing_has_no_histogram(tensor: Any) -> None:
    assert histogram(tensor) is None


def test_sparse_gradients_of_an_embedding() -> None:
    run = danlu.init(project="p")
    one = torch.nn.Embedding(10, 2, sparse=True)
    run.watch(one, log_freq=1)
    one(torch.tensor([1, 1, 4])).sum().backward()
    run.log({})
    [(_, value)] = logged(run)["gradients/weight"]
    assert sum(value["values"]) == 20
    assert (value["bins"][0], value["bins"][-1]) == (0, 2)


def test_errors_say_what_is_wrong() -> None:
    run = danlu.init(project="p")
    with pytest.raises(ValueError, match="Expected a pytorch model"):
        run.watch("model")
    with pytest.raises(ValueError, match='log="gradients"'):
        run.watch(model(), log="everything")
    with pytest.raises(ValueError, match="log_freq"):
        run.watch(model(), log_freq=0)


def test_a_disabled_run_has_no_hooks() -> None:
    run, one = danlu.init(project="p", mode="disabled"), model()
    assert not run.watch(one)
    assert hooks(one) == 0


def test_traces_of_the_profiler_are_files_of_the_run() -> None:
    run, one = danlu.init(project="p", id="r"), model()
    schedule = torch.profiler.schedule(wait=0, warmup=1, active=1, repeat=2)
    handler = danlu.profiler.torch_trace_handler()
    with torch.profiler.profile(schedule=schedule, on_trace_ready=handler) as profiler:
        for _ in range(4):
            step(one)
            profiler.step()
    run.finish()
    assert run.lost == 0
    files = danlu.Api().run("p/r").files(pattern="pytorch_traces/%")
    assert [file.name for file in files] == [f"pytorch_traces/trace_{n}.pt.trace.json" for n in range(2)]
    with files[0].download() as trace:
        assert "aten::linear" in trace.read()
