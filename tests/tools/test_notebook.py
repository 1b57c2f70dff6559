"""What a notebook shows: calls, small charts, rates; in a real notebook and a real browser."""

import re
import shutil
from html.parser import HTMLParser

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from schedules import SCHEDULES

import jaxsched as js

HOSTILE = "</code><script>alert(1)</script>\"' onload=alert(1) <img src=x onerror=alert(2)>"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Tags(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]

    def handle_data(self, data):
        self.text += data + " "


def shown(value):
    page = value._repr_html_()
    tags = Tags(page)
    allowed = {"div", "code", "svg", "path", "polyline", "table", "tr", "th", "td"}
    assert set(tags.tags) <= allowed and not [a for a in tags.attributes if a.startswith("on")]
    assert "http" not in page and "NaN" not in page
    return page, " ".join(tags.text.split())


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_every_schedule_has_a_curve_and_its_call(schedule):
    page, text = shown(schedule)

    assert " ".join(repr(schedule).split())[:80] in text
    assert "<svg" in page and "start" in text and "end" in text


def test_start_peak_and_end_are_the_schedules():
    cycle = js.OneCycleLR(0.1, total_steps=100)
    _, text = shown(cycle)

    for word, count in (("start", 0), ("peak", 29), ("end", 99)):
        assert f"{word} {np.float32(cycle(count))!s} at step {count}" in text
    assert "momentum 0.85 to 0.95" in text


def test_the_curve_goes_through_the_rates():
    page, _ = shown(js.from_rates([0.0, 0.1, 0.05]))

    [points] = re.findall(r'points="(.*?)"', page)
    x, y = np.array([pair.split(",") for pair in points.split()], float).T
    np.testing.assert_allclose(x, [4, 150, 296])
    np.testing.assert_allclose(y, [76, 4, 40])


def test_groups_are_named_and_many_are_cut():
    groups = js.ParamGroups([js.ExponentialLR(lr, 0.9) for lr in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)])
    page, text = shown(groups)

    assert page.count("<polyline") == 4
    assert "group 3, start 0.4 at step 0" in text and "group 4" not in text
    assert "groups 6, of which 4 are shown" in text


def test_what_has_no_curve_is_shown_by_its_call():
    def broken(step):
        raise ZeroDivisionError

    batch = jax.vmap(lambda lr: js.StepLR(lr, 30))(jnp.array([0.1, 0.2]))
    for value in (js.LambdaLR(0.1, broken), batch, js.ReduceLROnPlateau(0.1)):
        page, text = shown(value)
        assert "<svg" not in page and type(value).__name__ in text
    assert "depends on the metrics" in text


def test_a_traced_schedule_is_left_to_python():
    seen = []
    jax.jit(lambda lr: seen.append(js.StepLR(lr, 30)._repr_html_()))(0.1)

    assert seen == [None]


def test_traces_and_comparisons():
    trace = js.Trace.from_rates([0.1, 0.1, 0.01], counts=[0, 1, 30], call="train.py")
    page, text = shown(trace)
    _, fine = shown(js.compare(js.StepLR(0.1, 30), trace))
    _, wrong = shown(js.compare(js.StepLR(0.1, 31), trace))

    assert "train.py" in text and "steps 3, 0 to 30" in text and "end 0.01" in text
    assert page.count("h.1") == 3
    assert "✓ matches PyTorch" in fine and "3 rates in float32" in fine
    assert "✗ differs from PyTorch" in wrong and "at step 30" in wrong


def test_hostile_strings_stay_text():
    trace = js.Trace.from_rates([0.1], call=HOSTILE)
    named = js.Trace.from_rates([0.1])
    object.__setattr__(named, "torch", HOSTILE)

    for value in (trace, named):
        page, text = shown(value)
        assert "<script>" not in page and "alert(1)" in text


def test_looking_changes_no_config_and_draws_no_random_number():
    schedule = js.StepLR(0.1, 30)
    before = js.to_config(schedule), hash(schedule)
    schedule._repr_html_()

    assert (js.to_config(schedule), hash(schedule)) == before


NOTEBOOK = """\
import jax.numpy as jnp
import jaxsched as js
js.OneCycleLR(0.1, total_steps=100)
"""


def test_in_a_real_notebook(tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
    nbclient.NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": tmp_path}}
    ).execute()
    [output] = notebook.cells[0].outputs

    assert output.data["text/html"] == js.OneCycleLR(0.1, total_steps=100)._repr_html_()
    assert output.data["text/plain"] == "OneCycleLR(max_lr=0.1, total_steps=100)"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize("scheme, paper", [("light", "#fff"), ("dark", "#111")])
@pytest.mark.parametrize("width", [360, 1000])
def test_is_readable_in_a_browser(scheme, paper, width):
    playwright = pytest.importorskip("playwright.sync_api")
    ink = "#111" if scheme == "light" else "#ddd"
    values = (js.OneCycleLR(0.1, total_steps=100), js.Trace.from_rates([0.1], call=HOSTILE))
    body = "".join(value._repr_html_() for value in values)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 700})
        said = []
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.set_content(f"<!doctype html><body style='background:{paper};color:{ink}'>{body}")
        colours = page.eval_on_selector_all(
            "td, th, code", "all => all.map(x => getComputedStyle(x).color)"
        )
        wide = page.evaluate("document.documentElement.scrollWidth")
        browser.close()

    assert said == []
    assert set(colours) == {"rgb(17, 17, 17)" if scheme == "light" else "rgb(221, 221, 221)"}
    assert wide <= width
