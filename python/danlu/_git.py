"""What git knows of the code of a run."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: How long git may take, in seconds: a large working copy on a slow disk.
_PATIENCE = 20.0
#: Longest diff that is recorded, in bytes.
DIFF_BYTES = 16 << 20


class Repository:
    """The working copy that a directory is in, if git knows one."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        root = self._ask("rev-parse", "--show-toplevel")
        self.root: str | None = root or None
        if root:
            self._directory = root

    def describe(self, remote: str) -> dict[str, Any]:
        """Return commit, branch and remote, those that there are."""
        from ._secrets import redact

        found = {
            "remote": redact(self._ask("config", "--get", f"remote.{remote}.url")),
            "commit": self._ask("rev-parse", "--verify", "--quiet", "HEAD"),
            "branch": self._ask("symbolic-ref", "--short", "--quiet", "HEAD"),
        }
        return {name: text for name, text in found.items() if text}

    def email(self) -> str | None:
        """Return the address of whoever commits here."""
        return self._ask("config", "--get", "user.email") or None

    def diff(self) -> bytes | None:
        """Return what is not committed, of the files that git knows; None if there is nothing."""
        diff = self._run("diff", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD")
        if diff is None or not diff.strip():
            return None
        if len(diff) > DIFF_BYTES:
            return diff[:DIFF_BYTES] + b"\n(the rest of the diff is not recorded: it is too long)\n"
        return diff

    def _ask(self, *arguments: str) -> str:
        found = self._run(*arguments)
        return "" if found is None else found.decode("utf-8", "replace").strip()

    def _run(self, *arguments: str) -> bytes | None:
        import subprocess

        # Nothing that asks for a password, and nothing that writes into the working copy.
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        try:
            done = subprocess.run(  # noqa: S603
                ["git", *arguments],  # noqa: S607
                cwd=self._directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.SubprocessError, ValueError):
            return None
        return done.stdout if done.returncode == 0 else None
