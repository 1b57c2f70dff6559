"""Writes the pictures of choosing.md, and those of `jaxsched list`.

python examples/guides/make_shapes.py
"""

import json
import re
from pathlib import Path

import numpy as np

import jaxsched
from jaxsched._chart.braille import braille
from jaxsched._chart.small import small_chart
from jaxsched._core.schedule import without_warnings
from jaxsched._plot.extent import extent
from jaxsched._text.expression import Expression
from jaxsched._text.parse import parse
from jaxsched._traces.values import last_count, values_of

GUIDE = Path(__file__).with_name("choosing.md")
PICTURES = Path(__file__).parents[1] / "pictures" / "shapes"
LISTED = Path(jaxsched.__file__).parent / "_cli" / "shapes.json"
METRICS = "max(0.2, 1 / (1 + 0.1 * step))"  # of a plateau: it improves, then no longer
INTRODUCTION = """\
# Choosing a schedule

**Which schedule has the shape that I want?**

Each picture shows the rate over the steps, from 0 up. [`jaxsched.plot`](pictures.md) draws yours.
This page is written by `python examples/guides/make_shapes.py`.
"""
SECTIONS = {
    "PyTorch's schedulers": [
        ("StepLR(0.1, 30, 0.5)", "falls by a factor at every 30th step"),
        ("MultiStepLR(0.1, [30, 60, 80], 0.5)", "falls by a factor at given steps"),
        ("ExponentialLR(0.1, 0.95)", "falls by a factor at each step"),
        ("ConstantLR(0.1, 0.3, 20)", "waits at a lower rate, then is constant"),
        ("LinearLR(0.1, 0.1, 1.0, 30)", "a straight line, then constant: a warm-up"),
        ("PolynomialLR(0.1, 80, 2.0)", "falls to 0 as a power of the steps that are left"),
        ("CosineAnnealingLR(0.1, 100)", "falls along half a cosine, and rises again after `T_max`"),
        ("CosineAnnealingWarmRestarts(0.1, 20, 2)", "a cosine that starts again, in longer cycles"),
        ("CyclicLR(0.02, 0.1, 20)", "up and down between two rates, with a momentum"),
        ("OneCycleLR(0.1, 100)", "one rise, one fall, nearly to 0, with a momentum"),
        ("SWALR(0.1, 0.02, 40)", "goes to the rate of weight averaging, and stays there"),
        ("LambdaLR(0.1, 1 / (1 + 0.1 * step))", "a factor of your own"),
        (
            "MultiplicativeLR(0.1, 0.9 if step % 10 == 0 else 1.0, total_steps=100)",
            "a factor of your own at each step",
        ),
        (
            "SequentialLR([LinearLR(0.1, 0.1, 1.0, 20), CosineAnnealingLR(0.1, 80)], [20])",
            "one schedule after the other: warm-up, then decay",
        ),
        (
            "ChainedScheduler([LinearLR(0.1, 0.1, 1.0, 20), StepLR(0.1, 30, 0.5)])",
            "several move one rate together",
        ),
        ("ReduceLROnPlateau(0.1, patience=5)", "falls when a metric no longer improves"),
    ],
    "Warm-ups, products, joins": [
        ("Ramp(0, 0.1, 20) * Ramp(1, 0, 100, 'cosine')", "a warm-up from 0, times a decay"),
        (
            "join([Ramp(0, 0.1, 20), Ramp(0.1, 0.1, 0), Ramp(0.1, 0, 20, 'sqrt')], [20, 80])",
            "warm-up, stable, decay (WSD)",
        ),
        ("clip(ExponentialLR(0.1, 0.95), 0.02)", "a decay with a floor"),
        ("per_epoch(StepLR(0.1, 2, 0.5), 15)", "counts epochs of 15 updates"),
        ("delay(CosineAnnealingLR(0.1, 60), 40)", "starts later"),
    ],
    "Other libraries' recipes": [
        ("transformers.get_cosine_schedule_with_warmup(0.1, 20, 100)", "warm-up, cosine to 0"),
        ("transformers.get_linear_schedule_with_warmup(0.1, 20, 100)", "warm-up, line to 0"),
        ("transformers.get_inverse_sqrt_schedule(0.1, 20)", "warm-up, then 1 / sqrt(step)"),
        (
            "transformers.get_wsd_schedule(0.1, 20, 20, 100, min_lr_ratio=0.1)",
            "warm-up, stable, decay to a floor",
        ),
        (
            "timm.CosineLRScheduler(0.1, 40, cycle_limit=3, cycle_decay=0.5, warmup_t=10)",
            "cycles of a falling peak",
        ),
        ("timm.TanhLRScheduler(0.1, 100)", "stays high, falls steeply"),
        ("deepspeed.WarmupLR(0.1, 0.0, 0.1, 30)", "a logarithmic warm-up"),
        ("fairseq.tri_stage(0.1, 20, 30, 50)", "warm-up, hold, exponential decay"),
        ("nemo.NoamAnnealing(1.0, d_model=64, warmup_steps=20)", "the Transformer's own"),
        (
            "olmo.WSDS(0.1, period_lengths=[50, 50], warmup=10, decay=15)",
            "several decays of one run",
        ),
    ],
}


def rates_of(call: str) -> tuple[np.ndarray, np.ndarray]:
    """Counts, and rates."""
    with without_warnings():
        schedule = parse(call)
        counts = np.arange(min(max(100, min(extent(schedule), 200)), last_count(schedule)))
        return counts, values_of(schedule, counts, Expression(METRICS), x64=False)[0].lr


def picture(call: str) -> str:
    """An SVG file, for light and dark pages."""
    counts, rates = rates_of(call)
    chart = small_chart(counts, [rates], f"the rate of {call}")
    return chart.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" color="#888" ', 1) + "\n"


def name_of(call: str) -> str:
    words = re.findall(r"\w+", call)
    return words[1] if words[0] in jaxsched._schedulers.RECIPES else words[0]


def page() -> str:
    parts = [INTRODUCTION]
    for section, rows in SECTIONS.items():
        lines = [f"## {section}\n", "| | | |", "|---|---|---|"]
        for call, sentence in rows:
            file = f"../pictures/shapes/{name_of(call)}.svg"
            image = f'<img src="{file}" alt="the rate of {name_of(call)}" width="150">'
            lines.append(f"| {image} | `{call}` | {sentence} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for rows in SECTIONS.values():
        for call, _ in rows:
            (PICTURES / f"{name_of(call)}.svg").write_text(picture(call))
    listed = {name_of(call): listed_shape(call) for call, _ in SECTIONS["PyTorch's schedulers"]}
    LISTED.write_text(json.dumps(listed, indent=1, ensure_ascii=False) + "\n")
    GUIDE.write_text(page())


def listed_shape(call: str) -> str:
    return braille(rates_of(call)[1], width=12, height=2)


if __name__ == "__main__":
    main()
