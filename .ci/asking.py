"""A pytest plugin: writes which tests ask for a library that is absent, as they check more with it.

To the file `$ASKING`, which `pytest @FILE` runs; a module that asks as it is imported is whole.
"""

import os
import sys

import pytest

LIBRARIES = ("torch", "transformers", "diffusers", "lightning", "timm")
current = ""


class Absent:
    """The last of Python's finders: what comes here, no other has found."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in LIBRARIES and current:
            with open(os.environ["ASKING"], "a") as out:
                out.write(f"{current}\n")


sys.meta_path.append(Absent)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return (yield from noted(collector))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    return (yield from noted(item))


def noted(node):
    global current
    os.environ.pop("PYTEST_ADDOPTS", None)  # Where a test runs pytest, that is without this.
    outer, current = current, node.nodeid
    try:
        return (yield)
    finally:
        current = outer
