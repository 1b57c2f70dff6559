"""Random and absurd inputs, given to jaxsched and to live PyTorch: do both accept, do both agree?

python tests/fuzz.py --minutes 2                    # a fresh seed, which it prints
python tests/fuzz.py --seed 7 --minutes 2           # the same cases again
python tests/fuzz.py --seed 7 --index 31            # one of them, with the script that shows it

Each case is lines of PyTorch and an expression of ours (`tests/helpers/fuzz_cases.py`). Both are
run. It is a find if only one of them is refused, if the exception is of another type, if the rates
differ by more than the bound, if an error of ours is none that a user should see, or if a schedule
does not survive its text, its config or its pickle. What the port states to do differently is in
DIFFERENCES (`tests/helpers/fuzz_outcomes.py`). Exits with 1 if there are finds, or more kinds of them
than `--allow`: with a fresh seed some are older than the change that is tested.
"""

import argparse
import collections
import math
import random
import resource
import secrets
import sys
import textwrap
import time
from pathlib import Path
from typing import NamedTuple

import jax
import torch

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "helpers")]

import conftest  # noqa: E402, F401  # JAX at its strictest, timm without torchvision
import fuzz_cases  # noqa: E402
from fuzz_cases import Case  # noqa: E402
from fuzz_outcomes import Outcome, differed, outcome  # noqa: E402

CASES_A_PROGRAM_LIVES = 150


# --- many cases ---


def drawn(seed, index) -> Case:
    return fuzz_cases.draw(random.Random(f"{seed}/{index}"))


def script(case: Case) -> str:
    """A script that shows a case, in the project's folder."""
    lines = ['import sys; sys.path.insert(0, "tests/helpers")', "from fuzz_outcomes import *"]
    if not case.theirs:
        return "\n".join([*lines, f"print({case.ours})"])
    metrics = f", {case.metrics}".replace("nan", "math.nan").replace("inf", "math.inf")
    shown = f"show(schedule, count, scheduler, {case.steps}{metrics if case.metrics else ''})"
    lines += [case.theirs, f"schedule = {case.ours}", case.then, f"count = {case.at}", shown]
    return "\n".join(filter(None, lines))


class Find(NamedTuple):
    index: int
    case: Case
    outcome: Outcome


def run(seed, indices, until=math.inf):
    """The numbers of outcomes by kind, and the finds by what they share."""
    numbers = collections.defaultdict(collections.Counter)
    finds = collections.defaultdict(list)
    for index in indices:
        if time.monotonic() > until:
            break
        case = drawn(seed, index)
        found = outcome(case)
        numbers[case.kind]["find" if found.is_find else found.what] += 1
        if found.is_find:
            key = (case.kind, found.what, found.of)
            finds[key].append(Find(index, case, found))
            if len(finds[key]) == 1:
                print(_told(seed, finds[key][0]), flush=True)
        if index % CASES_A_PROGRAM_LIVES == CASES_A_PROGRAM_LIVES - 1:
            jax.clear_caches()
    return numbers, finds


def _told(seed, find):
    kind, what, of = find.case.kind, find.outcome.what, find.case.of
    detail = textwrap.shorten(find.outcome.detail, 600)
    shown = textwrap.indent(script(find.case), "    ")
    return f"FIND {kind} of {of}: {what}\n  {detail}\n  python tests/fuzz.py --seed {seed} --index {find.index}\n{shown}\n"


def table(numbers, finds):
    columns = ("accepted", "refused", "skipped", "find")
    lines = [f"{'':14}" + "".join(f"{name:>10}" for name in columns)]
    for kind in sorted(numbers):
        lines.append(f"{kind:14}" + "".join(f"{numbers[kind][name]:10}" for name in columns))
    total = [sum(counts[name] for counts in numbers.values()) for name in columns]
    lines.append(f"{'all':14}" + "".join(f"{number:10}" for number in total))
    lines += [
        f"{number:6} refused by one alone: {reason}" for reason, number in differed.most_common()
    ]
    for (kind, what, of), equal in sorted(finds.items(), key=lambda item: -len(item[1])):
        lines.append(
            f"{len(equal):6} x {kind} of {of or equal[0].case.of}: {what} (index {equal[0].index})"
        )
    return "\n".join(lines)


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=None, help="by default a fresh one")
    parser.add_argument("--index", type=int, default=None, help="this case alone")
    parser.add_argument("--cases", type=int, default=None, help="so many, whatever time it takes")
    parser.add_argument(
        "--allow", type=int, default=0, help="so many kinds of finds are no failure"
    )
    given = parser.parse_args(argv)
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    print(f"python tests/fuzz.py --seed {seed}, PyTorch {torch.__version__}", flush=True)
    differed.clear()
    if given.index is not None:
        print(script(drawn(seed, given.index)), end="\n\n")
        numbers, finds = run(seed, [given.index])
    elif given.cases is not None:
        numbers, finds = run(seed, range(given.cases))
    else:
        numbers, finds = run(seed, range(sys.maxsize), time.monotonic() + 60 * given.minutes)
    print(table(numbers, finds))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.process_time() / 60:.1f} minutes of CPU time, {memory:.0f} MiB at most")
    return 1 if len(finds) > given.allow else 0


if __name__ == "__main__":
    sys.exit(main())
