"""Artifacts: named, versioned sets of files that runs make and use."""

from __future__ import annotations

import os

from .. import _say
from .building import check_metadata
from .catalog import Version, catalog
from .manifest import ArtifactManifestEntry
from .names import check_path, show
from .state import ArtifactTTL, Facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable
    from typing import Any

    from .building import StrPath


class Artifact(Facts):
    """A named set of files with a type, of which runs log one version after the other.

        artifact = danlu.Artifact("cells", type="dataset", metadata={"size": 64})
        artifact.add_dir("data/")
        run.log_artifact(artifact, aliases=["clean"])        # cells:v0

        path = run.use_artifact("cells:clean").download()    # another run, another day

    The name has up to 128 letters, digits, `_`, `-` and `.`; everything else is a ValueError, as is a type
    that is reserved. `metadata` is a dict of up to 100 keys of what JSON can hold. With `incremental`, the
    version begins with what the newest one has. `use_as` notes what it is for. `storage_region` and
    `digest_algorithm` do nothing: digests are MD5, as wandb's are. Bytes go into the file of the run that
    logs it; no network is needed at any time.
    """

    __module__ = "danlu"

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        incremental: bool = False,
        use_as: str | None = None,
        storage_region: str | None = None,
        digest_algorithm: str = "MD5",
        _internal: bool = False,
    ) -> None:
        del storage_region
        if digest_algorithm not in ("MD5", "XXH128"):
            raise ValueError(f'`digest_algorithm` is "MD5" or "XXH128", not {digest_algorithm!r}')
        if digest_algorithm != "MD5":
            _say.warn("Digests of artifacts are MD5 here; `digest_algorithm` changes nothing")
        self._begin(name, type, _internal)
        self._incremental = bool(incremental)
        self._description = description
        self._metadata = check_metadata(metadata)
        self._use_as = use_as
        self._ttl: datetime.timedelta | ArtifactTTL | None = ArtifactTTL.INHERIT
        self._tags: list[str] = []
        self._aliases: list[str] = []
        self._distributed_id: str | None = None
        self._version: Version | None = None
        #: The directory of the runs that it was logged in; None of one that was logged by a disabled run.
        self._directory: str | None = None
        #: Why it could not be stored.
        self._failure: str | None = None

    @classmethod
    def _of(cls, version: Version, directory: str) -> Artifact:
        """Return the artifact that a version is."""
        artifact = cls.__new__(cls)
        # What is stored had its name checked, and may have a reserved type.
        artifact._begin("_", "_", internal=True)
        artifact._name, artifact._type, artifact._manifest = version.key[2], version.type, None
        artifact._incremental, artifact._use_as, artifact._distributed_id = False, None, None
        artifact._failure = None
        artifact._bind(version, directory)
        return artifact

    def is_draft(self) -> bool:
        """Say whether it is not logged yet."""
        return self._version is None

    def wait(self, timeout: int | None = None) -> Artifact:
        """Return it: it is ready as soon as it is logged, and `timeout` does nothing.

        Raises ArtifactNotLoggedError before.
        """
        del timeout
        self._logged("wait")
        return self

    def new_draft(self) -> Artifact:
        """Return a draft with the same content, which can be changed and logged as the next version."""
        self._logged("new_draft")
        source = self.source_artifact
        draft = Artifact(source._name, self._type, self._description, dict(self._metadata), _internal=True)
        for entry in source.manifest.entries.values():
            draft._add(entry.copy(), overwrite=True)
        draft._use_as, draft._ttl = self._use_as, self._ttl
        return draft

    def get_entry(self, name: StrPath) -> ArtifactManifestEntry:
        """Return an entry by path. Raises KeyError if there is none."""
        self._logged("get_entry")
        path = check_path(name, self._name)
        entry = self.manifest.entries.get(path) or self._entry_of_object(path)
        if entry is None:
            raise KeyError(f"Path not contained in artifact {self.name}: {path}")
        return entry

    get_path = get_entry

    def get(self, name: str) -> Any:
        """Return the table or medium that was added under a name; None if there is none."""
        from .objects import read

        self._logged("get")
        return read(self, check_path(name, self._name))

    def _entry_of_object(self, path: str) -> ArtifactManifestEntry | None:
        """Return the JSON of what `add` added under a name."""
        entries = self.manifest.entries
        found = [at for at in entries if at.startswith(f"{path}.") and at.endswith(".json")]
        return entries[found[0]] if len(found) == 1 else None

    def files(self, names: list[str] | None = None, per_page: int = 50, start: str | None = None) -> Any:
        """Return a list of the files in it, or those of some `names`. `per_page` and `start` do nothing."""
        from .objects import ArtifactFile

        del per_page, start
        self._logged("files")
        entries = sorted(self.manifest.entries.items())
        return [ArtifactFile(entry) for path, entry in entries if names is None or path in names]

    def file(self, root: str | None = None) -> str:
        """Download its only file below `root`; return the path. Raises ValueError if there are several."""
        self._logged("file")
        entries = list(self.manifest.entries.values())
        if len(entries) != 1:
            raise ValueError(
                f"Artifact {self.name} contains {len(entries)} files, not one: call `.download()` to get "
                "all, or "
                '`.get_entry("filename").download()`'
            )
        return entries[0].download(root)

    def download(
        self,
        root: StrPath | None = None,
        allow_missing_references: bool = False,
        skip_cache: bool | None = None,
        path_prefix: StrPath | None = None,
        multipart: bool | None = None,
    ) -> str:
        """Write its files below `root`, and return that; by default below `./artifacts/<name>:v<N>`.

        `DANLU_ARTIFACT_DIR`, else `WANDB_ARTIFACT_DIR`, takes the place of `./artifacts`. Each file is
        checked, and in place only when it is whole; one that is there and the same is kept, one that is there
        and another is replaced. `path_prefix` takes only the entries that begin with it. Raises ValueError
        for a reference that cannot be had, unless `allow_missing_references`, and danlu.Error if the bytes of
        an entry are in no run of the directory. `skip_cache` and `multipart` do nothing.
        """
        from .download import download

        del skip_cache, multipart
        self._logged("download")
        prefix = None if path_prefix is None else os.fspath(path_prefix)
        return download(self, None if root is None else os.fspath(root), allow_missing_references, prefix)

    def checkout(self, root: str | None = None) -> str:
        """Download it to `root`, and remove all other files from that directory."""
        from .download import checkout, default_root

        self._logged("checkout")
        return checkout(self, default_root(self) if root is None else os.fspath(root))

    def verify(self, root: str | None = None) -> None:
        """Raise a ValueError unless the files below `root` are those of the artifact and no others."""
        from .download import default_root, verify

        self._logged("verify")
        verify(self, default_root(self) if root is None else os.fspath(root))

    def save(self, project: str | None = None, settings: Any = None) -> None:
        """Log it, in the current run or in one of its own; once it is logged, record what was changed of it.

        What was changed is recorded by the current run if that is of the same directory, else by the run that
        made it. `project` and `settings` are for the run of its own.
        """
        from .changing import log_alone, save

        if self._version is None:
            log_alone(self, project, settings)
        else:
            save(self, self._version)

    def delete(self, delete_aliases: bool = False) -> None:
        """Take the version out of the directory's artifacts. The bytes stay in the file of the run.

        Raises ValueError if it has aliases besides `latest`, unless with `delete_aliases` they go too.
        """
        from .changing import delete

        delete(self, self._logged("delete"), delete_aliases)

    def link(self, target_path: str, aliases: Iterable[str] | None = None) -> Artifact:
        """Make it a version of the collection `target_path` too, with `aliases`: see `Run.link_artifact`."""
        from .changing import link

        self._logged("link")
        return link(self, target_path, aliases)

    def unlink(self) -> None:
        """Take a link out of its collection. Raises ValueError if it is no link."""
        from .changing import unlink

        unlink(self, self._logged("unlink"))

    def logged_by(self) -> Any:
        """Return the run that made it; None if that is not in the directory."""
        from .objects import runs_of

        version, found = self._logged("logged_by"), catalog(self._directory or ".")
        source = version.source or version
        return next(iter(runs_of(found, [source.run])), None)

    def used_by(self) -> list[Any]:
        """Return the runs that used it."""
        from .objects import runs_of

        version, found = self._logged("used_by"), catalog(self._directory or ".")
        return runs_of(found, found.users.get((version.source or version).uid, []))

    def json_encode(self) -> dict[str, Any]:
        """Return what stands for it in a config."""
        version = self._logged("json_encode")
        return {
            "_type": "artifactVersion",
            "_version": "v0",
            "id": version.uid,
            "version": self.source_version,
            "sequenceName": self.source_name.partition(":")[0],
            "usedAs": self._use_as,
        }

    def __repr__(self) -> str:
        shown = self._name if self._version is None else f"{show(self._version.key)}:{self._version.version}"
        return f"<Artifact {shown}>"

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __setitem__(self, name: str, item: Any) -> None:
        self.add(item, name)
