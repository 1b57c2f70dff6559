"""What the tests of the examples share."""

import sys

import jax
import pytest
import scripts


@pytest.fixture
def load(monkeypatch):
    """Imports a script as Python would run it: with its own folder first on the path."""

    def load(path):
        for shared in ("moons", "recorded", "recorder", "squarenet"):
            monkeypatch.delitem(sys.modules, shared, raising=False)
        monkeypatch.syspath_prepend(path.parent)
        return scripts.load(path)

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield load
