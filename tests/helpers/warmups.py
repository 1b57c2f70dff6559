"""pytorch_warmup's warm-ups, live, and what is recorded of them.

PYTHONPATH=<where the library is> python tests/helpers/warmups.py    # records their traces
"""

import numpy as np
import pytest
from large_scale import LR, arguments_of
from libraries import save_recorded, trace_of, versioned

from jaxsched import CosineAnnealingLR, pytorch_warmup
from jaxsched._torch.to_torch import torch_call

WARMUPS = [
    *[pytorch_warmup.LinearWarmup(period) for period in (1, 7)],
    *[pytorch_warmup.ExponentialWarmup(period) for period in (1, 7)],
    *[
        getattr(pytorch_warmup, name)(beta2)
        for name in ("UntunedLinearWarmup", "UntunedExponentialWarmup", "RAdamWarmup")
        for beta2 in (0.95, 0.999)
    ],
]


def dampened(warmup, steps=60, last_step=-1):
    """The rates of a loop in which the library's class dampens a cosine."""
    torch, library = pytest.importorskip("torch"), pytest.importorskip("pytorch_warmup")
    beta2 = getattr(warmup, "beta2", 0.999)
    optimizer = torch.optim.AdamW([torch.zeros(1)], lr=LR, betas=(0.9, beta2))
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
    own = arguments_of(warmup, "beta2") | {"last_step": last_step}
    live, rates = getattr(library, type(warmup).__name__)(optimizer, **own), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        with live.dampening():
            scheduler.step()
    return np.array(rates)


def pytorch_warmups():
    for warmup in WARMUPS:
        cosine = CosineAnnealingLR(LR, T_max=50)
        call = f"{torch_call(warmup)} dampens {torch_call(cosine)}"
        yield trace_of(
            cosine * warmup, versioned("pytorch_warmup"), range(60), dampened(warmup), call=call
        )


RECORDED = {"pytorch_warmup": pytorch_warmups}


if __name__ == "__main__":
    save_recorded(RECORDED)
