"""mmengine and detectron2 (with fvcore), live, and what is recorded of them.

PYTHONPATH=<where the libraries are> python tests/helpers/detection.py    # records their traces
"""

import logging
import types
import warnings

import numpy as np
import pytest
from libraries import alone, save_recorded, trace_of, versioned

from jaxsched import detectron2, mmengine
from jaxsched._text.call import call_text
from jaxsched._traces.cases import LONG, SPARSE

LR, MOMENTUM = 0.1, 0.9

# --- mmengine ---


def of_mmengine():
    """The classes of mmengine's schedulers, by name."""
    registry = types.SimpleNamespace(register_module=lambda: lambda cls: cls)
    stubs = [f"mmengine{name}" for name in ("", ".logging", ".optim", ".registry")]
    home = "mmengine.optim.scheduler"
    classes = {}
    for name in ("param_scheduler", "lr_scheduler", "momentum_scheduler"):
        module = alone(
            f"{home}.{name}", *stubs, home, PARAM_SCHEDULERS=registry,
            BaseOptimWrapper=type("BaseOptimWrapper", (), {}),
        )  # fmt: skip
        classes |= vars(module)
    return classes


def sgd(lr=LR, groups=1, momentum=MOMENTUM):
    torch = pytest.importorskip("torch")
    params = [{"params": [torch.zeros(1)], "lr": lr * 0.5**i} for i in range(groups)]
    return torch.optim.SGD(params, lr=lr, momentum=momentum)


def build_mmengines(optimizer, configs, epoch_length):
    """Live schedulers of a config, as mmengine's registry builds them."""
    classes, built = of_mmengine(), []
    for config in configs:
        given = dict(config)
        cls = classes[given.pop("type")]
        if given.pop("convert_to_iter_based", False):
            built.append(cls.build_iter_from_epoch(optimizer, epoch_length=epoch_length, **given))
        else:
            built.append(cls(optimizer, **given))
    return built


def stepped_by_runner(optimizer, schedulers, number, epoch_length):
    """Rates and momenta at the first counts, stepped as mmengine's hook does it."""
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mmengine expects steps of the optimizer.
        for count in range(number):
            if count:
                for each in schedulers:
                    if not each.by_epoch:
                        each.step()
                for each in schedulers:
                    if each.by_epoch and count % epoch_length == 0:
                        each.step()
            group = optimizer.param_groups[0]
            rows.append((group["lr"], group["momentum"]))
    return np.array(rows, np.float64).T


def mmengine_values(configs, number, epoch_length=7, lr=LR):
    """mmengine's rates and momenta for a config."""
    optimizer = sgd(lr)
    built = build_mmengines(optimizer, configs, epoch_length)
    return stepped_by_runner(optimizer, built, number, epoch_length)


def options_of(schedule):
    """The arguments of ours that differ from the defaults, as mmengine takes them."""
    given = {k: v for k, v in schedule._arguments() if k not in ("lr", "value")}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in given.items()}


def config_of(schedules):
    """The config of ours."""
    return [{"type": type(each).__name__, **options_of(each)} for each in schedules]


WARM = {"type": "LinearLR", "start_factor": 0.001, "by_epoch": False, "begin": 0, "end": 20}
MMENGINE = {  # configs as people have them, at 7 updates an epoch
    "faster-rcnn": [WARM, {"type": "MultiStepLR", "begin": 0, "end": 12, "by_epoch": True, "milestones": [4, 6], "gamma": 0.1}],
    "rtmdet": [WARM, {"type": "CosineAnnealingLR", "eta_min": 0.005, "begin": 4, "end": 9, "T_max": 5, "by_epoch": True, "convert_to_iter_based": True}],
    "mae": [
        {"type": "LinearLR", "start_factor": 1e-4, "by_epoch": True, "begin": 0, "end": 3, "convert_to_iter_based": True},
        {"type": "CosineAnnealingLR", "T_max": 5, "by_epoch": True, "begin": 3, "end": 8, "convert_to_iter_based": True},
    ],
    "segmentation": [{"type": "PolyLR", "eta_min": 1e-4, "power": 0.9, "begin": 0, "end": 55, "by_epoch": False}],
    "swin": [WARM, {"type": "PolyLR", "eta_min": 0.0, "power": 1.0, "begin": 20, "end": 60, "by_epoch": False}],
    "overlap": [WARM, {"type": "CosineAnnealingLR", "begin": 0, "end": 9, "by_epoch": True}],
    "one-cycle": [{"type": "OneCycleLR", "eta_max": 0.2, "total_steps": 8, "by_epoch": True, "convert_to_iter_based": True, "end": 8}],
    "restarts": [WARM, {"type": "CosineRestartLR", "periods": [15, 25], "restart_weights": [1, 0.5], "eta_min": 1e-3, "begin": 20, "end": 60, "by_epoch": False}],
    "steps": [{"type": "ConstantLR", "factor": 0.1, "end": 5, "by_epoch": False}, {"type": "StepLR", "step_size": 2, "gamma": 0.5}, {"type": "ExponentialLR", "gamma": 0.99, "by_epoch": False, "begin": 30}],
    "momentum": [
        {"type": "CosineAnnealingLR", "T_max": 3, "eta_min": 0.2, "begin": 0, "end": 3, "by_epoch": True, "convert_to_iter_based": True},
        {"type": "CosineAnnealingLR", "T_max": 5, "eta_min": 1e-4, "begin": 3, "end": 8, "by_epoch": True, "convert_to_iter_based": True},
        {"type": "CosineAnnealingMomentum", "T_max": 3, "eta_min": 0.85, "begin": 0, "end": 3, "by_epoch": True, "convert_to_iter_based": True},
        {"type": "CosineAnnealingMomentum", "T_max": 5, "eta_min": 0.95, "begin": 3, "end": 8, "by_epoch": True, "convert_to_iter_based": True},
    ],
}  # fmt: skip
MMENGINE_LONG = {
    "faster-rcnn": [
        WARM | {"end": 500},
        {"type": "MultiStepLR", "begin": 0, "end": 12, "by_epoch": True, "milestones": [8, 11], "gamma": 0.1},
    ],
    "pretraining": [
        WARM | {"end": 1500},
        {"type": "PolyLR", "eta_min": 0.0, "power": 0.9, "begin": 1500, "end": 90_000, "by_epoch": False},
    ],
}  # fmt: skip


def read(config, epoch_length=7, **more):
    return mmengine.build_param_scheduler(LR, config, epoch_length, momentum=MOMENTUM, **more)


WINDOW = {"begin": 3, "end": 40}
SHAPES = {
    "Constant": {"factor": 0.5, "begin": 3, "end": 20},
    "CosineAnnealing": {"T_max": 12, "eta_min": 0.01, **WINDOW},
    "CosineRestart": {
        "periods": [10, 20, 15], "restart_weights": [1, 0.5, 0.25], "eta_min": 0.01, "begin": 3,
        "end": 70,
    },
    "Exponential": {"gamma": 0.9, **WINDOW},
    "Linear": {"start_factor": 0.1, "begin": 3, "end": 20},
    "MultiStep": {"milestones": [5, 9], "gamma": 0.5, **WINDOW},
    "Poly": {"eta_min": 0.01, "power": 0.9, **WINDOW},
    "Step": {"step_size": 9, "gamma": 0.5, **WINDOW},
}  # fmt: skip
ONE_CYCLE = {"eta_max": 0.2, "total_steps": 40, **WINDOW}
ALONE = {
    **{f"{name}LR": options for name, options in SHAPES.items()},
    **{f"{name}Momentum": options for name, options in SHAPES.items()},
    "OneCycleLR": ONE_CYCLE,
}


def ours(name, options):
    """Our schedule of one of mmengine's schedulers."""
    cls = getattr(mmengine, name)
    return cls(MOMENTUM, **options) if name.endswith("Momentum") else cls(lr=LR, **options)


def theirs(name, options, number):
    """mmengine's values of one scheduler, by its own steps."""
    rates, momenta = mmengine_values([{"type": name, **options}], number, epoch_length=1)
    return momenta if name.endswith("Momentum") else rates


def mmengines():
    source = versioned("mmengine")
    for name, options in ALONE.items():
        yield _trace(ours(name, options), source, range(60), theirs(name, options, 60))
    for configs, counts, length in (
        (MMENGINE, range(60), 7),
        (MMENGINE_LONG, SPARSE, 7_330),
    ):
        number = max(counts) + 1
        for config in configs.values():
            schedule = read(config, length)
            rates, momenta = mmengine_values(config, number, length)
            keep = [*counts]
            cycled = any("Momentum" in part["type"] for part in config)
            yield _trace(schedule, source, keep, rates[keep], momenta[keep] if cycled else None)


def _trace(schedule, source, counts, rates, momenta=None):
    call = call_text(schedule)
    return trace_of(schedule, source, counts, rates, momenta, call, optimizer="SGD")


# --- detectron2 and fvcore ---


def of_fvcore():
    return alone("fvcore.common.param_scheduler")


def of_detectron2():
    """The file with detectron2's schedulers."""
    logging.getLogger("detectron2.solver.lr_scheduler").setLevel(logging.ERROR)
    fvcore = of_fvcore()
    stubs = ("fvcore", "fvcore.common", "detectron2", "detectron2.solver")
    return alone("detectron2.solver.lr_scheduler", *stubs, **vars(fvcore))


def of_build():
    """The file that reads detectron2's config."""
    solver, fvcore = of_detectron2(), of_fvcore()
    stubs = [f"detectron2{name}" for name in ("", ".solver", ".config", ".utils", ".utils.env")]
    return alone(
        "detectron2.solver.build", *stubs, "fvcore", "fvcore.common", TORCH_VERSION=(2, 13),
        **{name: getattr(solver, name) for name in ("LRMultiplier", "WarmupParamScheduler")},
        CosineParamScheduler=fvcore.CosineParamScheduler,
    )  # fmt: skip


def fvcores(schedule):
    """fvcore's scheduler of the same arguments."""
    name = type(schedule).__name__
    own = {
        key: [fvcores(part) for part in value] if key == "schedulers"
        else fvcores(value) if key == "scheduler"
        else list(value) if isinstance(value, tuple)
        else value
        for key, value in schedule._arguments()
    }  # fmt: skip
    home = of_detectron2() if name == "WarmupParamScheduler" else of_fvcore()
    return getattr(home, name)(**own)


def live_detectron2(schedule, optimizer=None):
    """detectron2's scheduler of the same arguments."""
    own = {key: value for key, value in schedule._arguments() if key not in ("lr", "initial_lr")}
    if "multiplier" in own:
        own["multiplier"] = fvcores(own["multiplier"])
    if "milestones" in own:
        own["milestones"] = list(own["milestones"])
    cls = getattr(of_detectron2(), type(schedule).__name__)
    return cls(sgd(schedule.lr) if optimizer is None else optimizer, **own)


def detectron2_rates(schedule, number):
    """detectron2's rates at the first counts."""
    scheduler, rates = live_detectron2(schedule), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for count in range(number):
            if count:
                scheduler.step()
            rates.append(scheduler.optimizer.param_groups[0]["lr"])
    return np.array(rates, np.float64)


SHARES = np.arange(64) / 64
_DROPS = detectron2.MultiStepParamScheduler([1.0, 0.1, 0.01], 50, [20, 33])
_WAVE = detectron2.CosineParamScheduler(1.0, 0.05)
FVCORE = [
    detectron2.ConstantParamScheduler(0.3),
    _WAVE,
    detectron2.ExponentialParamScheduler(2.0, 0.02),
    detectron2.LinearParamScheduler(0.01, 0.5),
    _DROPS,
    detectron2.MultiStepParamScheduler([1.0, 0.5, 0.2], 91),
    detectron2.MultiStepParamScheduler([1.0, 0.5, 0.2], milestones=[3, 7, 9]),
    detectron2.PolynomialDecayParamScheduler(0.4, 0.9),
    detectron2.StepParamScheduler(90, [1.0, 0.3, 0.1, 0.05]),
    detectron2.StepWithFixedGammaParamScheduler(1.0, 3, 0.2, 90),
    detectron2.CompositeParamScheduler(
        [detectron2.LinearParamScheduler(0.0, 1.0), detectron2.ConstantParamScheduler(1.0), _WAVE],
        [0.2, 0.3, 0.5], ["rescaled", "fixed", "rescaled"],
    ),
    detectron2.WarmupParamScheduler(_DROPS, 0.001, 0.1),
    detectron2.WarmupParamScheduler(_WAVE, 0.01, 0.2, "constant"),
    detectron2.WarmupParamScheduler(_WAVE, 0.01, 0.2, "linear", True),
]  # fmt: skip
DETECTRON2 = [
    *[detectron2.LRMultiplier(LR, multiplier, 61) for multiplier in FVCORE],
    detectron2.WarmupMultiStepLR(LR, [20, 30], warmup_iters=9),
    detectron2.WarmupMultiStepLR(LR, [5, 20], 0.5, 0.1, 9, "constant"),
    detectron2.WarmupCosineLR(LR, 50, warmup_iters=9),
]
# Its milestones are early, by more than a count.
DETECTRON2_LONG = [
    detectron2.LRMultiplier(
        LR,
        detectron2.WarmupParamScheduler(
            detectron2.MultiStepParamScheduler([1.0, 0.1, 0.01], LONG, [60_000, 80_000]),
            0.001, 1000 / LONG,
        ),
        LONG,
    ),
    detectron2.LRMultiplier(LR, detectron2.WarmupParamScheduler(_WAVE, 0.001, 0.01), LONG),
]  # fmt: skip


def detectron2s():
    source = "detectron2 0.6 (commit 02b5c4e)"
    for schedule in FVCORE:
        fvcore = fvcores(schedule)
        rates = np.array([fvcore(share) for share in SHARES.tolist()], np.float64)
        yield _trace(schedule, source, SHARES, rates)
    for counts, schedules in ((range(60), DETECTRON2), (SPARSE, DETECTRON2_LONG)):
        for schedule in schedules:
            rates = detectron2_rates(schedule, max(counts) + 1)
            yield _trace(schedule, source, [*counts], rates[[*counts]])


RECORDED = {"mmengine": mmengines, "detectron2": detectron2s}


if __name__ == "__main__":
    save_recorded(RECORDED)
