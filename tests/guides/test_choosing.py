"""The page of shapes: its pictures and those of `jaxsched list` are what the script makes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scripts import load

from jaxsched._chart.braille import braille
from jaxsched._schedulers import SCHEDULERS

GUIDES = Path(__file__).parents[2] / "examples" / "guides"


@pytest.fixture(scope="module")
def script():
    return load(GUIDES / "make_shapes.py")


def points(svg):
    return np.array(re.findall(r"\d+\.\d", svg), float)


def test_the_page_and_its_pictures_are_what_the_script_makes(script):
    calls = {script.name_of(call): call for rows in script.SECTIONS.values() for call, _ in rows}

    assert script.GUIDE.read_text() == script.page()
    assert sorted(path.stem for path in script.PICTURES.iterdir()) == sorted(calls)
    for name, call in calls.items():
        shown, made = (script.PICTURES / f"{name}.svg").read_text(), script.picture(call)
        np.testing.assert_allclose(points(shown), points(made), atol=0.11, err_msg=name)


def test_every_scheduler_is_listed_with_its_shape(script):
    listed = json.loads(script.LISTED.read_text())

    assert sorted(listed) == sorted(cls.__name__ for cls in SCHEDULERS)
    for call, _ in script.SECTIONS["PyTorch's schedulers"]:
        assert listed[script.name_of(call)] == script.listed_shape(call), call


@pytest.mark.parametrize(
    "values, lines",
    [
        ([0, 1, 2, 3], ["⡠⠊"]),
        ([3, 3, 0, 0], ["⠉⣆"]),
        ([0, 0, 0, 0], ["⠒⠒"]),
        ([0, 7, 7, 7], ["⢸⠉", "⡸⠀"]),
    ],
)
def test_braille(values, lines):
    assert braille(np.array(values, float), 2, len(lines)).split("\n") == lines
