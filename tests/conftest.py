"""JAX at its strictest: no implicit promotion of dtypes or ranks. And PyTorch in one thread."""

import contextlib
import gc
import os
import signal
import sys
import tempfile
import types
from importlib.util import find_spec

import jax

NEED_TORCH = ("fuzz_outcomes", "oracle", "own_schedulers", "torch_suite")
collect_ignore = ["fuzz.py", *(f"helpers/{name}.py" for name in NEED_TORCH)]

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Different schedules often lower to the same program, and compiling is most of what tests cost. A
# folder for each process: JAX does not write the files of a shared one atomically. If
# JAXSCHED_TEST_PROGRAMS names a folder, the programs of earlier runs come from there, and those of
# this one go there at its end.
shared = os.environ.get("JAXSCHED_TEST_PROGRAMS")
if shared:
    shared = os.path.abspath(shared)  # tests change the working directory
    os.makedirs(shared, exist_ok=True)
programs = tempfile.TemporaryDirectory(
    prefix="jaxsched-programs-", dir=shared, ignore_cleanup_errors=True
)


def link_files(source, target):
    for entry in os.scandir(source):
        if entry.is_file():
            with contextlib.suppress(FileExistsError):
                os.link(entry, os.path.join(target, entry.name))


def pytest_sessionfinish():
    if shared:
        link_files(programs.name, shared)


if shared:
    link_files(shared, programs.name)
jax.config.update("jax_compilation_cache_dir", programs.name)
# Otherwise the name of the folder is a part of the key, and no program of another one is found.
jax.config.update("jax_persistent_cache_enable_xla_caches", "none")
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

# Most of what a worker holds are programs, which stay: Python need not look at all of it so often.
gc.set_threshold(100_000, 50, 1000)

# A shell's background job ignores SIGINT, and so would the programs that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# PyTorch's threads wait for each other by spinning: where cores are shared, trainings of small
# arrays have taken 80 times as long. The recordings were made in one thread too.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Of timm its schedulers alone are tested. They need PyTorch, and all the rest torchvision too.
if (found := find_spec("timm")) is not None and find_spec("torchvision") is None:
    sys.modules["timm"] = types.ModuleType("timm")
    sys.modules["timm"].__path__ = list(found.submodule_search_locations)
    sys.modules["timm"].__spec__ = found
