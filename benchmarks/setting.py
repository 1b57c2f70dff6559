"""Commit, machine and versions of a measurement."""

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jax

ROOT = Path(__file__).parents[1]
PACKAGES = "jax", "optax", "flax", "torch", "braintools", "numpy"
WRITTEN = (
    "benchmarks/results",
    "benchmarks/RESULTS.md",
    "examples/guides/speed.md",
)  # by a run itself


def backend() -> str:
    return {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())


def setting(given: str | None = None) -> dict:
    """The setting; results in one file must have the same.

    Args:
      given: the commit, if git is not available.
    """
    machine = {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "gpu": None if backend() == "cpu" else jax.devices()[0].device_kind,
        "system": f"{platform.system()} {platform.machine()}",
    }
    versions = {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}
    return {"backend": backend(), "machine": machine, "versions": versions, **commit(given)}


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")  # on Linux
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*: (.*)$", text, re.M)
    return model[1] if model else platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package).split("+")[0]
    except PackageNotFoundError:
        return "not installed"


def commit(given: str | None = None) -> dict:
    """The commit of the working tree, and whether it has changes apart from results."""

    def git(*arguments):
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        others = [f":!{path}" for path in WRITTEN]
        changed = git("status", "--porcelain", "--", ".", *others) != ""
        return {"commit": git("rev-parse", "HEAD"), "changed": changed}
    except (subprocess.CalledProcessError, FileNotFoundError):
        return {"commit": given or "unknown", "changed": None}
