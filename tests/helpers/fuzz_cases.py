"""Random cases for `tests/fuzz.py`, as source text: what PyTorch is given, and what we are.

A case is drawn from a `random.Random` alone, so that its seed and index say all of it.
"""

import importlib
import inspect
from typing import NamedTuple

from jaxsched._schedulers import RECIPES
from jaxsched._torch.subclasses import HOMES, OWN_HOMES

MOST_STEPS = 40


class Case(NamedTuple):
    """Lines that build `scheduler` on `optimizer`, an expression that is our schedule of it."""

    kind: str
    of: str  # the class or function, which equal finds share
    theirs: str
    ours: str
    steps: int = 12
    then: str = ""  # lines that PyTorch runs after ours is built
    at: str = "0"  # our count when PyTorch's rates begin
    wild: int = 0  # the number of absurd arguments
    metrics: tuple = ()
    exact: bool = True  # whether the bound is the contract's, or what a checkpoint's check allows


class Value(NamedTuple):
    """An argument as we are given it, and as PyTorch is: the number that a scalar stands for."""

    ours: str
    theirs: str
    wild: bool = False


ABSURD = [
    "0", "-1", "-3", "1", "2.5", "-0.0", "True", "False", "None", "1e300", "-1e300", "5e-324", "1e-300",
    "math.inf", "-math.inf", "math.nan", "2**31", "2**63", "10**400", "-10**400", "1j", "'min'", "'0.1'", "''",
    "b'1'", "{3}", "{}", "[]", "[3, 5]", "[None]", "[[3], [5]]", "(0.5,)", "range(2, 4)", "iter([3, 5])", "[5, 3, 3]",
    "[-1]", "[2.5]", "[math.nan]", "lambda step: 0.5", "lambda a, b: 0.5", "lambda step: None", "int", "object()",
    "...", "math", "Decimal('0.5')", "Fraction(1, 2)", "np.ones((2, 2))", "np.zeros(0)", "np.array('min')",
    "np.array(None)", "np.datetime64(3, 's')", "np.ma.masked", "np.nan", "np.longdouble(0.5)", "jnp.ones(2)",
    "jnp.array(True)", "jnp.float32(math.nan)", "jax.random.key(0)", "torch.ones(2)", "torch.tensor(1j)",
    "js.StepLR(0.1, 3)", "optimizer_of(0.1)",
]  # fmt: skip
DRESSES = [
    "np.float64({})", "np.float32({})", "np.float16({})", "np.array({})", "jnp.asarray({})", "torch.tensor({})",
    "torch.tensor([{}])",
]  # fmt: skip
WHOLE = [
    "np.int64({})",
    "np.int8({})",
    "np.array({})",
    "jnp.int32({})",
    "torch.tensor({})",
    "float({})",
]
FUNCTIONS = [
    "Expression('0.9 ** step')", "Expression('1 / (1 + step)')", "Expression('0.5 if step < 6 else 0.1')",
    "Expression('max(0, 1 - step / 9)')", "flat", "dropping",
]  # fmt: skip
NATURAL = {
    "rate": lambda rng: rng.choice(["0.1", "0.05", "0.3", "1.0", "1e-3", "0.0", "1"]),
    "factor": lambda rng: rng.choice(["0.0", "1.0", "-0.5", "1", str(round(rng.uniform(0.05, 1.2), 3))]),
    "share": lambda rng: rng.choice(["1.0", "1", "0.25", str(round(rng.uniform(0.01, 1.0), 3))]),
    "length": lambda rng: rng.choice([str(rng.randint(1, 12)), "2.5", "7.25", "50", "math.inf"]),
    "from zero": lambda rng: str(rng.randint(0, 9)),
    "begun": lambda rng: rng.choice([str(rng.randint(0, 30)), str(rng.randint(0, 9)), "-1", "10**6", "2**24 + 1", "2**31"]),
    "from one": lambda rng: str(rng.randint(1, 9)),
    "few": lambda rng: str(rng.randint(1, 3)),
    "total": lambda rng: str(rng.randint(45, 90)),
    "milestones": lambda rng: str([rng.randint(0, 20) for _ in range(rng.randint(0, 4))]),
    "function": lambda rng: rng.choice(FUNCTIONS),
    "part": lambda rng: str(round(rng.uniform(0.05, 0.95), 2)),
    "division": lambda rng: rng.choice(["25.0", "4", "1e4", "1.0", "math.inf"]),
    "power": lambda rng: rng.choice(["1.0", "2", "0.5", "0", "3.0"]),
    "bool": lambda rng: rng.choice(["True", "False"]),
    "cycle": lambda rng: repr(rng.choice(["triangular", "triangular2", "exp_range"])),
    "scaled": lambda rng: repr(rng.choice(["cycle", "iterations"])),
    "strategy": lambda rng: repr(rng.choice(["cos", "linear"])),
    "better": lambda rng: repr(rng.choice(["min", "max"])),
    "threshold": lambda rng: repr(rng.choice(["rel", "abs"])),
    "small": lambda rng: rng.choice(["1e-4", "0.0", "0.1", "1e-8"]),
}  # fmt: skip
# The kind of each argument; what is not in _OPTIONAL, PyTorch asks for.
ARGUMENTS = {
    "LambdaLR": {"lr_lambda": "function"},
    "MultiplicativeLR": {"lr_lambda": "function"},
    "StepLR": {"step_size": "length", "gamma": "factor"},
    "MultiStepLR": {"milestones": "milestones", "gamma": "factor"},
    "ConstantLR": {"factor": "share", "total_iters": "length"},
    "LinearLR": {"start_factor": "share", "end_factor": "share", "total_iters": "length"},
    "ExponentialLR": {"gamma": "factor"},
    "PolynomialLR": {"total_iters": "length", "power": "power"},
    "CosineAnnealingLR": {"T_max": "length", "eta_min": "rate"},
    "CosineAnnealingWarmRestarts": {"T_0": "from one", "T_mult": "few", "eta_min": "rate"},
    "CyclicLR": {
        "base_lr": "rate", "max_lr": "rate", "step_size_up": "length", "step_size_down": "length", "mode": "cycle",
        "gamma": "share", "scale_fn": "function", "scale_mode": "scaled", "cycle_momentum": "bool",
        "base_momentum": "share", "max_momentum": "share",
    },
    "OneCycleLR": {
        "max_lr": "rate", "total_steps": "total", "epochs": "few", "steps_per_epoch": "total", "pct_start": "part",
        "anneal_strategy": "strategy", "cycle_momentum": "bool", "base_momentum": "share", "max_momentum": "share",
        "div_factor": "division", "final_div_factor": "division", "three_phase": "bool",
    },
    "SWALR": {"swa_lr": "rate", "anneal_epochs": "from zero", "anneal_strategy": "strategy"},
    "ReduceLROnPlateau": {
        "mode": "better", "factor": "part", "patience": "few", "threshold": "small", "threshold_mode": "threshold",
        "cooldown": "from zero", "min_lr": "small", "eps": "small",
    },
}  # fmt: skip
_REQUIRED = {
    "lr_lambda", "step_size", "milestones", "ExponentialLR.gamma", "T_max", "T_0", "base_lr", "max_lr",
    "swa_lr", "OneCycleLR.total_steps",
}  # fmt: skip
_PER_GROUP = {"lr_lambda", "base_lr", "max_lr", "swa_lr", "min_lr", "base_momentum", "max_momentum"}
_OWN_RATE = ("CyclicLR", "OneCycleLR")
SINGLES = [name for name in ARGUMENTS if name != "ReduceLROnPlateau"]


class Draw:
    """Draws a scheduler, for a number of parameter groups; `risk` is how often a value is absurd."""

    def __init__(self, rng, groups=1, risk=0.0):
        self.rng, self.groups, self.risk, self.wild = rng, groups, risk, 0
        self.rates = [self.value("rate") for _ in range(groups)]
        self.begun, self.initial = None, None

    def resume(self):
        """From now on, all are schedulers of a run that goes on; from far, cosines are inexact."""
        self.begun = self.value("begun")
        self.initial = [NATURAL["rate"](self.rng) for _ in range(self.groups)]

    @property
    def is_far(self):
        return self.begun is not None and "*" in self.begun.ours

    def chance(self, probability):
        return self.rng.random() < probability

    def value(self, kind):
        if self.chance(self.risk):
            self.wild += 1
            text = self.rng.choice(ABSURD)
            return Value(text, text, wild=True)
        text = NATURAL[kind](self.rng)
        if self.risk and self.chance(0.15) and text.replace(".", "").isdigit():
            dressed = self.rng.choice(WHOLE if text.isdigit() else DRESSES).format(text)
            return Value(dressed, dressed if dressed.startswith("float") else f"({dressed}).item()")
        return Value(text, text)

    def arguments(self, name):
        """The arguments: of each, a value for each group, or one for all."""
        found = {}
        for argument, kind in ARGUMENTS[name].items():
            required = {argument, f"{name}.{argument}"} & _REQUIRED
            if self.chance(0.01 if self.risk else 0) if required else self.chance(0.5):
                continue
            several = self.groups if argument in _PER_GROUP else 1
            found[argument] = [self.value(kind) for _ in range(several)]
        if name == "OneCycleLR" and "total_steps" in found:
            found.pop("epochs", None)
        if self.risk and self.chance(0.02):
            found[self.rng.choice(["verbose", "gama", "optimizer", "lr", "initial"])] = [
                Value("0.1", "0.1")
            ]
        return found

    def single(self, name=None):
        """PyTorch's text, and ours of each group."""
        # A OneCycleLR goes on from more than the initial rate.
        left_out = ("OneCycleLR",) if self.begun else ()
        name = name or self.rng.choice([x for x in SINGLES if x not in left_out])
        arguments = self.arguments(name)
        theirs, ours = [], [[] for _ in range(self.groups)]
        by_place = list(ARGUMENTS[name])[: self.rng.choice([0, 0, 1, 2])]
        for argument, values in arguments.items():
            placed = argument in by_place and all(a in arguments for a in by_place)
            word = "" if placed else f"{argument}="
            texts = [value.theirs for value in values]
            theirs.append(word + (texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"))
            for group, given in enumerate(ours):
                given.append(word + values[group if len(values) > 1 else 0].ours)
        if self.begun is not None:
            theirs.append(f"last_epoch={self.begun.theirs}")
            for group, given in enumerate(ours):
                initial = "" if name in _OWN_RATE else f", initial_lr={self.initial[group]}"
                given.append(f"last_epoch={self.begun.ours}{initial}")
        if name not in _OWN_RATE:
            ours = [[rate.ours, *given] for rate, given in zip(self.rates, ours, strict=True)]
        home = "swa_utils" if name == "SWALR" else "lr_scheduler"
        return (
            f"{home}.{name}({', '.join(['optimizer', *theirs])})",
            [f"js.{name}({', '.join(given)})" for given in ours],
        )

    def composition(self, depth, later=False):
        """A chain or a sequence, nested up to `depth`; PyTorch cannot run one as a later part."""
        if depth == 0 or (later and not self.chance(self.risk)) or (depth < 4 and self.chance(0.4)):
            return self.single()
        size, chain = self.rng.randint(1, 4 if depth < 3 else 3), self.chance(0.5)
        parts = [self.composition(depth - 1, not chain and i > 0) for i in range(size)]
        theirs = f"[{', '.join(part[0] for part in parts)}]"
        ours = [f"[{', '.join(part[1][group] for part in parts)}]" for group in range(self.groups)]
        if chain:
            return f"lr_scheduler.ChainedScheduler({theirs})", [
                f"js.ChainedScheduler({x})" for x in ours
            ]
        number = size - 1 + (self.rng.choice([-1, 1]) if self.chance(self.risk / 2) else 0)
        milestones = sorted(self.rng.randint(0, 25) for _ in range(number))
        text = str(milestones)
        if self.chance(self.risk):
            self.wild += 1
            text = self.rng.choice(
                [*ABSURD, str(milestones[::-1]), str([x - 3 for x in milestones])]
            )
        return (
            f"lr_scheduler.SequentialLR(optimizer, {theirs}, {text})",
            [f"js.SequentialLR({x}, {text})" for x in ours],
        )

    def optimizer(self):
        rates = ", ".join(rate.theirs for rate in self.rates)
        more = "" if self.initial is None else f", initial=[{', '.join(self.initial)}]"
        return f"optimizer = optimizer_of({rates}{more})"


def _in_groups(texts):
    return texts[0] if len(texts) == 1 else f"js.ParamGroups([{', '.join(texts)}])"


def _with_table(text, steps):
    return f"{text[:-1]}, total_steps={steps})"


def _tabulated(rng, name, texts, steps):
    """Most compositions and functions get a table; those that need one and have none say so."""
    takes = name in ("LambdaLR", "MultiplicativeLR", "CyclicLR", "ChainedScheduler", "SequentialLR")
    needs = "step" in texts[0] or name.startswith(("Chained", "Sequential"))
    if takes and needs and rng.random() < 0.8:
        return [_with_table(text, steps) for text in texts]
    return texts


def _name(theirs):
    return theirs.split("(")[0].split(".")[1]


def constructor(rng):
    draw = Draw(rng, groups=rng.choice([1, 1, 1, 1, 2, 3]), risk=rng.choice([0.0, 0.08, 0.2]))
    name = rng.choice(SINGLES)
    if name not in _OWN_RATE and rng.random() < 0.25:  # which read their levels from the groups
        draw.resume()
    if name in _OWN_RATE:  # An absurd rate of the optimizer is none of theirs.
        draw.rates, draw.wild = [Value("0.1", "0.1")] * draw.groups, 0
    theirs, ours = draw.single(name)
    steps = rng.choice([8, 25, MOST_STEPS])
    ours = _tabulated(rng, name, ours, steps)
    setup = f"{draw.optimizer()}\nscheduler = {theirs}"
    return Case(
        "constructor", name, setup, _in_groups(ours), steps, wild=draw.wild, exact=not draw.is_far
    )


def plateau(rng):
    draw = Draw(rng, groups=rng.choice([1, 1, 2]), risk=rng.choice([0.0, 0.15]))
    theirs, ours = draw.single("ReduceLROnPlateau")

    def metric():
        return rng.choice(
            [rng.gauss(0, 1), round(rng.random(), 1), 1.0, float("nan"), float("inf")]
        )

    metrics = tuple(metric() for _ in range(MOST_STEPS))
    setup = f"{draw.optimizer()}\nscheduler = {theirs}"
    return Case(
        "plateau",
        "ReduceLROnPlateau",
        setup,
        _in_groups(ours),
        MOST_STEPS,
        wild=draw.wild,
        metrics=metrics,
    )


def composition(rng):
    draw = Draw(rng, groups=rng.choice([1, 1, 1, 2]), risk=rng.choice([0.0, 0.0, 0.05]))
    resumed = rng.random() < 0.2
    if resumed:
        draw.resume()
    theirs, ours = draw.composition(rng.choice([1, 2, 2, 3, 4]))
    if resumed and "initial_lr" not in ours[0]:  # Nothing tells us where its run began.
        draw.begun = draw.initial = None
        theirs, ours = draw.composition(2)
    ours = _tabulated(rng, _name(theirs), ours, MOST_STEPS)
    setup = f"{draw.optimizer()}\nscheduler = {theirs}"
    return Case(
        "composition",
        _name(theirs),
        setup,
        _in_groups(ours),
        MOST_STEPS,
        wild=draw.wild,
        exact=not draw.is_far,
    )


def mapped(rng):
    """A scheduler that is stepped every few updates, and a factor of its rate."""
    draw = Draw(rng)
    theirs, ours = draw.composition(rng.choice([1, 2])) if rng.random() < 0.4 else draw.single()
    ours = _tabulated(rng, _name(theirs), ours, MOST_STEPS)[0]
    every, factor = rng.randint(1, 5), rng.choice(["0.5", "2", "1", "0.1"])
    setup = f"{draw.optimizer()}\nscheduler = Looped({theirs}, {every}, {factor})"
    return Case(
        "mapped", _name(theirs), setup, f"{factor} * js.per_epoch({ours}, {every})", MOST_STEPS
    )


def _live(rng):
    """A live scheduler after some steps: the lines that build it, its name, its steps."""
    draw = Draw(rng, groups=rng.choice([1, 1, 2]))
    composed = rng.random() < 0.4
    theirs, _ = draw.composition(rng.choice([1, 2, 3])) if composed else draw.single()
    done = rng.choice([0, 0, 1, 2, rng.randint(3, 30)])
    return f"{draw.optimizer()}\nscheduler = {theirs}\nstep(scheduler, {done})", theirs, done


DISTURBANCES = [
    "optimizer.param_groups[0]['lr'] = 0.04", "optimizer.param_groups[0]['initial_lr'] = 0.04",
    "scheduler.last_epoch = 3", "scheduler.base_lrs = [0.04]", "scheduler.gamma = 0.7", "scheduler.step(5)",
    "scheduler.step(2.5)", "scheduler._last_lr = [0.04]", "del scheduler._last_lr", "scheduler.total_iters = 3",
    "optimizer.add_param_group({'params': [torch.zeros(1)]})", "scheduler._step_count = 0", "scheduler.T_max = 5",
    "scheduler.base_lrs = None", "scheduler.last_epoch = None", "scheduler.own = 3", "scheduler.get_lr = lambda: [0.1]",
    "optimizer.param_groups[0]['lr'] = torch.tensor(optimizer.param_groups[0]['lr'], dtype=torch.float64)",
    "optimizer.param_groups[0]['lr'] = float('nan')",
]  # fmt: skip


def from_torch(rng):
    lines, theirs, done = _live(rng)
    wild = 0
    if rng.random() < 0.3:
        lines, wild = (
            f"{lines}\n{rng.choice(DISTURBANCES)}\nstep(scheduler, {rng.randint(0, 2)})",
            1,
        )
    start = rng.choice(["beginning", "beginning", "now"])
    table = 2 * MOST_STEPS + done if rng.random() < 0.6 else None
    ours = "js.from_torch(scheduler" + (f", total_steps={table}" if table else "")
    ours += ', start="now")' if start == "now" else ")"
    at = "0" if start == "now" else "js.current_count(scheduler)"
    exact = not wild  # What a person has set is told apart as far as a checkpoint's rate is.
    return Case("from_torch", _name(theirs), lines, ours, 20, at=at, wild=wild, exact=exact)


def to_torch(rng):
    """Ours to PyTorch and back, on a new optimizer, against PyTorch's own."""
    draw = Draw(rng, groups=rng.choice([1, 1, 2]))
    theirs, ours = draw.composition(rng.choice([1, 2, 3])) if rng.random() < 0.4 else draw.single()
    text = f"js.to_torch({_in_groups(ours)}, optimizer_of({', '.join(['0.7'] * draw.groups)}))"
    setup = f"{draw.optimizer()}\nscheduler = {theirs}"
    return Case("to_torch", _name(theirs), setup, f"js.from_torch({text}, total_steps=90)", 20)


WRONG = [
    "None", "True", "0", "1", "-1", "7", "300", "2.5", "math.inf", "math.nan", "1e300", "10**400", "'text'", "[]", "[None]",
    "[0.05]", "[0.1, 0.2]", "[1.0, 2.0, 3.0]", "{}", "{'a': 1}", "{3: 1}", "object()", "np.zeros(3)", "np.float32(0.5)",
    "torch.zeros(3)", "torch.tensor(0.5)", "b''", "(1, 2)", "[[]]", "[{}]", "len", "state",
]  # fmt: skip


def state_dict(rng):
    lines, theirs, _done = _live(rng)
    built = "\n".join(lines.splitlines()[:2])
    lines += "\nstate, kept = copy.deepcopy((scheduler.state_dict(), optimizer.state_dict()))"
    damages = rng.choice([0, 1, 1, 2])
    # Without the optimizer's dict a damaged rate is believed, where PyTorch would see its group's.
    with_optimizer = damages > 0 or rng.random() < 0.5
    for _ in range(damages):
        kept = with_optimizer and rng.random() < 0.15
        tree, value = (
            "kept['param_groups'][0]" if kept else "state",
            rng.choice(["DELETED", *WRONG]),
        )
        lines += f"\ndamage({tree}, {rng.random():.6f}, {value})"
    names = f"{_name(theirs)!r}" if rng.random() < 0.5 else "type(scheduler)"
    given = "".join(
        [", kept" if with_optimizer else "", ", total_steps=90" if rng.random() < 0.5 else ""]
    )
    if "lr_lambda" in theirs or "scale_fn" in theirs:
        given += ", **functions_of(scheduler)"
    then = (
        f"{built}\noptimizer.load_state_dict(kept)\nscheduler.load_state_dict(copy.deepcopy(state))"
    )
    ours = f"js.from_torch_state_dict({names}, state{given})"
    return Case(
        "state_dict", _name(theirs), lines, ours, 8, then, "js.current_count(scheduler)", damages, exact=False
    )  # fmt: skip


_LIVE = {
    "transformers": "transformers.optimization", "diffusers": "diffusers.optimization", "timm": "timm.scheduler", **HOMES,
}  # fmt: skip
_NOT_SCHEDULES = {
    "build_lr_scheduler", "get_scheduler", "create_scheduler_v2", "get_reduce_on_plateau_schedule", "from_config", "ParamSchedulers",
}  # fmt: skip


def _of_argument(rng, name, default, risk):
    """A value for a recipe's argument, by its name and default."""
    if rng.random() < risk:
        return rng.choice(ABSURD)
    if name == "cycle_mul":  # With others timm rounds some restarts to the cycle before.
        return rng.choice(["1.0", "2.0", "2"])
    if isinstance(default, bool):
        return NATURAL["bool"](rng)
    if isinstance(default, str):
        return repr(default)
    if (
        any(
            word in name
            for word in (
                "steps",
                "num_",
                "warmup_t",
                "t_initial",
                "epochs",
                "iters",
                "updates",
                "decay_t",
                "max",
                "cycle_len",
            )
        )
        and "lr" not in name
    ):
        return str(rng.choice([0, 1, 3, 7, 20, 30, 50]))
    if isinstance(default, int) and default is not inspect.Parameter.empty:
        return str(rng.randint(0, 4))
    return rng.choice(["0.1", "0.01", "0.5", "1.0", "0.0", "1e-3"])


def recipe(rng):
    library = rng.choice(["transformers", "diffusers", "timm", *RECIPES])
    module = importlib.import_module(f"jaxsched.{library}")
    name = rng.choice([x for x in module.__all__ if x not in _NOT_SCHEDULES])
    parameters = inspect.signature(getattr(module, name)).parameters.values()
    risk = rng.choice([0.0, 0.0, 0.15])
    given, carries = [], False
    for parameter in parameters:
        if parameter.name in ("lr", "initial_lr", "last_epoch", "default_lr", "start"):
            carries |= parameter.name == "lr"
            continue
        if (
            parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            or "noise" in parameter.name
        ):
            continue
        if parameter.default is not parameter.empty and rng.random() < 0.6:
            continue
        given.append(
            f"{parameter.name}={_of_argument(rng, parameter.name, parameter.default, risk)}"
        )
    home = OWN_HOMES.get(f"{library}.{name}", _LIVE.get(library))
    made = f"of_library({home!r}, {name!r})" if home else "no_library()"
    initial = ", initial=[0.1]" if library == "timm" else ""  # which timm may be told to expect
    setup = f"optimizer = optimizer_of(0.1{initial})\nscheduler = {made}({', '.join(['optimizer', *given])})"
    ours = f"js.{library}.{name}({', '.join((['0.1'] if carries else []) + given)})"
    return Case("recipe", f"{library}.{name}", setup, ours, MOST_STEPS, wild=int(risk > 0))


def text(rng):
    """A damaged text of a schedule, or a damaged config: what no PyTorch has."""
    draw = Draw(rng)
    theirs, ours = draw.composition(rng.choice([1, 2])) if rng.random() < 0.5 else draw.single()
    built = ours[0]
    if rng.random() < 0.5:
        return Case("config", _name(theirs), "", f"js.from_config(damaged(js.to_config({built}), {rng.random():.6f}, {rng.choice(['DELETED', *WRONG[:-1]])}))", wild=1)  # fmt: skip
    letters = list(built)
    for _ in range(rng.randint(0, 2)):
        place = rng.randrange(len(letters))
        letters[place : place + rng.randint(0, 2)] = rng.choice(
            [
                "",
                "(",
                ")",
                "[",
                "]",
                "-",
                "9",
                "e",
                "'",
                "\\",
                "\0",
                "*",
                ", ",
                "**9",
                "_",
                "\n",
                "lambda ",
                "é",
            ]
        )
    return Case("text", _name(theirs), "", f"parse({''.join(letters)!r})", wild=1)


KINDS = [
    (constructor, 28), (composition, 16), (mapped, 4), (plateau, 6), (from_torch, 14), (to_torch, 6), (state_dict, 14),
    (recipe, 10), (text, 6),
]  # fmt: skip


def draw(rng):
    makers, weights = zip(*KINDS, strict=True)
    return rng.choices(makers, weights)[0](rng)
