"""The loops of scripts that the guide to recipes names, in PyTorch, beside its schedules."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxsched as js
from jaxsched.testing import bound


def assert_exact(schedule, expected):
    expected = np.asarray(expected)
    ours = np.asarray(schedule(np.arange(len(expected))), np.float64)
    assert (np.abs(ours - expected) <= bound(expected)).all()


def test_the_detection_script_of_torchvision():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.02)
    batches, rates = 12, []
    epochs = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4])
    for epoch in range(6):
        if epoch == 0:
            length = min(1000, batches - 1)
            warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / 1000, total_iters=length)
        for _ in range(batches):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if epoch == 0:
                warmup.step()
        epochs.step()
    ours = js.per_epoch(js.MultiStepLR(0.02, [2, 4]), batches)
    warmup = js.LinearLR(0.02, start_factor=1 / 1000, total_iters=min(1000, batches - 1))

    assert_exact(js.ChainedScheduler([ours, warmup]), rates)


def test_the_warmup_of_yolo():
    torch = pytest.importorskip("torch")
    batches, epochs, lr0, lrf = 10, 20, 0.01, 0.01
    groups = [{"params": [torch.zeros(1)]} for _ in range(2)]
    optimizer = torch.optim.SGD(groups, lr=lr0, momentum=0.937)

    def of_epoch(epoch):
        return max(1 - epoch / epochs, 0) * (1.0 - lrf) + lrf

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=of_epoch)
    rates = []
    for epoch in range(epochs + 3):
        for batch in range(batches):
            update = batch + batches * epoch
            if update <= 3 * batches:
                between = [0, 3 * batches]
                for start, group in zip((0.0, 0.1), optimizer.param_groups, strict=True):
                    ends = [start, group["initial_lr"] * of_epoch(epoch)]
                    group["lr"] = np.interp(update, between, ends)
                    group["momentum"] = np.interp(update, between, [0.8, 0.937])
            rates.append([*(g["lr"] for g in optimizer.param_groups), group["momentum"]])
            optimizer.step()
        scheduler.step()
    rates = np.array(rates)

    def biases(step):
        rate = lr0 + lr0 * (lrf - 1) * jnp.minimum(step // batches, epochs) / epochs
        return 0.1 + (rate - 0.1) * jnp.minimum(step / (3 * batches), 1.0)

    falling = js.per_epoch(js.LinearLR(lr0, 1.0, lrf, epochs), batches)
    assert_exact(falling * js.Ramp(0.0, 1.0, 3 * batches), rates[:, 0])
    assert_exact(js.from_function(biases), rates[:, 1])
    assert_exact(js.Ramp(0.8, 0.937, 3 * batches), rates[:, 2])


def test_the_rest_of_an_epoch_is_an_update():
    batches, every = 10, 4
    updates, rest = -(-batches // every), batches % every
    optimizer = optax.MultiSteps(
        optax.sgd(js.per_epoch(js.StepLR(0.1, 1, 0.5), updates)),
        every_k_schedule=lambda update: jnp.where(update % updates == updates - 1, rest, every),
    )
    params = {"w": jnp.zeros(())}
    opt_state, moved, made = optimizer.init(params), [], 0
    with jax.numpy_dtype_promotion("standard"):  # as MultiSteps needs
        for batch in range(1, 2 * batches + 1):
            change, opt_state = optimizer.update({"w": jnp.ones(())}, opt_state, params)
            if opt_state.gradient_step > made:
                made += 1
                moved.append((batch, -float(change["w"])))

    ends = [(4, 0.1), (8, 0.1), (10, 0.1), (14, 0.05), (18, 0.05), (20, 0.05)]
    np.testing.assert_allclose(moved, ends, rtol=1e-6)
