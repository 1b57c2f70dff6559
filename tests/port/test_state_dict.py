"""`from_torch_state_dict` where PyTorch is not installed; with it: test_checkpoints.py."""

import subprocess
import sys

import numpy as np
import pytest

import jaxsched as js

COSINE = {
    "T_max": 20, "eta_min": 0.01, "base_lrs": [0.1], "last_epoch": 5, "_step_count": 6,
    "_last_lr": [0.08681980515339464], "_get_lr_called_within_step": False, "_is_initial": False,
}  # fmt: skip


def test_from_plain_python():
    """The values above are those that PyTorch 2.13 saved."""
    schedule = js.from_torch_state_dict("CosineAnnealingLR", COSINE)

    assert schedule == js.CosineAnnealingLR(0.1, 20, 0.01)
    assert float(schedule(5)) == np.float32(COSINE["_last_lr"][0])


def test_it_does_not_import_pytorch():
    code = (
        f"import sys, jaxsched; print(jaxsched.from_torch_state_dict('CosineAnnealingLR', {COSINE}),"
        " 'torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )

    assert result.stdout == "CosineAnnealingLR(lr=0.1, T_max=20, eta_min=0.01) False\n", (
        result.stderr
    )


@pytest.mark.parametrize(
    "name, state, message",
    [
        ("NoSuchLR", COSINE, "must be one of PyTorch's schedulers, got 'NoSuchLR'"),
        (None, COSINE, "must be one of PyTorch's schedulers, got None"),
        ("StepLR", COSINE, "that of a StepLR, which has `step_size`, got one with"),
        ("CosineAnnealingLR", {}, "which has `T_max`"),
        ("CosineAnnealingLR", COSINE | {"last_epoch": 20, "_step_count": 21, "_last_lr": [0.5]}, r"steps give, 0.01, got 0.5 at step 20: .* One of `_last_lr`, .* belies the others"),
        ("SequentialLR", {"_milestones": [], "_schedulers": [{"x": 1}], "last_epoch": 0}, "own schedulers"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it(name, state, message):
    with pytest.raises(ValueError, match=message):
        js.from_torch_state_dict(name, state)


def test_what_is_no_dict():
    with pytest.raises(TypeError, match=r"state_dict=\.\.\.\)` must be a dict, got 3"):
        js.from_torch_state_dict("StepLR", 3)


def test_a_function_without_a_place():
    with pytest.raises(
        TypeError, match=r"`from_torch_state_dict\(lr_lambda=\.\.\.\)` has no place"
    ):
        js.from_torch_state_dict("CosineAnnealingLR", COSINE, lr_lambda=abs)
