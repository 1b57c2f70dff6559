"""What README and guides show, run as it stands; their links; and the picture."""

import contextlib
import re
import shlex
import sys
import tomllib
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import jax
import jax.export
import numpy as np
import pytest
from scripts import load

import jaxsched as js
from jaxsched.__main__ import main

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "examples" / "guides"
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted(GUIDES.glob("*.md"))]
LINKED = [*PAGES, ROOT / "examples" / "README.md", ROOT / "benchmarks" / "README.md"]
OPTIONAL = "torch|transformers|diffusers|timm|flax|orbax|flatbuffers|tensorboardX|tensorboard|wandb"
NUMBER = r"-?\d+\.\d*(?:e[+-]?\d+)?"


def name_of(path):
    return str(path.relative_to(ROOT))


def blocks(path, *languages):
    """Language and text of each code block, all of them or those in some languages.

    Empty lines before the text put it where it stands in the file, for tracebacks.
    """
    text = path.read_text()
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [
        (match[1], "\n" * text.count("\n", 0, match.start(2)) + match[2])
        for match in found
        if not languages or match[1] in languages
    ]


def run_python(snippet, name, namespace):
    """Runs a block, and compares each `expression  # Array(...)` in it with what it gives."""
    needed = re.findall(rf"^(?:import|from) ({OPTIONAL})\b", snippet, re.MULTILINE)
    if any(find_spec(module) is None for module in needed):
        return
    exec(compile(snippet, name, "exec"), namespace)
    for line in snippet.splitlines():
        if match := re.fullmatch(r"(\S.*?)  # (Array\(.*\))", line):
            expression, shown = match.groups()
            dtype = "float64" if jax.config.jax_enable_x64 else "float32"
            value = np.asarray(eval(expression, namespace))
            numbers = [float(x) for x in re.findall(NUMBER, shown)]
            np.testing.assert_allclose(value.ravel(), numbers, rtol=1e-6)
            assert value.dtype == dtype


def run_command(line, capsys):
    """Runs a `jaxsched` command, but for `jaxsched check` alone, which test_cli.py runs."""
    command = shlex.split(line, comments=True)
    if command[:1] != ["jaxsched"] or command == ["jaxsched", "check"]:
        return
    if command[1] == "record" and find_spec("torch") is None:
        write_trace("my_run.jsonl")
    else:
        assert main(command[1:]) == 0, capsys.readouterr().err


def write_trace(path):
    schedule = js.StepLR(0.1, step_size=30)
    rates = np.array([0.1] * 30 + [0.01])
    config = js.to_config(schedule)
    trace = js.Trace(
        "2.13.0", "StepLR(optimizer, 30)", "SGD", np.arange(31), rates, schedule=config
    )
    trace.save(path)


@pytest.fixture(autouse=True)
def registered_again(monkeypatch):
    """Lets a block register a class for `jax.export` that another test has registered."""
    register = jax.export.register_namedtuple_serialization

    def once(cls, **options):
        with contextlib.suppress(ValueError):
            register(cls, **options)
        return cls

    monkeypatch.setattr(jax.export, "register_namedtuple_serialization", once)


def run_blocks(path, capsys):
    """Runs all blocks in order, each after those above it."""
    if find_spec("torch") is None:
        write_trace("my_run.jsonl")
    namespace = {"__name__": "__main__"}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for language, text in blocks(path, "python", "sh"):
            if language == "python":
                run_python(text, name_of(path), namespace)
            else:
                for line in text.replace("\\\n", " ").splitlines():
                    run_command(line, capsys)


@pytest.mark.parametrize("path", PAGES[1:], ids=name_of)
def test_every_block_of_a_guide_runs_and_shows_what_it_says(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run_blocks(path, capsys)


def test_every_block_of_the_readme_runs_and_both_its_scripts_print_the_same_rates(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    run_blocks(ROOT / "README.md", capsys)

    printed = re.findall(r"epoch (\d): lr (\S+),", capsys.readouterr().out)
    before, after = printed[:-9], printed[-9:]
    assert len({lr for _, lr in after}) == 3
    if find_spec("torch") is not None:
        assert before == after


def test_all_blocks_are_in_languages_that_are_run():
    """`pycon` blocks are the docstrings' examples; `text` is what a program prints."""
    for path in PAGES:
        assert {language for language, _ in blocks(path)} <= {"python", "sh", "pycon", "text"}


def test_the_guide_to_the_command_line_has_all_commands():
    text = "".join(text for _, text in blocks(GUIDES / "command_line.md", "sh"))

    assert set(re.findall(r"^jaxsched (\w+)", text, re.MULTILINE)) == {
        "list",
        "show",
        "plot",
        "record",
        "check",
        "report",
    }


@pytest.mark.parametrize("path", LINKED, ids=name_of)
def test_commands_name_scripts_and_extras_that_exist(path):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    text = path.read_text()

    for script in re.findall(r"\bpython ((?:examples|benchmarks)/\S+?\.py)", text):
        assert (ROOT / script).exists() or "NAME" in script, script
    for named in re.findall(r"pip install -e '\.\[(.*?)\]'", text):
        assert set(named.split(",")) <= set(extras), named


def without_code(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^    .*$", "", text, flags=re.MULTILINE)


def anchors(path):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", without_code(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", LINKED, ids=name_of)
def test_every_link_leads_somewhere(path):
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(path)):
        if link.startswith(("https://", "http://")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_the_readme_is_short_and_names_every_guide():
    assert len(README.splitlines()) <= 260
    assert len(PAGES) > 10
    for path in PAGES[1:]:
        assert name_of(path) in README


def test_the_readme_has_the_two_commands():
    text = "\n".join(text for _, text in blocks(ROOT / "README.md", "sh"))
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]

    assert "pip install -e . && jaxsched check" in lines
    assert "pip install -e '.[test]' && pytest" in lines


def test_the_api_page_is_what_the_script_makes():
    """Its examples are those of the docstrings, which run as they are collected."""
    assert (GUIDES / "api.md").read_text() == load(GUIDES / "make_api.py").page()


def test_the_number_of_traces_is_true(tmp_path):
    path, counted, sources = tmp_path / "trace.jsonl", [], defaultdict(list)
    for file in Path(js.__file__).parent.rglob("*.jsonl"):
        for line in file.read_text().splitlines():
            path.write_text(line)
            trace = js.Trace.load(path)
            counted.append(trace.lr.size)
            sources[trace.library or f"pytorch {trace.torch}"].append(trace.lr.size)

    shown = f"{len(counted)} configurations, {sum(counted):,} steps"
    assert shown in " ".join((GUIDES / "traces.md").read_text().split())
    assert shown in " ".join(README.split())
    for source, sizes in sources.items():
        cells = rf"\| {re.escape(source)} \| {len(sizes)} \| {sum(sizes):,} \| 0\.\d+ ULP \|"
        assert re.search(cells, README, re.IGNORECASE), source


TABLE = re.findall(r"^\| `(.*?)` \| `(.*?)` \| ([^|]*) \|$", README, re.MULTILINE)


def test_the_porting_table_has_all_sixteen():
    assert len({torchs.split("(")[0] for torchs, *_ in TABLE}) == 16


@pytest.mark.parametrize("torchs, ours, counts", TABLE, ids=[torchs for torchs, *_ in TABLE])
def test_both_sides_of_the_porting_table_agree(torchs, ours, counts):
    torch = pytest.importorskip("torch")
    scope = vars(torch.optim.lr_scheduler) | {"SWALR": torch.optim.swa_utils.SWALR}
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)

    def f(epoch):
        return 0.95**epoch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.lr_scheduler.warnings, "warn", lambda *args, **kwargs: None)
        scheduler = eval(torchs, dict(scope), {"opt": optimizer, "f": f})
        schedule = eval(ours, vars(js) | {"f": f})
        plateau = isinstance(schedule, js.ReduceLROnPlateau)
        trace = js.record(scheduler, 60, [1.0] * 59 if plateau else None)

    assert torchs.split("(")[0] == ours.split("(")[0]
    assert js.compare(schedule, trace).ok


def test_the_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        import plot_schedulers
    finally:
        sys.path.pop(0)
    with jax.numpy_dtype_promotion("standard"):
        plot_schedulers.main(["--picture", str(tmp_path / "all.png")])

    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
    assert set(plot_schedulers.SHOWN) == {torchs.split("(")[0] for torchs, *_ in TABLE}
