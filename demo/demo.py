"""Shows danlu at work on a real training, and checks what it claims. Run it with `make demo`.

Four models are trained without a network, a fifth is looked at while it trains and then killed, everything is
verified, carried out in a directory, relayed to a server from there, and one run is pulled back. Whatever
does not hold ends the demo with an error.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / ".demo"
QUERY = "SELECT key, count(*), min(value) FROM history GROUP BY key"
COUNT_STEPS = "SELECT count(DISTINCT step) AS logged, max(step) AS last_step FROM history"
MORE_BATCHES = 40
ROWS_BEFORE_KILL = 150
EPOCHS = 10


class DemoError(Exception):
    """Something that danlu claims did not hold."""


@dataclass(frozen=True)
class Setting:
    """What one training is started with."""

    learning_rate: float
    batch_size: int
    hidden: int

    @property
    def name(self) -> str:
        return f"lr{self.learning_rate:g}-batch{self.batch_size}-hidden{self.hidden}"


SETTINGS = [Setting(0.001, 32, 32), Setting(0.003, 32, 64), Setting(0.01, 64, 64), Setting(0.03, 64, 128)]
KILLED = Setting(0.003, 32, 32)


def require(holds: bool, expected: str, found: object) -> None:
    """Ends the demo if something does not hold; says what was expected and found."""
    if not holds:
        raise DemoError(f"expected: {expected}; found: {found}")


def check(holds: bool, expected: str, found: object) -> None:
    """Does what `require` does, and says so if it holds."""
    require(holds, expected, found)
    print(f"   ok: {expected}")


def heading(number: int, text: str) -> None:
    print(f"\n{number}. {text}\n")


def wait_for(condition: Callable[[], Any], what: str, seconds: float) -> Any:
    """Returns what the condition returns as soon as that is true."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise DemoError(f"expected: {what} within {seconds:g} s; found: it did not happen")
        time.sleep(0.02)


class Demo:
    """The working directory, the environment and the processes of one demo."""

    def __init__(self, danlu: Path) -> None:
        self.danlu = danlu
        self.children: list[subprocess.Popen[bytes]] = []
        hidden = ("WANDB_", "DANLU_")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        self.env.update(
            DANLU_CONFIG_DIR=str(WORK / "config"),
            NO_PROXY="127.0.0.1",
            no_proxy="127.0.0.1",
            OMP_NUM_THREADS="1",
            PYTHONUNBUFFERED="1",
        )
        self.offline = self.find_offline_prefix()

    def start(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        """Starts a process that writes into a log file, and that does not outlive the demo."""
        with log.open("wb") as out:
            child = subprocess.Popen(
                command,
                cwd=WORK,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.children.append(child)
        return child

    def end_children(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()

    def capture(self, command: list[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=WORK,
            env=self.env,
            input=text or "",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def run(self, *command: str, text: str | None = None, quiet: bool = False) -> str:
        """Echoes a command, runs it in the working directory, shows and returns what it prints."""
        print(f"$ {shlex.join(command)}")
        real = [str(self.danlu), *command[1:]] if command[0] == "danlu" else list(command)
        done = self.capture(real, text)
        if done.returncode != 0:
            failure = f"exit {done.returncode}\n{done.stdout}{done.stderr}"
            raise DemoError(f"expected: `{shlex.join(command)}` succeeds; found: {failure}")
        if not quiet:
            print((done.stdout + done.stderr).rstrip())
        return done.stdout

    def run_json(self, *command: str) -> Any:
        """Runs a danlu command with --json and returns what it says; the caller shows it."""
        output = self.run(*command, "--json", quiet=True)
        try:
            return json.loads(output)
        except json.JSONDecodeError:
            return json.loads(output.strip().rpartition("\n")[2])

    def find_offline_prefix(self) -> list[str]:
        """Returns how to start a process that has no network, or nothing where that is not allowed."""
        for prefix in (["unshare", "-n"], ["unshare", "-r", "-n"]):
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                done = subprocess.run([*prefix, "true"], capture_output=True, timeout=10, check=False)
                if done.returncode == 0:
                    return prefix
        return []

    def training(self, setting: Setting, *more: str, epochs: int = EPOCHS) -> subprocess.Popen[bytes]:
        """Echoes and starts a training."""
        arguments = ["--name", setting.name, "--epochs", str(epochs), *more]
        for field in ("learning_rate", "batch_size", "hidden"):
            arguments += [f"--{field.replace('_', '-')}", str(getattr(setting, field))]
        print(f"$ {shlex.join([*self.offline, 'python', '../demo/train.py', *arguments])} &")
        command = [*self.offline, sys.executable, str(HERE / "train.py"), *arguments]
        return self.start(command, log_of(setting))


def log_of(setting: Setting) -> Path:
    return WORK / "logs" / f"{setting.name}.log"


def fail_if_ended(child: subprocess.Popen[bytes], log: Path) -> None:
    """Ends the demo if a process ended that should still run or should have succeeded."""
    if child.poll() is not None:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        failure = f"it ended with {child.returncode}\n{tail}"
        raise DemoError(f"expected: `{log.stem}` goes on, or succeeds; found: {failure}")


# 1 and 2: training


def check_offline(demo: Demo) -> None:
    """Shows that a training cannot reach a network."""
    if not demo.offline:
        print("   (`unshare` does not work here: the network stays up, though no training uses it)")
        return
    probe = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"
    done = demo.capture([*demo.offline, sys.executable, "-c", probe])
    refused = os.strerror(errno.ENETUNREACH)
    check(refused in done.stderr, f"a training has no network: “{refused}”", done.stderr.strip()[-200:])


def train_all(demo: Demo) -> None:
    """Trains all settings, two at a time."""
    waiting = list(SETTINGS)
    running: dict[Setting, subprocess.Popen[bytes]] = {}
    began = time.monotonic()

    def some_ended() -> list[Setting]:
        return [setting for setting, child in running.items() if child.poll() is not None]

    while waiting or running:
        while waiting and len(running) < 2:
            setting = waiting.pop(0)
            running[setting] = demo.training(setting)
        for setting in wait_for(some_ended, "a training ends", 120):
            if running[setting].returncode != 0:
                fail_if_ended(running[setting], log_of(setting))
            del running[setting]
            print(f"   {setting.name} finished after {time.monotonic() - began:.0f} s")


def read_rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Reads a run file with Python's own sqlite3, as any other program would."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5)) as connection:
        return connection.execute(query).fetchall()


def count_batches(path: Path) -> int:
    """Counts the batches in a run file; 0 as long as it cannot be read."""
    with contextlib.suppress(sqlite3.OperationalError):
        return sum(row[0] for row in read_rows(path, "SELECT count(*) FROM history WHERE key = 'batch_loss'"))
    return 0


def ask_live(demo: Demo) -> int:
    """Asks the newest run file with the sqlite3 command. Returns how many batches it shows."""
    if shutil.which("sqlite3"):
        command = ["sqlite3", "wandb/latest-run.sqlite", QUERY]
    else:
        print("   (there is no sqlite3 command here: asking with the module of Python)")
        code = (
            "import sqlite3, sys\n"
            "for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(*row, sep='|')"
        )
        command = [sys.executable, "-c", code, "wandb/latest-run.sqlite", QUERY]

    def answer() -> str:
        # The command does not wait when it comes in the moment of a commit; whoever types it types it again.
        done = demo.capture(command)
        busy = "locked" in done.stderr or "busy" in done.stderr
        require(done.returncode == 0 or busy, "the live run file can be read", done.stderr)
        return done.stdout

    print(f"$ {shlex.join(command)}")
    output = wait_for(answer, "an answer from the live run file", 10)
    print(output.rstrip())
    found = re.search(r"batch_loss\D+(\d+)", output)
    require(found is not None, "`batch_loss` in the live run file", output)
    return int(found.group(1)) if found else 0


def watch_live(demo: Demo, child: subprocess.Popen[bytes], known: set[Path]) -> None:
    """Looks twice into the file of a run that is being written."""
    latest, log = WORK / "wandb" / "latest-run.sqlite", log_of(KILLED)

    def batches_of_new_run() -> int:
        fail_if_ended(child, log)
        return count_batches(latest) if latest.resolve() not in known else 0

    wait_for(batches_of_new_run, "the first batches in the live run file", 60)
    first = ask_live(demo)
    wait_for(lambda: batches_of_new_run() >= first + MORE_BATCHES, "more batches in the live run file", 30)
    second = ask_live(demo)
    fail_if_ended(child, log)
    check(second > first, f"the second look shows more than the first, {first} batches", second)


# 3 and 4: killing and verifying


def acknowledged(ack: Path) -> set[int]:
    """Returns the numbers of the rows that log() has returned from."""
    text = ack.read_text() if ack.exists() else ""
    return {int(line) for line in text.splitlines(keepends=True) if line.endswith("\n")}


def kill_training(child: subprocess.Popen[bytes], ack: Path) -> set[int]:
    """Kills a training in the middle. Returns the rows that were acknowledged."""

    def enough() -> bool:
        fail_if_ended(child, log_of(KILLED))
        return len(acknowledged(ack)) >= ROWS_BEFORE_KILL

    wait_for(enough, f"{ROWS_BEFORE_KILL} rows of the training", 60)
    print(f"$ kill -9 {child.pid}")
    child.kill()
    child.wait()
    check(child.returncode == -signal.SIGKILL, "the training was killed", child.returncode)
    return acknowledged(ack)


def list_runs(demo: Demo) -> list[dict[str, Any]]:
    """Shows the runs, and returns them as `danlu ls --json` gives them."""
    demo.run("danlu", "ls")
    runs: list[dict[str, Any]] = demo.run_json("danlu", "ls")
    return runs


def check_states(runs: list[dict[str, Any]], killed: str) -> dict[str, Any]:
    """Checks that one run has crashed and all others finished. Returns the crashed one."""
    states = sorted(run["state"] for run in runs)
    expected = ["crashed"] + ["finished"] * len(SETTINGS)
    check(states == expected, f"one run crashed, {len(SETTINGS)} finished", states)
    crashed = next(run for run in runs if run["state"] == "crashed")
    require(crashed["name"] == killed, f"the crashed run is `{killed}`", crashed["name"])
    return crashed


def check_survivors(demo: Demo, crashed: dict[str, Any], rows: set[int]) -> None:
    """Checks that every acknowledged row of the killed training is in its file."""
    demo.run("danlu", "sql", crashed["id"], COUNT_STEPS)
    found = {step for (step,) in read_rows(WORK / crashed["path"], "SELECT DISTINCT step FROM history")}
    missing = sorted(rows - found)
    lost = f"{len(missing)} are missing: {missing[:10]}"
    check(not missing, f"all {len(rows)} acknowledged rows survived the kill", lost)
    if found - rows:
        print(f"   and {len(found - rows)} more, logged but not yet acknowledged when the kill came")


def check_one_file_each(demo: Demo, runs: list[dict[str, Any]]) -> None:
    demo.run("ls", "wandb")
    files = sorted(path.name for path in (WORK / "wandb").iterdir() if not path.is_symlink())
    expected = sorted(Path(run["path"]).name for run in runs)
    check(files == expected, "one file for each run and nothing else", files)


# 5 and 6: directory and server


@contextlib.contextmanager
def serving(demo: Demo) -> Iterator[tuple[str, str]]:
    """Runs a server. Gives its address and API key."""
    command = ["serve", "--data", "server", "--listen", "127.0.0.1:0", "--json"]
    log = WORK / "logs" / "server.log"
    print(f"$ {shlex.join(['danlu', *command])} &")
    child = demo.start([str(demo.danlu), *command], log)

    def first_line() -> str:
        fail_if_ended(child, log)
        line, end, _ = log.read_text().partition("\n")
        return line if end else ""

    hello = json.loads(wait_for(first_line, "the server listens", 30))
    require("api_key" in hello, "an API key at the first start of the server", hello)
    print(f"   listening on {hello['url']}")
    yield hello["url"].rstrip("/"), hello["api_key"]
    child.terminate()
    wait_for(lambda: child.poll() is not None, "the server ends", 15)
    check(child.returncode == 0, "the server ended in order", child.returncode)


def sync(demo: Demo, *arguments: str) -> dict[str, Any]:
    """Pushes all runs to a remote and shows what that did."""
    return show_report(demo.run_json("danlu", "sync", *arguments))


def show_report(report: dict[str, Any]) -> dict[str, Any]:
    for run in report["runs"]:
        sent = f"{run['objects_sent']:>4} objects  {run['bytes_sent']:>9,} bytes"
        print(f"   {run['id']}  {run['status']:<11} {sent}  {run['error'] or ''}".rstrip())
    print(f"   in all {report['objects_sent']} objects, {report['bytes_sent']:,} bytes")
    return report


def check_statuses(report: dict[str, Any], status: str) -> None:
    statuses = sorted(run["status"] for run in report["runs"])
    check(statuses == [status] * (len(SETTINGS) + 1), f"every run is {status.replace('_', ' ')}", statuses)


def fetch(url: str, key: str) -> bytes:
    """Gets something from the server."""
    print(f"$ curl -H 'Authorization: Bearer dk_…' '{url}'")
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        content: bytes = answer.read()
    return content


def check_server(demo: Demo, url: str, key: str) -> list[dict[str, Any]]:
    """Checks that the server has what the disk has. Returns the runs as the server gives them."""
    here = {run["id"]: run["digest"] for run in demo.run_json("danlu", "ls")}
    runs: list[dict[str, Any]] = json.loads(fetch(f"{url}/api/v1/runs", key))["runs"]
    there = {run["id"]: run["digest"] for run in runs}
    same = bool(here) and all(here.values()) and here == there
    check(same, "the same digests here and on the server", {"here": here, "there": there})
    return runs


def check_model(url: str, key: str, run: dict[str, Any]) -> None:
    """Checks that a model comes back from the server as it was saved."""
    path = f"models/{run['name']}.pkl"
    content = fetch(f"{url}/api/v1/runs/{run['key']}/files/{urllib.parse.quote(path)}", key)
    here, there = (hashlib.sha256(data).hexdigest() for data in ((WORK / path).read_bytes(), content))
    expected = f"the best model comes back as it was saved, {len(content):,} bytes"
    check(here == there, expected, f"SHA-256 {there}, not {here}")


def carry_out(demo: Demo) -> None:
    """Syncs to a directory where there is no network, as on a machine that a stick is put into."""
    (WORK / "usb").mkdir()
    command = ["danlu", "sync", "./usb", "--json"]
    print(f"$ {shlex.join([*demo.offline, *command])}")
    done = demo.capture([*demo.offline, str(demo.danlu), *command[1:]])
    require(done.returncode == 0, "the directory takes the runs", done.stdout + done.stderr)
    check_statuses(show_report(json.loads(done.stdout.strip().rpartition("\n")[2])), "pushed")
    demo.run("danlu", "verify", "./usb")


def relay(demo: Demo) -> tuple[list[dict[str, Any]], str, str]:
    """Relays the directory to a server, looks, and pulls back. Returns the server's runs, address and key."""
    with serving(demo) as (url, key):
        demo.run("danlu", "login", url, text=f"{key}\n")
        check_statuses(sync(demo, "--from", "./usb", url), "pushed")
        again = sync(demo, "--from", "./usb", url)
        check(again["objects_sent"] == 0, "the second relay sent no objects", again["objects_sent"])
        runs = check_server(demo, url, key)
        finished = [run for run in runs if run["state"] == "finished"]
        best = max(finished, key=best_accuracy)
        check_model(url, key, best)
        pull_back(demo, url, best)
    return runs, url, key


def verified(demo: Demo, run: str, *arguments: str) -> bytes:
    """Returns what `danlu verify` computes of a run from its records and files, byte for byte."""
    (report,) = demo.run_json("danlu", "verify", run, *arguments)
    return json.dumps({name: value for name, value in report.items() if name != "target"}).encode()


def pull_back(demo: Demo, url: str, run: dict[str, Any]) -> None:
    """Pulls a run into an empty directory and compares it with the one that was never away."""
    (WORK / "back").mkdir()
    demo.run("danlu", "pull", url, run["id"], "--dir", "back")
    here, back = verified(demo, run["id"]), verified(demo, run["id"], "--dir", "back")
    check(here == back, f"pulled back, it verifies byte for byte to the same: {run['digest'][:16]}…", back)


# 7: what came out


def best_accuracy(run: dict[str, Any]) -> float:
    return float(run["summary"].get("best_accuracy", 0.0))


def show_table(runs: list[dict[str, Any]]) -> None:
    columns = ("learning_rate", "batch_size", "hidden")
    print(f"{'run':<30}{'state':<10}" + "".join(f"{name:>15}" for name in columns) + f"{'best accuracy':>15}")
    for run in sorted(runs, key=best_accuracy, reverse=True):
        values = "".join(f"{run['config'][name]:>15}" for name in columns)
        print(f"{run['name']:<30}{run['state']:<10}{values}{best_accuracy(run):>15.4f}")
    best = max(best_accuracy(run) for run in runs)
    check(0.9 < best <= 1, "the best accuracy is above 0.9", best)


def say_how_to_look(demo: Demo, url: str, key: str) -> None:
    address = url.partition("://")[2]
    program = os.path.relpath(demo.danlu, HERE.parent)
    data = os.path.relpath(WORK / "server", HERE.parent)
    print("\nTo see the runs in a browser, start the server again:")
    print(f"\n   {program} serve --data {data} --listen {address}")
    print(f"\nand open\n\n   {url}/?key={key}")


def play(demo: Demo) -> None:
    print(f"All commands run in `{WORK.name}/`; danlu is `{os.path.relpath(demo.danlu, HERE.parent)}`.")
    heading(1, "Train four models on handwritten digits, two at a time, without a network")
    check_offline(demo)
    train_all(demo)
    heading(2, "Look into a run while it is being written, with the stock sqlite3")
    known, ack = {path.resolve() for path in (WORK / "wandb").iterdir()}, WORK / "ack.txt"
    child = demo.training(KILLED, "--pace", "0.02", "--ack", ack.name, epochs=100)
    watch_live(demo, child, known)
    heading(3, "Kill it in the middle: every row whose log() had returned is there")
    rows = kill_training(child, ack)
    runs = list_runs(demo)
    check_survivors(demo, check_states(runs, KILLED.name), rows)
    check_one_file_each(demo, runs)
    heading(4, "Verify every checksum")
    demo.run("danlu", "verify")
    heading(5, "Carry everything out: sync to a directory, without a network")
    carry_out(demo)
    heading(6, "Relay it to a server from there, look, and pull one back")
    relayed, url, key = relay(demo)
    heading(7, "What came out")
    show_table(relayed)
    say_how_to_look(demo, url, key)


def fresh_work_directory() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "logs").mkdir(parents=True)


def stop(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--danlu", type=Path, required=True, help="the danlu program")
    danlu: Path = parser.parse_args().danlu.absolute()
    if not danlu.is_file():
        print(f"error: there is no `{danlu}`; build it first", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    began = time.monotonic()
    fresh_work_directory()
    demo = Demo(danlu)
    try:
        play(demo)
    except (DemoError, OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
        print(f"\nFAILED: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    finally:
        demo.end_children()
    print(f"\nEverything held. {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
