"""The lines of the guide to JAX frameworks, and the rates of the frameworks' own functions.

python tests/helpers/jax_frameworks.py FOLDER    # records the rates again

FOLDER has a checkout of each: maxtext, levanter, big_vision, t5x. One function of each is run alone.
"""

import __future__

import ast
import sys
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from guide_lines import Lines


def _run_alone(path, *wanted, **scope):
    """The functions and classes of these names in a file, without the rest of it."""
    scope["jnp"] = types.SimpleNamespace(**vars(jnp) | {"float32": jnp.float64})
    scope |= {"np": np, "optax": optax, "jax": jax}
    for node in ast.parse(path.read_text()).body:
        if getattr(node, "name", None) not in wanted:
            continue
        if isinstance(node, ast.ClassDef):
            node.bases, node.keywords = [], []
            node.body = [x for x in node.body if isinstance(x, ast.FunctionDef)]
        for inner in ast.walk(node):
            if hasattr(inner, "decorator_list"):
                inner.decorator_list = []
        unread = __future__.annotations.compiler_flag  # They name what is not here.
        exec(compile(ast.Module([node], []), str(path), "exec", unread), scope)
    return scope


def _maxtext(root, **config):
    kinds = types.SimpleNamespace(
        LearningRateScheduleType=types.SimpleNamespace(COSINE="cosine"),
        WsdDecayStyle=types.SimpleNamespace(LINEAR="linear"),
    )
    name = "create_learning_rate_schedule"
    scope = _run_alone(root / "src/maxtext/utils/maxtext_utils.py", name, types=kinds)
    defaults = {
        "learning_rate_schedule_steps": config["steps"],
        "lr_schedule_type": "cosine",
        "learning_rate_final_fraction": 0.1,
        "wsd_decay_steps_fraction": 0.1,
        "wsd_decay_style": "linear",
        "warmup_steps_fraction": 0.1,
    }
    return scope[name](types.SimpleNamespace(**defaults | config)), config["steps"]


def _levanter(root, num_train_steps, **config):
    parts = "_inv_sqrt_decay_schedule", "_inv_decay_schedule", "_convert_frac_or_steps"
    path = root / "src/levanter/optim/config.py"
    scope = _run_alone(path, "OptimizerConfig", *parts, LrSchedule=())
    made = scope["OptimizerConfig"]()
    defaults = {
        "learning_rate": 6e-4,
        "min_lr_ratio": 0.1,
        "warmup": 0.01,
        "decay": None,
        "rewarmup": 0.0,
        "cooldown": None,
        "cycle_length": None,
        "cycles": None,
        "lr_schedule": "cosine",
        "haps": None,
    }
    vars(made).update(defaults | config)
    return made.lr_scheduler(num_train_steps), num_train_steps


def _big_vision(root, **config):
    name = "create_learning_rate_schedule"
    scope = _run_alone(root / "big_vision/utils.py", name, "steps")
    return scope[name](**config), config["total_steps"]


def _t5x(root, **config):
    name = "create_learning_rate_scheduler"
    return _run_alone(root / "t5x/utils.py", name)[name](**config), 30_000


FRAMEWORKS = {
    "MaxText": ("maxtext", _maxtext),
    "Levanter": ("levanter", _levanter),
    "big_vision": ("big_vision", _big_vision),
    "T5X": ("t5x", _t5x),
}


LINES = Lines("jax_frameworks.md", "jax_frameworks.json", FRAMEWORKS)


def main(folder):
    """Writes the rates of each line, as the framework's own function computes them in float64."""
    jax.config.update("jax_enable_x64", True)

    def function_of(framework, config):
        checkout, make = FRAMEWORKS[framework]
        function, length = make(Path(folder, checkout), **eval(f"dict({config})"))
        return lambda n: function(jnp.int64(n)), length

    LINES.record(function_of)


if __name__ == "__main__":
    main(*sys.argv[1:])
