"""The public Api."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, wandb

api = Topic(
    "Api",
    "It reads the runs of a directory (`WANDB_DIR`, else the current one), of `Api('path')`, or of a remote: "
    "`Api('https://…')`. "
    "[reading.md](reading.md) says all of it.",
)
TOPICS = [api]


@api.yes(
    "Api(overrides, timeout, api_key)", "Api.default_entity", "Api.flush()", "Api.user_agent", "Api.api_key"
)
def _() -> None:
    found = wandb.Api(overrides={"entity": "e", "project": "p"}, timeout=9, api_key="k")
    assert (found.default_entity, found.api_key) == ("e", "k")
    assert found.user_agent.startswith("danlu")
    found.flush()


@api.yes("Api.runs(path, filters, order, per_page, include_sweeps, lazy)", "Api.run(path)")
def _(ended: Any) -> None:
    found = wandb.Api()
    [run] = found.runs(
        "e/p", filters={"config.lr": {"$lt": 1}, "state": "finished"}, order="-summary_metrics.loss"
    )
    assert run.id == "old" == found.run("e/p/old").id == found.run("p/runs/old").id
    assert len(found.runs("e/p", {"$or": [{"tags": "none"}, {"config.lr.value": 5}]})) == 0
    with pytest.raises(ValueError, match="Could not find"):
        found.run("e/p/none")


@api.yes("Api.projects(entity, per_page)", "Api.project(name, entity)", "Api.from_path(path)")
def _(ended: Any) -> None:
    found = wandb.Api()
    assert [project.name for project in found.projects("e")] == ["p"]
    assert found.project("p", entity="e").name == "p"
    assert found.from_path("e/p/old").id == "old"


@api.partly(
    "Api.create_project(name, entity)", note="It is there for this `Api`; for others with its first run."
)
def _() -> None:
    found = wandb.Api()
    found.create_project("new", "e")
    assert len(found.runs("e/new")) == 0


@api.partly(
    "Api.create_run(run_id, project, entity)",
    note="It is finished, without rows; `init(id=…, resume='must')` goes on with it.",
)
def _() -> None:
    made = wandb.Api().create_run(run_id="made", project="p", entity="e")
    with wandb.init(project="p", entity="e", id="made", resume="must") as run:
        assert run.resumed
        assert made.id == "made"


@api.yes(
    "Api.viewer", note="The account at a server; elsewhere the default entity, else the user of this machine."
)
def _() -> None:
    assert wandb.Api({"entity": "me"}).viewer.username == "me"


@api.yes("Api.sync_tensorboard(root_dir, run_id, project, entity)")
def _(workdir: Path) -> None:
    from danlu.integration.tensorboard.records import checksum

    scalar = b"\x0a\x01a\x15" + struct.pack("<f", 0.5)
    data = b"\x09" + struct.pack("<d", 1e9) + b"\x2a" + bytes([len(scalar) + 2, 0x0A, len(scalar)]) + scalar
    length = struct.pack("<Q", len(data))
    sums = [struct.pack("<I", checksum(part)) for part in (length, data)]
    (workdir / "events.out.tfevents.1.x").write_bytes(length + sums[0] + data + sums[1])
    run = wandb.Api().sync_tensorboard(workdir, run_id="tb", project="p", entity="e")
    assert run.summary["a"] == 0.5


@api.yes("Api.sweep(path)", note="The runs that say that they are of it (`WANDB_SWEEP_ID`).")
def _(ended: Any) -> None:
    with pytest.raises(ValueError, match="Could not find sweep"):
        wandb.Api().sweep("e/p/none")


@api.yes(
    "Api.artifact(name, type)",
    "Api.artifact_exists(name, type)",
    "Api.artifacts(type_name, name, order, per_page, tags, start)",
    "Api.artifact_versions(type_name, name, per_page)",
)
def _(artifact: Any) -> None:
    found = wandb.Api({"project": "p"})
    assert found.artifact("p/data:best", type="dataset").version == "v0"
    assert found.artifact_exists("p/data:v0")
    assert not found.artifact_exists("p/data:v7", type="dataset")
    assert [version.version for version in found.artifacts("dataset", "p/data", per_page=5)] == ["v0"]
    assert len(found.artifact_versions("dataset", "p/data")) == 1


@api.yes(
    "Api.artifact_type(type_name, project)",
    "Api.artifact_types(project, start)",
    "Api.artifact_collection(type_name, name)",
    "Api.artifact_collections(project_name, type_name, order, per_page, start)",
    "Api.artifact_collection_exists(name, type)",
)
def _(artifact: Any) -> None:
    found = wandb.Api()
    assert found.artifact_type("dataset", project="p").name == "dataset"
    assert [kind.name for kind in found.artifact_types("p")] == ["dataset"]
    assert found.artifact_collection("dataset", "p/data").name == "data"
    assert [one.name for one in found.artifact_collections("p", "dataset")] == ["data"]
    assert found.artifact_collection_exists("p/data", "dataset")


def _refused(name: str) -> None:
    with pytest.raises(wandb.apis.public.ServerOnlyError, match="takes a server"):
        getattr(wandb.Api(), name)()


@api.partly(
    "Api.team(team)",
    "Api.user(username_or_email)",
    "Api.users(username_or_email)",
    note="The accounts and teams of a danlu server. A directory has none, and says so.",
)
def _() -> None:
    for name in ("team", "user", "users"):
        with pytest.raises(wandb.Error, match=rf"{name}.*takes a server"):
            getattr(wandb.Api(), name)("x")


@api.no(
    "Api.create_team(team, admin_username)",
    "Api.create_user(email, admin)",
    "Api.organization(name)",
    note="`danlu admin` manages the accounts and teams of a server. A directory has none: who may read the "
    "files may read the runs.",
)
def _(name: str) -> None:
    _refused(name)


@api.no(
    "Api.automation(name, entity)",
    "Api.automations(entity, name, per_page, start)",
    "Api.create_automation(obj, fetch_existing)",
    "Api.update_automation(obj, create_missing)",
    "Api.delete_automation(obj)",
    "Api.integrations(entity, per_page, start)",
    "Api.slack_integrations(entity, per_page, start)",
    "Api.webhook_integrations(entity, per_page, start)",
    note="A server watches for what they act on. `run.alert` tells people from the training itself, a "
    "script over `Api().runs(…)` in cron does the rest.",
)
def _(name: str) -> None:
    _refused(name)


@api.no(
    "Api.create_registry(name, visibility, organization, description, artifact_types)",
    "Api.registry(name, organization)",
    "Api.registries(organization, filter, order, per_page, start)",
    note="A registry is of an organization. Link artifacts to a collection that all projects share: "
    "`run.link_artifact(artifact, 'models/best')`.",
)
def _(name: str) -> None:
    _refused(name)


@api.no(
    "Api.job(name, path)",
    "Api.list_jobs(entity, project)",
    "Api.run_queue(entity, name)",
    "Api.create_run_queue(name, type, entity, prioritization_mode, config, template_variables)",
    "Api.upsert_run_queue(name, resource_config, resource_type, entity, template_variables, "
    "external_links, prioritization_mode)",
    "Api.queued_run(entity, project, queue_name, run_queue_item_id, project_queue, priority)",
    note="Jobs are queued at a server for agents. The scheduler of a cluster starts trainings, and each is "
    "a run here.",
)
def _(name: str) -> None:
    _refused(name)


@api.no(
    "Api.reports(path, name, per_page)",
    "Api.create_report",
    "Api.load_report",
    "Api.create_custom_chart(entity, name, display_name, spec_type, access, spec)",
    note="Reports and specs of charts are kept by wandb's server. `danlu serve` has a page, a notebook "
    "draws what `run.history()` gives.",
)
def _(name: str) -> None:
    _refused(name)


@api.no(
    "Api.client", note="There is no GraphQL to ask: `run.sql(…)` and `danlu sql` answer SQL over run files."
)
def _() -> None:
    with pytest.raises(wandb.Error, match="SQL"):
        wandb.Api().client.execute("query")
