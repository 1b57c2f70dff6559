"""State dicts that old versions of PyTorch saved: the rates that these versions went on with.

The dicts and the rates were recorded from each version's own schedulers.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

import jaxsched as js


class Old(NamedTuple):
    version: str
    name: str
    done: int  # how many steps
    state: dict[str, Any]
    group: dict[str, Any]  # of the optimizer
    rates: list[float]  # from here on


def halved(cycle):
    return 0.5**cycle


def function(name):
    """A function that a dict holds: PyTorch's own of that name, or a person's."""

    def stand_in(cycle):
        return halved(cycle) if name == "halved" else None

    stand_in.__name__ = name
    return stand_in


FUNCTIONS = {
    "LambdaLR": {"lr_lambda": lambda step: 0.9**step},
    "MultiplicativeLR": {"lr_lambda": lambda step: 0.9, "total_steps": 40},
}
METRICS = [1.0, 0.9, 0.95, 0.99, 0.97, 0.8, 0.85, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96]
RECORDED = [
    Old("1.1.0", "LambdaLR", 5,
        {"last_epoch": 5, "base_lrs": [0.1], "lr_lambdas": [None]},
        {"lr": 0.05904900000000001, "initial_lr": 0.1},
        [0.059049, 0.0531441, 0.04782969, 0.043046721, 0.0387420489, 0.03486784401, 0.031381059609,
        0.0282429536481, 0.0254186582833, 0.022876792455],
    ),
    Old("1.1.0", "StepLR", 5,
        {"step_size": 3, "gamma": 0.1, "base_lrs": [0.1], "last_epoch": 5},
        {"lr": 0.010000000000000002, "initial_lr": 0.1},
        [0.01, 0.001, 0.001, 0.001, 0.0001, 0.0001, 0.0001, 1e-05, 1e-05, 1e-05],
    ),
    Old("1.1.0", "MultiStepLR", 5,
        {"milestones": {3: 1, 6: 1, 7: 1}, "gamma": 0.5, "base_lrs": [0.1], "last_epoch": 5},
        {"lr": 0.05, "initial_lr": 0.1},
        [0.05, 0.025, 0.0125, 0.0125, 0.0125, 0.0125, 0.0125, 0.0125, 0.0125, 0.0125],
    ),
    Old("1.1.0", "ExponentialLR", 5,
        {"gamma": 0.9, "base_lrs": [0.1], "last_epoch": 5},
        {"lr": 0.05904900000000002, "initial_lr": 0.1},
        [0.059049, 0.0531441, 0.04782969, 0.043046721, 0.0387420489, 0.03486784401, 0.031381059609,
        0.0282429536481, 0.0254186582833, 0.022876792455],
    ),
    Old("1.1.0", "CosineAnnealingLR", 5,
        {"T_max": 5, "eta_min": 0.01, "base_lrs": [0.1], "last_epoch": 5},
        {"lr": 0.01, "initial_lr": 0.1},
        [0.01, 0.0185942352531, 0.0410942352531, 0.0689057647469, 0.0914057647469, 0.1,
        0.0914057647469, 0.0689057647469, 0.0410942352531, 0.0185942352531],
    ),
    Old("1.1.0", "CosineAnnealingWarmRestarts", 0,
        {"T_0": 3, "T_i": 3, "T_mult": 2, "eta_min": 0, "base_lrs": [0.1], "T_cur": -1,
        "last_epoch": 0},
        {"lr": 0.1, "initial_lr": 0.1},
        [0.1, 0.1, 0.075, 0.025, 0.1, 0.0933012701892, 0.075, 0.05, 0.025, 0.00669872981078],
    ),
    Old("1.1.0", "CosineAnnealingWarmRestarts", 5,
        {"T_0": 3, "T_i": 6, "T_mult": 2, "eta_min": 0, "base_lrs": [0.1], "T_cur": 1,
        "last_epoch": 5},
        {"lr": 0.09330127018922195, "initial_lr": 0.1},
        [0.0933012701892, 0.075, 0.05, 0.025, 0.00669872981078, 0.1, 0.0982962913145,
        0.0933012701892, 0.0853553390593, 0.075],
    ),
    Old("1.1.0", "CosineAnnealingWarmRestarts", 4,
        {"T_0": 3, "T_i": 3, "T_mult": 1, "eta_min": 0.01, "base_lrs": [0.1], "T_cur": 0,
        "last_epoch": 4},
        {"lr": 0.1, "initial_lr": 0.1},
        [0.1, 0.0775, 0.0325, 0.1, 0.0775, 0.0325, 0.1, 0.0775, 0.0325, 0.1],
    ),
    Old("1.1.0", "CyclicLR", 5,
        {"max_lrs": [0.1], "total_size": 7.0, "step_ratio": 0.42857142857142855,
        "mode": "triangular2", "gamma": 1.0, "scale_fn": function("_triangular2_scale_fn"),
        "scale_mode": "cycle", "cycle_momentum": True, "base_momentums": [0.8],
        "max_momentums": [0.9], "base_lrs": [0.01], "last_epoch": 5},
        {"lr": 0.054999999999999986, "initial_lr": 0.01},
        [0.055, 0.0325, 0.01, 0.025, 0.04, 0.055, 0.04375, 0.0325, 0.02125, 0.01],
    ),
    Old("1.1.0", "CyclicLR", 5,
        {"max_lrs": [0.1], "total_size": 6.0, "step_ratio": 0.5, "mode": "exp_range", "gamma": 0.9,
        "scale_fn": function("_exp_range_scale_fn"), "scale_mode": "iterations",
        "cycle_momentum": False, "base_momentums": [0.9], "max_momentums": [0.9],
        "base_lrs": [0.01], "last_epoch": 5},
        {"lr": 0.027714699999999988, "initial_lr": 0.01},
        [0.0277147, 0.01, 0.024348907, 0.0358280326, 0.04486784401, 0.030920706406, 0.0194143178827,
        0.01, 0.017625597485, 0.023726075473],
    ),
    Old("1.1.0", "CyclicLR", 8,
        {"max_lrs": [0.1], "total_size": 6.0, "step_ratio": 0.5, "mode": "triangular", "gamma": 1.0,
        "scale_fn": function("halved"), "scale_mode": "cycle", "cycle_momentum": True,
        "base_momentums": [0.8], "max_momentums": [0.9], "base_lrs": [0.01], "last_epoch": 8},
        {"lr": 0.024999999999999988, "initial_lr": 0.01},
        [0.025, 0.0325, 0.025, 0.0175, 0.01, 0.01375, 0.0175, 0.02125, 0.0175, 0.01375],
    ),
    Old("1.1.0", "ReduceLROnPlateau", 4,
        {"factor": 0.5, "min_lrs": [0], "patience": 1, "verbose": False, "cooldown": 1,
        "cooldown_counter": 1, "mode": "min", "threshold": 0.0001, "threshold_mode": "rel",
        "best": 0.9, "num_bad_epochs": 0, "mode_worse": math.inf, "eps": 1e-08, "last_epoch": 3},
        {"lr": 0.05},
        [0.05, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025, 0.0125, 0.0125, 0.0125],
    ),
    Old("1.2.0", "MultiStepLR", 5,
        {"milestones": [3, 6, 7], "gamma": 0.5, "base_lrs": [0.1], "last_epoch": 5,
        "_step_count": 6},
        {"lr": 0.05, "initial_lr": 0.1},
        [0.05, 0.025, 0.0125, 0.0125, 0.0125, 0.0125, 0.0125, 0.0125, 0.0125, 0.0125],
    ),
    Old("1.2.0", "CosineAnnealingWarmRestarts", 5,
        {"T_0": 3, "T_i": 6, "T_mult": 2, "eta_min": 0, "base_lrs": [0.1], "last_epoch": 5,
        "_step_count": 0, "T_cur": 2},
        {"lr": 0.07500000000000001, "initial_lr": 0.1},
        [0.075, 0.05, 0.025, 0.00669872981078, 0.1, 0.0982962913145, 0.0933012701892,
        0.0853553390593, 0.075, 0.0629409522551],
    ),
    Old("1.3.1", "MultiStepLR", 5,
        {"milestones": [0, 2.5, 6, 8.5], "gamma": 0.5, "base_lrs": [0.1], "last_epoch": 5,
        "_step_count": 6},
        {"lr": 0.025, "initial_lr": 0.1},
        [0.025, 0.0125, 0.0125, 0.0125, 0.00625, 0.00625, 0.00625, 0.00625, 0.00625, 0.00625],
    ),
    Old("1.3.1", "OneCycleLR", 5,
        {"total_steps": 13, "step_size_up": 2.9, "step_size_down": 9.1,
        "anneal_func": function("_annealing_cos"), "cycle_momentum": True, "use_beta1": False,
        "base_lrs": [0.004], "last_epoch": 5, "_step_count": 6},
        {"lr": 0.08742558770640542, "initial_lr": 0.004, "max_lr": 0.1, "min_lr": 4e-07,
        "base_momentum": 0.85, "max_momentum": 0.95},
        [0.0874255877064, 0.0739969779105, 0.0577366357936, 0.0405633579749, 0.024503671767,
        0.0114526954509, 0.00295050543141, 4e-07, 0.00295050543141],
    ),
    Old("1.3.1", "OneCycleLR", 5,
        {"total_steps": 13, "step_size_up": 4.2, "step_size_down": 7.800000000000001,
        "anneal_func": function("_annealing_linear"), "cycle_momentum": False,
        "base_lrs": [0.014285714285714287], "last_epoch": 5, "_step_count": 6},
        {"lr": 0.08974373626373627, "initial_lr": 0.014285714285714287, "max_lr": 0.1,
        "min_lr": 1.4285714285714286e-06},
        [0.0897437362637, 0.0769234065934, 0.0641030769231, 0.0512827472527, 0.0384624175824,
        0.0256420879121, 0.0128217582418, 1.42857142858e-06, -0.0128189010989],
    ),
    Old("1.4.0", "MultiplicativeLR", 5,
        {"last_epoch": 5, "base_lrs": [0.1], "_step_count": 6, "_get_lr_called_within_step": False,
        "_last_lr": [0.05904900000000002], "lr_lambdas": [None]},
        {"lr": 0.05904900000000002, "initial_lr": 0.1},
        [0.059049, 0.0531441, 0.04782969, 0.043046721, 0.0387420489, 0.03486784401, 0.031381059609,
        0.0282429536481, 0.0254186582833, 0.022876792455],
    ),
    Old("1.6.0", "SWALR", 3,
        {"anneal_func": function("_cosine_anneal"), "anneal_epochs": 6, "base_lrs": [0.1],
        "last_epoch": 3, "_step_count": 4, "_get_lr_called_within_step": False,
        "_last_lr": [0.07500000000000001]},
        {"lr": 0.07500000000000001, "initial_lr": 0.1, "swa_lr": 0.05},
        [0.075, 0.0625, 0.0533493649054, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05],
    ),
    Old("1.7.1", "SWALR", 3,
        {"anneal_func": function("_linear_anneal"), "anneal_epochs": 6, "base_lrs": [0.1],
        "last_epoch": 3, "_step_count": 4, "verbose": False, "_get_lr_called_within_step": False,
        "_last_lr": [0.07500000000000001]},
        {"lr": 0.07500000000000001, "initial_lr": 0.1, "swa_lr": 0.05},
        [0.075, 0.0666666666667, 0.0583333333333, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05],
    ),
    Old("1.7.1", "OneCycleLR", 5,
        {"total_steps": 13, "step_size_up": 2.9, "step_size_down": 9.1,
        "anneal_func": function("_annealing_cos"), "cycle_momentum": True, "use_beta1": False,
        "base_lrs": [0.004], "last_epoch": 5, "_step_count": 6, "verbose": False,
        "_get_lr_called_within_step": False, "_last_lr": [0.08742558770640542]},
        {"lr": 0.08742558770640542, "initial_lr": 0.004, "max_lr": 0.1, "min_lr": 4e-07,
        "base_momentum": 0.85, "max_momentum": 0.95},
        [0.0874255877064, 0.0739969779105, 0.0577366357936, 0.0405633579749, 0.024503671767,
        0.0114526954509, 0.00295050543141, 4e-07, 0.00295050543141],
    ),
    Old("1.8.1", "OneCycleLR", 5,
        {"total_steps": 20, "_schedule_phases": [{"end_step": 5.0, "start_lr": "initial_lr",
        "end_lr": "max_lr", "start_momentum": "max_momentum", "end_momentum": "base_momentum"},
        {"end_step": 10.0, "start_lr": "max_lr", "end_lr": "initial_lr",
        "start_momentum": "base_momentum", "end_momentum": "max_momentum"}, {"end_step": 19,
        "start_lr": "initial_lr", "end_lr": "min_lr", "start_momentum": "max_momentum",
        "end_momentum": "max_momentum"}], "anneal_func": function("_annealing_cos"),
        "cycle_momentum": True, "use_beta1": False, "base_lrs": [0.004], "last_epoch": 5,
        "_step_count": 6, "verbose": False, "_get_lr_called_within_step": False, "_last_lr": [0.1]},
        {"lr": 0.1, "initial_lr": 0.004, "max_lr": 0.1, "min_lr": 4e-07, "base_momentum": 0.85,
        "max_momentum": 0.95},
        [0.1, 0.09083281573, 0.06683281573, 0.03716718427, 0.01316718427, 0.004, 0.00387939730305,
        0.00353213567735, 0.0030001, 0.0023474616257],
    ),
    Old("1.10.2", "LinearLR", 3,
        {"start_factor": 0.3333333333333333, "end_factor": 1.0, "total_iters": 5, "base_lrs": [0.1],
        "last_epoch": 3, "_step_count": 4, "verbose": False, "_get_lr_called_within_step": False,
        "_last_lr": [0.07333333333333335]},
        {"lr": 0.07333333333333335, "initial_lr": 0.1},
        [0.0733333333333, 0.0866666666667, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
    ),
    Old("1.10.2", "ChainedScheduler", 3,
        {"_schedulers": [{"start_factor": 0.3333333333333333, "end_factor": 1.0, "total_iters": 5,
        "base_lrs": [0.1], "last_epoch": 3, "_step_count": 4, "verbose": False,
        "_get_lr_called_within_step": False, "_last_lr": [0.06475496291436254]}, {"T_max": 9,
        "eta_min": 0, "base_lrs": [0.1], "last_epoch": 3, "_step_count": 4, "verbose": False,
        "_get_lr_called_within_step": False, "_last_lr": [0.05500000000000002]}]},
        {"lr": 0.05500000000000002, "initial_lr": 0.1},
        [0.055, 0.0508580876989, 0.0413175911167, 0.025, 0.0116977778441, 0.0030153689607, 0,
        0.0030153689607, 0.0116977778441, 0.025],
    ),
    Old("1.10.2", "SequentialLR", 0,
        {"_milestones": [4], "last_epoch": 0, "_schedulers": [{"start_factor": 0.1,
        "end_factor": 1.0, "total_iters": 5, "base_lrs": [0.1], "last_epoch": 0, "_step_count": 1,
        "verbose": False, "_get_lr_called_within_step": False, "_last_lr": [0.010000000000000002]},
        {"T_max": 9, "eta_min": 0, "base_lrs": [0.1], "last_epoch": 0, "_step_count": 1,
        "verbose": False, "_get_lr_called_within_step": False, "_last_lr": [0.010000000000000002]}]},
        {"lr": 0.010000000000000002, "initial_lr": 0.1},
        [0.01, 0.028, 0.046, 0.064, 0.1, 0.0969846310393, 0.0883022221559, 0.075, 0.0586824088833,
        0.0413175911167],
    ),
    Old("1.10.2", "SequentialLR", 6,
        {"_milestones": [4], "last_epoch": 6, "_schedulers": [{"start_factor": 0.1,
        "end_factor": 1.0, "total_iters": 5, "base_lrs": [0.1], "last_epoch": 3, "_step_count": 4,
        "verbose": False, "_get_lr_called_within_step": False, "_last_lr": [0.064]}, {"T_max": 9,
        "eta_min": 0, "base_lrs": [0.1], "last_epoch": 2, "_step_count": 4, "verbose": False,
        "_get_lr_called_within_step": False, "_last_lr": [0.08830222215594889]}]},
        {"lr": 0.08830222215594889, "initial_lr": 0.1},
        [0.0883022221559, 0.075, 0.0586824088833, 0.0413175911167, 0.025, 0.0116977778441,
        0.0030153689607, 0, 0.0030153689607, 0.0116977778441],
    ),
    Old("1.11.0", "SequentialLR", 3,
        {"_milestones": [4], "last_epoch": 3, "_last_lr": [0.064],
        "_schedulers": [{"start_factor": 0.1, "end_factor": 1.0, "total_iters": 5,
        "base_lrs": [0.1], "last_epoch": 3, "_step_count": 4, "verbose": False,
        "_get_lr_called_within_step": False, "_last_lr": [0.064]}, {"T_max": 9, "eta_min": 0,
        "base_lrs": [0.1], "last_epoch": 0, "_step_count": 1, "verbose": False,
        "_get_lr_called_within_step": False, "_last_lr": [0.010000000000000002]}]},
        {"lr": 0.064, "initial_lr": 0.1},
        [0.064, 0.1, 0.0969846310393, 0.0883022221559, 0.075, 0.0586824088833, 0.0413175911167,
        0.025, 0.0116977778441, 0.0030153689607],
    ),
    Old("1.13.1", "CyclicLR", 8,
        {"max_lrs": [0.1], "total_size": 6.0, "step_ratio": 0.5, "mode": "triangular", "gamma": 1.0,
        "_scale_fn_custom": function("halved"), "_scale_fn_ref": None, "scale_mode": "cycle",
        "cycle_momentum": True, "base_momentums": [0.8], "max_momentums": [0.9], "base_lrs": [0.01],
        "last_epoch": 8, "verbose": False, "_step_count": 9, "_get_lr_called_within_step": False,
        "_last_lr": [0.024999999999999988]},
        {"lr": 0.024999999999999988, "initial_lr": 0.01},
        [0.025, 0.0325, 0.025, 0.0175, 0.01, 0.01375, 0.0175, 0.02125, 0.0175, 0.01375],
    ),
    Old("1.13.1", "PolynomialLR", 3,
        {"total_iters": 8, "power": 1.0, "base_lrs": [0.1], "last_epoch": 3, "verbose": False,
        "_step_count": 4, "_get_lr_called_within_step": False, "_last_lr": [0.0625]},
        {"lr": 0.0625, "initial_lr": 0.1},
        [0.0625, 0.05, 0.0375, 0.025, 0.0125, 0, 0, 0, 0, 0],
    ),
    Old("2.1.2", "OneCycleLR", 5,
        {"total_steps": 13, "_schedule_phases": [{"end_step": 4.2, "start_lr": "initial_lr",
        "end_lr": "max_lr", "start_momentum": "max_momentum", "end_momentum": "base_momentum"},
        {"end_step": 12, "start_lr": "max_lr", "end_lr": "min_lr",
        "start_momentum": "base_momentum", "end_momentum": "max_momentum"}],
        "anneal_func": function("_annealing_linear"), "cycle_momentum": False,
        "base_lrs": [0.014285714285714287], "last_epoch": 5, "verbose": False, "_step_count": 6,
        "_get_lr_called_within_step": False, "_last_lr": [0.08974373626373627]},
        {"lr": 0.08974373626373627, "initial_lr": 0.014285714285714287, "max_lr": 0.1,
        "min_lr": 1.4285714285714286e-06},
        [0.0897437362637, 0.0769234065934, 0.0641030769231, 0.0512827472527, 0.0384624175824,
        0.0256420879121, 0.0128217582418, 1.42857142857e-06, -0.0128189010989],
    ),
    Old("2.4.1", "CyclicLR", 5,
        {"max_lrs": [0.1], "total_size": 7.0, "step_ratio": 0.42857142857142855,
        "mode": "triangular2", "gamma": 1.0, "scale_mode": "cycle", "cycle_momentum": True,
        "use_beta1": False, "base_momentums": [0.8], "max_momentums": [0.9], "base_lrs": [0.01],
        "last_epoch": 5, "verbose": False, "_step_count": 6, "_get_lr_called_within_step": False,
        "_last_lr": [0.054999999999999986], "_scale_fn_custom": None},
        {"lr": 0.054999999999999986, "initial_lr": 0.01, "base_momentum": 0.8, "max_momentum": 0.9},
        [0.055, 0.0325, 0.01, 0.025, 0.04, 0.055, 0.04375, 0.0325, 0.02125, 0.01],
    ),
    Old("2.6.0", "ReduceLROnPlateau", 4,
        {"factor": 0.5, "default_min_lr": 0, "min_lrs": [0], "patience": 1, "verbose": False,
        "cooldown": 1, "cooldown_counter": 1, "mode": "min", "threshold": 0.0001,
        "threshold_mode": "rel", "eps": 1e-08, "last_epoch": 4, "_last_lr": [0.05],
        "mode_worse": math.inf, "best": 0.9, "num_bad_epochs": 0},
        {"lr": 0.05},
        [0.05, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025, 0.0125, 0.0125, 0.0125],
    ),
    Old("2.9.1", "SWALR", 3,
        {"anneal_func": function("_cosine_anneal"), "anneal_epochs": 6, "base_lrs": [0.1],
        "last_epoch": 3, "_step_count": 4, "_is_initial": False,
        "_get_lr_called_within_step": False, "_last_lr": [0.07500000000000001]},
        {"lr": 0.07500000000000001, "initial_lr": 0.1, "swa_lr": 0.05},
        [0.075, 0.0625, 0.0533493649054, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05],
    ),
]  # fmt: skip
IDS = [f"{old.name}-{old.version}-{old.done}" for old in RECORDED]


def rates(schedule, old):
    if old.name != "ReduceLROnPlateau":
        return schedule(np.arange(old.done, old.done + len(old.rates)))
    state = schedule.init()
    shown = [schedule(state)]
    for metric in METRICS[old.done : old.done + len(old.rates) - 1]:
        state = schedule.update(state, value=metric)
        shown.append(schedule(state))
    return np.array(shown)


@pytest.mark.parametrize("old", RECORDED, ids=IDS)
def test_it_goes_on_as_its_version_did(old):
    optimizer = {"param_groups": [old.group]}
    before = repr(old.state)
    schedule = js.from_torch_state_dict(
        old.name, old.state, optimizer, **FUNCTIONS.get(old.name, {})
    )

    np.testing.assert_allclose(rates(schedule, old), old.rates, rtol=1e-6, atol=1e-9)
    assert repr(old.state) == before


def recorded(version, name):
    return next(old for old in RECORDED if (old.version, old.name) == (version, name))


def test_the_cycles_of_1_1_began_one_step_late():
    old = recorded("1.1.0", "CosineAnnealingWarmRestarts")
    schedule = js.from_torch_state_dict(old.name, old.state, {"param_groups": [old.group]})

    assert schedule == js.delay(js.CosineAnnealingWarmRestarts(0.1, 3, 2), 1)


@pytest.mark.parametrize("version, name", [("1.1.0", "StepLR"), ("1.10.2", "SequentialLR"),
                                           ("1.10.2", "ChainedScheduler")])  # fmt: skip
def test_a_dict_without_its_rates_needs_the_optimizer(version, name):
    old = recorded(version, name)

    with pytest.raises(ValueError, match=r"`lr` in .* groups. Pass `optimizer.state_dict\(\)`"):
        js.from_torch_state_dict(name, old.state)


@pytest.mark.parametrize("name", ["SWALR", "OneCycleLR"])
@pytest.mark.parametrize("value", [None, "cos", max, function("quadratic"), {}])
def test_an_annealing_function_that_is_not_pytorchs(name, value):
    old = next(old for old in RECORDED if old.name == name and "anneal_func" in old.state)

    with pytest.raises(ValueError, match="PyTorch's own annealing function"):
        js.from_torch_state_dict(
            name, old.state | {"anneal_func": value}, {"param_groups": [old.group]}
        )


@pytest.mark.parametrize(
    "name, key, value",
    [
        ("OneCycleLR", "step_size_up", 30.0), ("OneCycleLR", "step_size_up", None),
        ("OneCycleLR", "step_size_down", 3.0), ("MultiStepLR", "milestones", [6, 3]),
        ("MultiStepLR", "milestones", [3, "6"]), ("MultiStepLR", "milestones", [3] * 2000),
    ],
)  # fmt: skip
def test_damage_of_an_old_key(name, key, value):
    old = recorded("1.3.1", name)

    with pytest.raises(ValueError, match=f"as `{key}`"):
        js.from_torch_state_dict(name, old.state | {key: value}, {"param_groups": [old.group]})


@pytest.mark.parametrize("name, key", [("OneCycleLR", "_schedule_phases"),
                                       ("OneCycleLR", "_anneal_func_type")])  # fmt: skip
def test_neither_the_old_key_nor_that_of_today(name, key):
    old = recorded("1.3.1", name)
    gone = {"_schedule_phases": "step_size_up", "_anneal_func_type": "anneal_func"}[key]
    state = {k: v for k, v in old.state.items() if k != gone}

    with pytest.raises(ValueError, match=f"which has `{key}`"):
        js.from_torch_state_dict(name, state, {"param_groups": [old.group]})


def test_a_swalr_that_counted_its_milestone_as_a_step():
    """As up to PyTorch 2.6; today's goes on otherwise than that began: no schedule is both."""
    old = recorded("1.10.2", "SequentialLR")
    waiting = {"anneal_epochs": 3, "anneal_func": function("_cosine_anneal"), "base_lrs": [0.1],
               "last_epoch": 0, "_step_count": 2, "_last_lr": [0.1]}  # fmt: skip
    parts = [old.state["_schedulers"][0], waiting]

    with pytest.raises(ValueError, match="`_step_count` belies the others"):
        js.from_torch_state_dict(
            "SequentialLR",
            old.state | {"_schedulers": parts},
            {"param_groups": [old.group | {"swa_lr": 0.05}]},
        )
