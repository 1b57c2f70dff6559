"""The page of `jaxsched report`: what is in it, and how it works in a real browser."""

import base64
import dataclasses
import hashlib
import re
import shutil
from html.parser import HTMLParser

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsched as js
from jaxsched import Trace, compare
from jaxsched._chart.scale import Scale
from jaxsched._report.page import page
from jaxsched._traces.trace import shipped

HOSTILE = "</code><script>alert(1)</script>\"' onload=alert(1) &amp; {{ 1 + 1 }}"
VOID = {"meta", "input", "br", "link", "img", "hr", "wbr"}
TRACES = shipped()


class Gap(js.Schedule):
    """A user's own schedule, not a number for three steps."""

    lr: float

    def curve(self, t):
        return jnp.where((t > 5) & (t < 9), jnp.nan, self.lr)


def bent(trace, step, factor):
    lr = trace.lr.copy()
    lr[step] *= factor
    return dataclasses.replace(trace, lr=lr, closed_form=None)


def result(name, trace, schedule=None):
    schedule, pair = schedule or trace.build(), []
    for x64 in (False, True):
        with jax.enable_x64(x64):
            pair.append(compare(schedule, trace))
    return name, trace, schedule, tuple(pair)


STEP = TRACES["StepLR"][2]
CASES = [  # name, trace, schedule if not the trace's own
    ("StepLR", STEP, None),
    ("StepLR", bent(STEP, 60, 1 + 1e-6), None),
    ("ExponentialLR", bent(TRACES["ExponentialLR"][0], 20, 1 + 1e-11), None),  # in float64 only
    ("ExponentialLR", TRACES["ExponentialLR"][7], None),  # negative
    ("CosineAnnealingLR", TRACES["CosineAnnealingLR"][8], None),  # 2,000 steps
    ("CosineAnnealingWarmRestarts", TRACES["CosineAnnealingWarmRestarts"][10], None),  # fractional
    ("ChainedScheduler", TRACES["ChainedScheduler"][29], None),  # sparse
    ("CyclicLR", TRACES["CyclicLR"][14], None),  # groups, and momenta
    ("ReduceLROnPlateau", TRACES["ReduceLROnPlateau"][0], None),
    ("a <i>b</i>.jsonl", dataclasses.replace(TRACES["ConstantLR"][0], call=HOSTILE), None),
    ("a <i>b</i>.jsonl", Trace("2.13.0", "one(optimizer)", "SGD", np.arange(1), np.full(1, 0.1)), js.ConstantLR(0.1, 1.0)),
    ("a <i>b</i>.jsonl", Trace("2.13.0", "zero(optimizer)", "SGD", np.arange(4), np.zeros(4)), js.ConstantLR(0.0)),
    ("a <i>b</i>.jsonl", Trace("2.13.0", "gap(optimizer)", "SGD", np.arange(20), np.full(20, 0.1)), Gap(0.1)),
]  # fmt: skip
DIFFERING = ["StepLR 2", "ExponentialLR 1", "a <i>b</i>.jsonl 4"]


@pytest.fixture(scope="module")
def html():
    return page([result(*case) for case in CASES])


class Page(HTMLParser):
    """What a browser makes of the text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in self.open[-1:]:
            self.texts.setdefault(tag, []).append(data)

    def all(self, name):
        return [attributes[name] for _, attributes in self.tags if name in attributes]


def test_it_is_well_formed_and_needs_nothing_else(html):
    found = Page(html)

    assert found.open == []
    assert len(set(found.all("id"))) == len(found.all("id"))
    assert {href[0] for href in found.all("href")} == {"#"}
    assert {href[1:] for href in found.all("href")} <= set(found.all("id"))
    assert not found.all("src") and not found.all("style")
    assert not re.search(r"https?:|url\(|@import", html)
    headings = [int(tag[1]) for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1 and np.diff(headings).max() == 1
    charts = [attributes for tag, attributes in found.tags if attributes.get("role") == "img"]
    assert len(charts) == 2 * len(CASES) + 1
    assert all("step" in chart["aria-label"] for chart in charts)


def test_text_from_a_file_stays_text(html):
    found = Page(html)

    assert html.count("<script>") == 2
    assert HOSTILE in "".join(found.texts["code"])
    assert not [tag for tag, _ in found.tags if tag == "i"]
    assert "a <i>b</i>.jsonl" in found.texts["h2"]


def test_the_policy_names_the_page_s_own_scripts_and_style(html):
    found = Page(html)
    policy = next(a["content"] for t, a in found.tags if a.get("http-equiv"))

    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    for text in re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", html, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_what_differs_is_listed_on_top(html):
    found = Page(html)
    alarm = Page(re.search(r'<section class="alarm".*?</section>', html, re.DOTALL)[0])

    assert alarm.texts["a"] == DIFFERING
    assert "3 of 13 configurations differ" in "".join(found.texts["span"])
    assert found.texts["title"] == ["jaxsched: 3 of 13 configurations differ from PyTorch"]
    assert "Gap(<wbr>lr=0.1)" in html
    assert "float64 by 1.0e-11 relative at step 20<br>" in html


def test_float64_errors_are_relative():
    html = page([result(*CASES[0]), result("ExponentialLR", TRACES["ExponentialLR"][2])])
    tile = re.search(r"Largest float64 error, relative</dt><dd>(.*?)</dd><dd>(.*?)</dd>", html)

    assert re.fullmatch(r"\d\.\de-1\d", tile[1]) and float(tile[1]) < 1e-12
    assert tile[2] == "bound: 1e-12"
    for in_float64 in re.findall(r"<h4>float64</h4>\n<p>(.*?)</p>", html):
        assert "ULP" not in in_float64 and "relative at" in in_float64
    for in_float32 in re.findall(r"<h4>float32</h4>\n<p>(.*?)</p>", html):
        assert "ULP at" in in_float32


def test_if_nothing_differs_it_says_so():
    html = page([result(*CASES[0])]).replace("<wbr>", "")

    assert "The configuration matches PyTorch" in html
    assert "What differs" not in html and "StepLR(lr=0.1, step_size=30)" in html


def test_every_path_is_inside_its_chart(html):
    paths = re.findall(r'<path class="\w+" d="([^"]*)"', html)
    numbers = [float(x) for path in paths for x in re.findall(r"[-\d.]+|[a-zA-Z]{2,}", path)]

    assert min(numbers) >= 0 and max(numbers) <= 1000
    places = [float(x) for x in re.findall(r' [cxy]\w="([^"]*)%"', html)]
    assert min(places) >= -0.01 and max(places) <= 100


def test_thinning_loses_no_error():
    trace = TRACES["CosineAnnealingLR"][8]
    html = page([result("CosineAnnealingLR", bent(trace, 1234, 1.0001), trace.build())])

    x = round(1000 * 1234 / 1999)
    wrong = re.findall(r'<path class="wrong" d="([^"]*)"', html)
    assert any(f"M{x} " in path for path in wrong if "V" not in path)
    assert any(f"M{x} 1000V" in path for path in wrong)
    assert "at step 1,234" in html


def test_a_configuration_takes_less_than_eight_kilobytes(html):
    """So that the page of all shipped traces, several hundred, opens at once."""
    head = html.index('<div id="configurations"')

    assert (len(html) - head) / len(CASES) < 8_000


@pytest.mark.parametrize("values, labels", [
    ([0.0, 0.1], ["0", "0.05", "0.1"]),
    ([-0.045, 0.05], ["0", "0.05"]),
    ([0.2, 0.2 + 1e-9], ["0", "0.2", "0.4"]),
    ([-0.1, -0.1], ["-0.2", "-0.1", "0"]),
    ([0.0, 0.0], ["0"]),
    ([np.nan, np.inf], ["0"]),
    ([-1.7e308, 1.7e308], ["-1.7e+308", "0", "1.7e+308"]),
    ([0.0, 2e-323], ["0", "9.88e-324", "1.98e-323"]),
    ([1.0, 1.0001], ["1", "1.00005", "1.0001"]),
])  # fmt: skip
def test_ticks(values, labels):
    scale = Scale.of(np.array(values), zero=True)

    assert [label for _, label in scale.ticks(3)] == labels


# --- in a browser ---


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(html, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "parity.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def visit(chromium, address):
    """Opens the page in a fresh profile; no visit may log, fail, or fetch anything else."""
    contexts, said = [], []

    def visit(hash="", **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        view = context.new_page()
        view.on("console", lambda message: said.append(message.text))
        view.on("pageerror", lambda error: said.append(str(error)))
        view.on("request", lambda request: said.append(request.url))
        view.goto(address + hash)
        return view

    yield visit
    for context in contexts:
        context.close()
    assert {text.split("#")[0] for text in said} == {address}


def shown(view):
    return view.locator(".card:visible h3").all_text_contents()


def colours(view):
    return view.evaluate(
        "[document.body, document.querySelector('path.ours')].map(element => {"
        " const {backgroundColor, color, stroke} = getComputedStyle(element);"
        " return [backgroundColor, color, stroke] })"
    )


def test_the_filter_by_text(visit):
    view = visit()
    view.keyboard.press("/")
    view.keyboard.type("STEPLR  gamma=")

    assert view.locator("#query").input_value() == "STEPLR  gamma="
    assert view.locator("#count").inner_text() == "0 of 13 shown"
    assert view.locator("#nothing").is_visible()
    view.keyboard.press("Escape")
    view.keyboard.type("optimizer, step_size=30")
    assert shown(view) == ["StepLR 1", "StepLR 2"]
    assert view.locator("#count").inner_text() == "2 of 13 shown"
    assert view.locator(".group:visible h2").all_text_contents() == ["StepLR"]
    assert view.url.endswith("#q=optimizer%2C+step_size%3D30")
    view.reload()
    assert shown(view) == ["StepLR 1", "StepLR 2"]


def test_the_filter_by_verdict(visit):
    view = visit()
    view.get_by_label("all", exact=True).focus()
    view.keyboard.press("ArrowRight")
    assert view.locator("#count").inner_text() == "10 of 13 shown"
    view.keyboard.press("ArrowRight")

    assert shown(view) == DIFFERING
    assert view.url.endswith("#verdict=differs")
    view.reload()
    assert shown(view) == DIFFERING
    view.keyboard.press("/")
    view.keyboard.type("exp")
    assert shown(view) == ["ExponentialLR 1"]
    assert view.url.endswith("#q=exp&verdict=differs")
    view.keyboard.type("ress")
    view.get_by_role("button", name="Show all").press("Enter")
    assert len(shown(view)) == 13
    assert "#" not in view.url


def test_a_link_to_a_card_shows_it(visit):
    view = visit("#verdict=exact")
    assert len(shown(view)) == 10

    view.get_by_role("link", name="ExponentialLR 1").first.press("Enter")
    view.locator("#count", has_text="13 of 13").wait_for()
    assert view.locator(".card:target h3").text_content() == "ExponentialLR 1"


def test_everything_is_reached_by_keyboard_and_seen(visit):
    view = visit()
    reached = []
    for _ in range(50):
        view.keyboard.press("Tab")
        reached.append(
            view.evaluate(
                "(() => { const e = document.activeElement, s = getComputedStyle(e);"
                " return [e.id || e.className || e.hash || e.value || e.tagName,"
                " s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1] })()"
            )
        )
    names = [name for name, _ in reached]

    assert [name for name, seen in reached if not seen] == []
    assert names[:2] == ["skip", "theme"]
    places = [names.index(name) for name in ("scroll", "#s1-StepLR", "query", "all", "copy")]
    assert places == sorted(places)


def test_the_skip_link(visit):
    view = visit()
    view.keyboard.press("Tab")
    view.keyboard.press("Enter")

    assert view.evaluate("document.activeElement.id") == "configurations"


@pytest.mark.parametrize("clipboard, library, title, call", [
    ("trusted", "jaxsched", "ReduceLROnPlateau 1", "ReduceLROnPlateau(lr=0.1, patience=1)"),
    ("refused", "PyTorch", "a <i>b</i>.jsonl 1", HOSTILE),
    ("missing", "PyTorch", "StepLR 2", "StepLR(optimizer, step_size=30)"),
])  # fmt: skip
def test_copying(visit, clipboard, library, title, call):
    view = visit()
    if clipboard == "refused":
        view.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject() }")
    if clipboard == "missing":
        view.evaluate("() => { Object.defineProperty(navigator, 'clipboard', {value: null}) }")
    view.get_by_role("button", name=f"Copy the {library} call of {title}").press("Enter")
    view.locator("#status", has_text="Copied").wait_for(state="attached")
    view.keyboard.press("/")
    view.keyboard.press("Control+V")

    assert view.locator("#query").input_value() == call


def test_the_theme(visit):
    light, dark = visit(color_scheme="light"), visit(color_scheme="dark")
    button = dark.get_by_role("button", name="Dark theme")

    assert all(a != b for a, b in zip(colours(light), colours(dark), strict=True))
    assert button.get_attribute("aria-pressed") == "true"
    button.press("Space")
    assert button.get_attribute("aria-pressed") == "false"
    assert colours(dark) == colours(light)
    dark.evaluate("localStorage.setItem('probe', 'kept')")
    for _ in range(30):  # Chromium stores in its own time, in order.
        dark.reload()
        if dark.evaluate("localStorage.getItem('probe')"):
            break
        dark.wait_for_timeout(100)
    else:
        pytest.skip("this Chromium keeps nothing of a file's page over a reload")
    assert colours(dark) == colours(light)


def test_in_print(visit):
    view = visit(color_scheme="dark")
    view.emulate_media(media="print")

    for controls in ("#controls", "#theme", ".copy", ".skip"):
        assert not view.locator(controls).first.is_visible()
    assert len(shown(view)) == 13
    assert view.locator(".card").first.evaluate("e => getComputedStyle(e).breakInside") == "avoid"
    assert view.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert view.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert visit("#q=cyclic").locator("#printed").text_content() == "Filtered: 1 of 13 shown."


@pytest.mark.parametrize("width", [320, 768, 1600])
def test_no_width_scrolls_sideways(visit, width):
    view = visit(viewport={"width": width, "height": 900})
    view.evaluate(
        "for (const c of document.querySelectorAll('.card')) c.style.contentVisibility = 'visible'"
    )

    assert view.evaluate("document.documentElement.scrollWidth") <= width
    assert view.evaluate(
        "[...document.querySelectorAll('.card')].every(c => c.scrollWidth <= c.clientWidth)"
    )


def test_without_scripts_everything_is_there(visit):
    view = visit(java_script_enabled=False)

    assert view.locator(".card").count() == 13
    assert all(card.is_visible() for card in view.locator(".card").all())
    for control in ("#controls", "#theme", ".copy"):
        assert not view.locator(control).first.is_visible()
