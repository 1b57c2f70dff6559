"""Changes the code at random places, one at a time, and tells which changes no test notices.

    python tests/mutations.py baseline              # runs the tests once: their times, what they reach
    python tests/mutations.py run --seed 1          # mutates 85 places of each area
    python tests/mutations.py run --seed 1 --quick  # with the quickest tests of each alone
    python tests/mutations.py run --only FILE:LINE  # all mutations of one line
    python tests/mutations.py list                  # all places

A baseline holds for the code and tests that it was made with, and takes a quarter of an hour. One
process imports JAX and PyTorch, and forks for each mutant, which runs the tests that reach it up to
the first failure. What survives is judged by hand: equivalent, or a gap that wants a test.
"""

import argparse
import ast
import contextlib
import copy
import importlib
import importlib.machinery
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jaxsched"
NO_RECIPES = ("__init__", "__main__", "testing", "_optax", "_interrupt")
PRELOADED = (
    "jax", "jax.numpy", "jax.export", "optax", "flax.nnx", "numpy", "torch", "mpmath", "pytest",
    "hypothesis", "rich.console", "torch.optim.swa_utils", "transformers.optimization",
    "diffusers.optimization", "lightning.pytorch", "orbax.checkpoint",
)  # fmt: skip
# Of the rest, most starts processes of its own, which know nothing of a mutant.
FOLDERS = ("core", "schedulers", "combine", "recipes", "port")
MORE_FILES = ("config", "parse", "testing", "optax", "bounds", "files")
API = "tests/guides/test_readme.py::test_the_api_page_is_what_the_script_makes"  # has all defaults
FIRST_PASS, SECOND_PASS = 6, 120  # seconds that the tests of a mutant take, if none fails


def areas() -> dict[str, list[Path]]:
    """The files that are mutated."""
    own = {
        name: sorted((PACKAGE / f"_{name}").glob("*.py"))
        for name in ("core", "schedulers", "combine")
    }
    recipes = [path for path in sorted(PACKAGE.glob("*.py")) if path.stem not in NO_RECIPES]
    return own | {"recipes": recipes}


# Mutations ----------------------------------------------------------------------------------------


class Mutation(NamedTuple):
    line: int
    column: int
    text: str  # what becomes of what
    function: str  # the function it is in, with its line; "" at a module's top
    apply: Callable[[], None]  # changes the tree


_COMPARED = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
_CALCULATED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift,
}  # fmt: skip
_UNSEEN = ("annotation", "returns", "type_comment")


def mutations(tree: ast.Module) -> Iterator[Mutation]:
    """All single changes of a module.

    >>> [mutation.text for mutation in mutations(ast.parse("if a <= 1: b += f(not c)"))]
    ['a <= 1 -> True', 'a <= 1 -> False', '<= -> <', '<= -> >', '1 -> 2', '1 -> 0', 'b += f(not c) -> pass', '+= -> -=', 'not c -> c']
    """
    yield from _below(tree, "")


def _below(node: ast.AST, function: str) -> Iterator[Mutation]:
    if isinstance(node, ast.JoinedStr):
        return  # the text of a message
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return  # of `zip`, whose arguments are of one length
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        function = function or f"{getattr(node, 'name', 'lambda')}:{node.lineno}"
    if hasattr(node, "lineno"):
        for text, apply in _of(node):
            yield Mutation(node.lineno, node.col_offset, text, function, apply)
    for name, value in ast.iter_fields(node):
        if name in _UNSEEN:
            continue
        children = value if isinstance(value, list) else [value]
        for place, child in enumerate(children):
            if not isinstance(child, ast.AST):
                continue
            if isinstance(value, list) and isinstance(child, ast.stmt) and _may_go(child):
                text = f"{_short(child)} -> pass"

                def delete(statements=value, place=place, child=child):
                    statements[place] = ast.copy_location(ast.Pass(), child)

                yield Mutation(child.lineno, child.col_offset, text, function, delete)
            yield from _below(child, function)


def _may_go(statement: ast.stmt) -> bool:
    """Whether what is left without it still looks sensible."""
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Assign):
        return not isinstance(statement.targets[0], ast.Name)
    return isinstance(statement, ast.AugAssign | ast.Raise | ast.Continue | ast.Break)


def _of(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    """The changes of a node itself, each with its text."""

    def put(**fields):
        return lambda: [setattr(node, name, value) for name, value in fields.items()]

    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in _COMPARED.get(type(operator), ()):
                ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
                yield f"{_sign(operator)} -> {_sign(other())}", put(ops=ops)
    elif isinstance(node, ast.BinOp | ast.AugAssign):
        other = _CALCULATED.get(type(node.op))
        sides = [getattr(node, name, None) for name in ("left", "right", "value")]
        texts = [
            isinstance(x, ast.JoinedStr) or isinstance(getattr(x, "value", None), str)
            for x in sides
        ]
        if other and not any(texts):
            equals = "=" * isinstance(node, ast.AugAssign)
            yield f"{_sign(node.op)}{equals} -> {_sign(other())}{equals}", put(op=other())
    elif isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"{_short(node)}: {_sign(node.op)} -> {_sign(other())}", put(op=other())
        if len(node.values) > 2:
            for place in range(len(node.values)):
                kept = [*node.values[:place], *node.values[place + 1 :]]
                yield f"{_short(node)}: without {_short(node.values[place])}", put(values=kept)
    elif isinstance(node, ast.IfExp):
        yield f"{_short(node)}: branches swapped", put(body=node.orelse, orelse=node.body)
    elif isinstance(node, ast.If | ast.While):
        for truth in (True, False):
            if truth and isinstance(node, ast.While):
                continue  # no end
            test = ast.copy_location(ast.Constant(truth), node.test)
            yield f"{_short(node.test)} -> {truth}", put(test=test)
    elif isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield f"without {_short(test)}", put(ifs=[x for x in node.ifs if x is not test])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        if isinstance(node.op, ast.Not):
            value = ast.Call(ast.Name("bool", ast.Load()), [node.operand], [])
        else:
            value = node.operand
        # In its place a node of another kind: the same fields, under its class.
        yield f"{_short(node)} -> {_short(node.operand)}", lambda: _become(node, value)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield f"{node.value} -> {not node.value}", put(value=not node.value)
        elif isinstance(node.value, int | float):
            for value in dict.fromkeys([node.value + 1, node.value - 1]):
                yield f"{node.value} -> {value}", put(value=value)


def _become(node: ast.AST, other: ast.AST) -> None:
    place = {name: getattr(node, name) for name in node._attributes}
    node.__class__ = type(other)
    node.__dict__.clear()
    node.__dict__.update(vars(copy.copy(other)) | place)


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _sign(operator: ast.AST) -> str:
    if isinstance(operator, ast.boolop):
        return "and" if isinstance(operator, ast.And) else "or"
    name = ast.Name("x", ast.Load())
    if isinstance(operator, ast.cmpop):
        return ast.unparse(ast.Compare(name, [operator], [name]))[2:-2]
    return ast.unparse(ast.BinOp(name, operator, name))[2:-2]


def of_file(path: Path) -> tuple[ast.Module, list[Mutation]]:
    tree = ast.parse(path.read_text())
    return tree, list(mutations(tree))


# Processes ----------------------------------------------------------------------------------------


def with_sources(compiled: Callable[[str], object]) -> None:
    """Imports modules as `compiled(path)` has them, where that is not None."""
    loader = importlib.machinery.SourceFileLoader
    usual = loader.get_code

    def get_code(self, name):
        found = compiled(self.path) if self.path.startswith(str(PACKAGE)) else None
        return usual(self, name) if found is None else found

    loader.get_code = get_code


class Watch:
    """A pytest plugin: chooses and orders the tests, and notes how each ended."""

    def __init__(self, programs: Path, order: list[str] | None, hits: set[str] | None):
        self.programs, self.order, self.hits = programs, order, hits
        self.seconds: Counter[str] = Counter()
        self.failed: list[str] = []
        self.reached: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, items):
        import jax
        from jax.experimental.compilation_cache import compilation_cache

        # Instead of the folder of each process: programs compiled once serve all mutants.
        jax.config.update("jax_compilation_cache_dir", str(self.programs))
        compilation_cache.reset_cache()
        if self.order is not None:
            places = {test: place for place, test in enumerate(self.order)}
            items[:] = sorted(
                (item for item in items if item.nodeid in places),
                key=lambda item: places[item.nodeid],
            )

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.append(report.nodeid)
        if report.when == "teardown" and self.hits is not None:
            self.reached[report.nodeid] = sorted(self.hits)
            self.hits.clear()

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed.append(f"{report.nodeid} (not imported)")


class Outcome(NamedTuple):
    status: int | None  # pytest's exit status, None where the time was up
    failed: list[str]
    seconds: dict[str, float]
    reached: dict[str, list[str]]
    wall: float


def in_fork(state: Path, prepare, files, limit, *, order=None, hits=None, log=None) -> Outcome:
    """The outcome of the tests in a process that first calls `prepare`."""
    answer, start = state / "answer.json", time.perf_counter()
    answer.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        os.setsid()
        sink = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        status = 70
        try:
            import pytest

            prepare()
            watch = Watch(state / "programs", order, hits)
            first = [] if hits is not None else ["-x"]
            options = [
                "-q",
                "-p",
                "no:xdist",
                "-p",
                "no:cacheprovider",
                "-o",
                "addopts=",
                "--doctest-modules",
                "-m",
                "not slow",
                "-W",
                "ignore::pytest.PytestAssertRewriteWarning",
            ]
            status = int(pytest.main([*options, *first, *map(str, files)], plugins=[watch]))
            answer.write_text(json.dumps([status, watch.failed, watch.seconds, watch.reached]))
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)
    ended = False
    while not ended and time.perf_counter() - start < limit:
        ended = os.waitpid(child, os.WNOHANG)[0] == child
        time.sleep(0.02)
    if not ended:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for program in (state / "programs").glob("*"):  # One may be written in part.
            if time.time() - program.stat().st_mtime < 10:
                program.unlink()
    wall = time.perf_counter() - start
    if not answer.exists():
        return Outcome(None if not ended else 70, [], {}, {}, wall)
    return Outcome(*json.loads(answer.read_text()), wall)


def preload() -> None:
    import gc
    import warnings

    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path.insert(0, str(ROOT))
    warnings.simplefilter("ignore")
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(ImportError):
        import hypothesis

        # The same examples for each mutant, and none that another one has left.
        hypothesis.settings.register_profile("mutations", derandomize=True)
        hypothesis.settings.load_profile("mutations")
    assert not any(name.split(".")[0] == "jaxsched" for name in sys.modules)
    warnings.resetwarnings()
    gc.collect()
    gc.freeze()


# The two commands ---------------------------------------------------------------------------------


def files_of_tests() -> list[Path]:
    tests = [
        path for folder in FOLDERS for path in sorted((ROOT / "tests" / folder).glob("test_*.py"))
    ]
    tests += [ROOT / "tests" / "tools" / f"test_{name}.py" for name in MORE_FILES]
    modules = [path for paths in areas().values() for path in paths if ">>>" in path.read_text()]
    return [path.relative_to(ROOT) for path in [*tests, *modules, ROOT / API]]


def baseline(state: Path, given: list[str]) -> None:
    """Runs each file of tests once: the seconds of each test, and the functions it reaches."""
    path = state / "baseline.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    hits: set[str] = set()

    def counting(name):
        tree = ast.parse(Path(name).read_text())
        file = Path(name).relative_to(ROOT)
        _count_calls(tree, str(file))
        return compile(ast.fix_missing_locations(tree), name, "exec", dont_inherit=True)

    def prepare():
        import builtins

        builtins._reached = hits.add
        with_sources(counting)

    for file in map(Path, given) if given else files_of_tests():
        if str(file) in known and not given:
            continue
        out = in_fork(state, prepare, [file], 600, hits=hits, log=state / "baseline.log")
        known[str(file)] = {"seconds": out.seconds, "failed": out.failed, "reached": out.reached}
        path.write_text(json.dumps(known))
        print(
            f"{file}: status {out.status}, {len(out.seconds)} tests, {out.wall:.1f} s",
            *out.failed,
            flush=True,
        )


def _count_calls(tree: ast.Module, file: str) -> None:
    def mark(node, outer):
        inner = outer or isinstance(node, ast.FunctionDef)
        for child in ast.iter_child_nodes(node):
            mark(child, inner)
        if isinstance(node, ast.FunctionDef) and not outer:
            call = ast.parse(f"_reached({f'{file}:{node.name}:{node.lineno}'!r})").body[0]
            place = 1 if ast.get_docstring(node, clean=False) is not None else 0
            node.body.insert(place, call)

    mark(tree, False)


class Chosen(NamedTuple):
    order: list[str] | None  # the tests, None for all
    files: list[str]
    seconds: float


def chosen(known: dict, file: str, mutation: Mutation) -> list[Chosen]:
    """The tests that reach a mutation: at first quick ones of few files, then more."""
    place, stem = f"{file}:{mutation.function}", Path(file).stem.strip("_")
    tests = []
    for name, entry in known.items():
        near = name == file or f"test_{stem}" in name
        used: Counter[str] = Counter()
        for test, reached in sorted(entry["reached"].items(), key=lambda x: entry["seconds"][x[0]]):
            if mutation.function:
                reaches = place in reached
            else:  # A class body has been run by all tests that reach one of its functions.
                reaches = test == API or any(file in x for x in reached)
            if reaches and test not in entry["failed"]:
                function = test.split("[")[0]
                tests.append((not near, used[function], entry["seconds"][test], test, name))
                used[function] += 1
    passes = []
    for seconds, most_files in ((FIRST_PASS, 5), (SECOND_PASS, len(known))):
        order, spent, files = [], 0.0, set()
        for one in sorted(tests):
            far, _, took, test, name = one
            # Each file costs its import.
            fits = spent + took <= seconds and (name in files or not far or len(files) < most_files)
            if fits:
                spent += took
                files.add(name)
                order.append(test)
                tests.remove(one)
        if order:
            passes.append(Chosen(order, sorted(files), spent))
    return passes


def judge(state: Path, known: dict, file: str, place: int, options) -> tuple[str, str]:
    """Whether tests notice mutation number `place` of a file, and what did."""
    tree, found = of_file(ROOT / file)
    mutation = found[place]
    mutation.apply()
    try:
        code = compile(ast.fix_missing_locations(tree), str(ROOT / file), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return "invalid", str(error)

    def prepare():
        with_sources(lambda path: code if path == str(ROOT / file) else None)

    passes = [Chosen(None, options.tests, 180)] if options.tests else chosen(known, file, mutation)
    if not passes:
        return "unreached", ""
    for tests in passes[:1] if options.quick else passes:
        limit = 3 * tests.seconds + 60
        out = in_fork(
            state, prepare, tests.files, limit, order=tests.order, log=state / "mutant.log"
        )
        if out.status is None:
            return "noticed", "no end in time"
        if out.status in (1, 2):
            return "noticed", (out.failed or ["an import"])[0]
        if out.status != 0:
            return "unsure", f"status {out.status}"
    return "survived", ""


def run(state: Path, options: argparse.Namespace) -> None:
    known = json.loads((state / "baseline.json").read_text())
    drawn: list[tuple[str, str, int]] = []
    random_numbers = random.Random(options.seed)
    for area, paths in areas().items():
        sites = defaultdict(list)
        for path in paths:
            for place, mutation in enumerate(of_file(path)[1]):
                file = str(path.relative_to(ROOT))
                if (
                    not options.only
                    or any(
                        x in (f"{file}:{mutation.line}", f"{file}#{place}") for x in options.only
                    )
                    or file in options.only
                ):
                    sites[file, mutation.line, mutation.column].append((area, file, place))
        places = sorted(sites)
        if options.only:
            drawn += [one for key in places for one in sites[key]]
        elif not options.area or area in options.area:
            keys = random_numbers.sample(places, min(options.places, len(places)))
            drawn += [random_numbers.choice(sites[key]) for key in keys]
    random_numbers.shuffle(drawn)  # so that a part of a run is a fair sample too
    print(f"seed {options.seed}: {len(drawn)} mutants", flush=True)
    results = state / (options.into or f"seed-{options.seed}.jsonl")
    done = set()
    if results.exists() and not options.only:
        done = {
            (row["file"], row["place"]) for row in map(json.loads, results.read_text().splitlines())
        }
    counts: dict[str, Counter] = defaultdict(Counter)
    for number, (area, file, place) in enumerate(drawn, 1):
        if (file, place) in done:
            continue
        start = time.perf_counter()
        verdict, by = judge(state, known, file, place, options)
        mutation = of_file(ROOT / file)[1][place]
        counts[area][verdict] += 1
        row = {"area": area, "file": file, "place": place, "line": mutation.line, "text": mutation.text,
               "function": mutation.function, "verdict": verdict, "by": by}  # fmt: skip
        with results.open("a") as out:
            out.write(json.dumps(row) + "\n")
        seconds = time.perf_counter() - start
        print(
            f"{number:4} {verdict:9} {file}:{mutation.line} {mutation.text}  [{by}] {seconds:.1f} s",
            flush=True,
        )
    for area, verdicts in counts.items():
        print(area, dict(verdicts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["baseline", "run", "list"])
    parser.add_argument("files", nargs="*", help="files of tests, for a part of the baseline")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--places", type=int, default=85, help="in each area")
    parser.add_argument("--area", nargs="*", choices=[*areas()])
    parser.add_argument(
        "--only", nargs="*", metavar="FILE[:LINE|#PLACE]", help="all mutations there"
    )
    parser.add_argument("--quick", action="store_true", help="the quickest tests alone")
    parser.add_argument("--tests", nargs="*", help="these instead of the chosen ones")
    parser.add_argument("--into", help="the file of results")
    parser.add_argument(
        "--state", type=Path, default=Path(tempfile.gettempdir()) / "jaxsched-mutations"
    )
    options = parser.parse_args()
    os.chdir(ROOT)
    options.state.mkdir(exist_ok=True, parents=True)
    if options.command == "list":
        for area, paths in areas().items():
            found = [(path, mutation) for path in paths for mutation in of_file(path)[1]]
            places = {(path, mutation.line, mutation.column) for path, mutation in found}
            print(f"{area}: {len(places)} places, {len(found)} mutations")
        return
    preload()
    if options.command == "baseline":
        baseline(options.state, options.files)
    else:
        run(options.state, options)


if __name__ == "__main__":
    main()
