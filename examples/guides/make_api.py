"""Writes api.md: every public name of jaxsched, with its signature and its docstring.

python examples/guides/make_api.py
"""

import inspect
import re
from pathlib import Path

import jaxsched
import jaxsched.testing
from jaxsched._schedulers import RECIPES

PAGE = Path(__file__).with_name("api.md")
INTRODUCTION = """\
# API

Every public name, with its signature and its docstring. `help(jaxsched)` has an overview. This
page is written by `python examples/guides/make_api.py`.
"""
# What users call on objects; a schedule itself is called with a count.
METHODS = {
    "CosineLRScheduler": ["get_cycle_length"],
    "CyclicLR": ["momentum"],
    "OneCycle": ["momentum"],
    "OneCycleLR": ["momentum"],
    "PolyLRScheduler": ["get_cycle_length"],
    "OptimizerParamScheduler": ["weight_decay"],
    "ParamSchedulers": ["momentum"],
    "ParamGroups": ["rates", "momentum", "partition", "single"],
    "ReduceLROnPlateau": ["init", "update", "held", "step", "averaged"],
    "TanhLRScheduler": ["get_cycle_length"],
    "Trace": ["save", "load", "from_rates", "build"],
    "WSDLRScheduler": ["get_cycle_length"],
}
SECTIONS = "Args", "Returns", "Raises", "Warns"


def signature(name: str, function) -> str:
    """The call with its defaults, without annotations."""
    if not callable(function):  # a property
        return name
    try:
        called = inspect.signature(function)
    except ValueError:
        return name
    parameters = [p.replace(annotation=p.empty) for p in called.parameters.values()]
    if parameters and parameters[0].name == "self":
        parameters = parameters[1:]
    call = name + str(called.replace(parameters=parameters, return_annotation=called.empty))
    return re.sub(r"<[^<>]* at 0x\w+>", "...", call)  # a default that has no value to show


def markdown(docstring: str) -> str:
    """Arguments as a list, examples in a block of their own; the rest is Markdown as it is."""
    lines, paragraphs = docstring.splitlines(), []
    section = example = False
    for line in lines:
        if example and not line.strip():
            paragraphs.append("```")
            example = False
        if line.startswith(">>> ") and not example:
            paragraphs.append("```pycon")
            example = True
        if example:
            paragraphs.append(line)
        elif line.rstrip(":") in SECTIONS and line.endswith(":"):
            section = True
            paragraphs += [f"**{line}**", ""]
        elif section and line.startswith("  "):
            entry = re.fullmatch(r"  (\*{0,2}\w+): (.*)", line)
            paragraphs.append(f"- `{entry[1]}`: {entry[2]}" if entry else line)
        else:
            section = section and not line
            paragraphs.append(line)
    return "\n".join([*paragraphs, "```"] if example else paragraphs)


def entry(name: str, value, level: int = 3) -> list[str]:
    text = inspect.getdoc(value) or ""
    return [f"{'#' * level} {name}", "", f"`{signature(name, value)}`", "", markdown(text), ""]


def is_port(name: str) -> bool:
    return "Port of https://docs.pytorch.org" in (getattr(jaxsched, name).__doc__ or "")


def called(name: str, module) -> str:
    """How it is called: a library's with the library before it, as several have the same names."""
    library = module.__name__.removeprefix("jaxsched.")
    return f"{library}.{name}" if library in RECIPES else name


def index(title: str, names: list[str], module) -> list[str]:
    lines = [f"| {title} | |", "|---|---|"]
    for name in names:
        summary, _, _ = inspect.getdoc(getattr(module, name)).partition("\n\n")
        heading = re.sub(r"[^\w\- ]", "", called(name, module).lower())
        lines.append(f"| [`{name}`](#{heading}) | {' '.join(summary.split())} |")
    return [*lines, ""]


def page() -> str:
    names = [n for n in jaxsched.__all__ if not inspect.ismodule(getattr(jaxsched, n))]
    recipes = [getattr(jaxsched, name) for name in RECIPES]
    parts = {
        "PyTorch's schedulers": ([n for n in names if is_port(n)], jaxsched),
        "Everything else": ([n for n in names if not is_port(n)], jaxsched),
        **{module.__name__: (module.__all__, module) for module in recipes},
        "jaxsched.testing": (jaxsched.testing.__all__, jaxsched.testing),
    }
    lines = [INTRODUCTION]
    for title, (members, module) in parts.items():
        lines += index(title, members, module)
    for title, (members, module) in parts.items():
        lines += [f"## {title}", ""]
        for name in members:
            value = getattr(module, name)
            lines += entry(called(name, module), value)
            # Another library's OneCycleLR has not all that PyTorch's has.
            for method in METHODS.get(name, []):
                if found := inspect.getattr_static(value, method, None):
                    lines += entry(f"{called(name, module)}.{method}", found, level=4)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    PAGE.write_text(page())
