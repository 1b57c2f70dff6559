"""Many threads: the same values, and nothing that is left behind in the process."""

import random
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsched as js
from jaxsched._text.parse import parse

THREADS = 8


def in_threads(work, times=40):
    """Runs `work(index)` in several threads that start together; returns all results."""
    barrier = threading.Barrier(THREADS)

    def run(index):
        barrier.wait()
        return [work(index) for _ in range(times)]

    work(0)  # Modules that are imported on first use add filters of their own.
    filters, x64 = list(warnings.filters), jax.config.jax_enable_x64
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(run, range(THREADS)))
    assert warnings.filters == filters
    assert jax.config.jax_enable_x64 == x64
    return results


def test_evaluation_in_two_precisions():
    schedule = js.CosineAnnealingLR(0.1, T_max=50)
    counts = np.arange(60)
    wanted = {False: np.asarray(schedule(counts))}
    with jax.enable_x64(True):
        wanted[True] = np.asarray(schedule(counts))

    def work(index):
        with jax.enable_x64(bool(index % 2)):
            return np.asarray(schedule(counts))

    for index, results in enumerate(in_threads(work)):
        for rates in results:
            assert rates.dtype == wanted[bool(index % 2)].dtype
            np.testing.assert_array_equal(rates, wanted[bool(index % 2)])


def test_texts_and_configs():
    text = "SequentialLR([LinearLR(0.1, 0.1, 1.0, 5), LambdaLR(0.1, 0.9 ** step)], [5])"
    wanted = parse(text)

    def work(index):
        schedule = parse(text)
        return js.from_config(js.to_config(schedule)) == wanted

    assert all(all(results) for results in in_threads(work))


def test_random_numbers_of_another_thread():
    drawn, done = [], threading.Event()
    random.seed(3)
    np.random.seed(3)

    def draw():
        while not done.is_set():
            drawn.append((random.random(), np.random.rand()))

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for base in (0.5, 0.6, 0.7):
            js.LambdaLR(0.1, lambda step: base**step, total_steps=50)(3)  # noqa: B023
            js.LambdaLR(0.1, lambda step: base**step)(3)  # noqa: B023
    finally:
        done.set()
        thread.join()
    pythons, numpys = random.Random(3), np.random.RandomState(3)
    assert drawn == [(pythons.random(), numpys.rand()) for _ in drawn]


def test_conversion_and_recording():
    torch = pytest.importorskip("torch")
    wanted = js.StepLR(0.1, step_size=3)

    class Noam(torch.optim.lr_scheduler.LRScheduler):
        def get_lr(self):
            return [lr / (self.last_epoch + 1) for lr in self.base_lrs]

    def work(index):
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
        assert js.from_torch(scheduler) == wanted
        own = Noam(torch.optim.SGD([torch.zeros(1)], lr=0.1))
        table = js.from_torch(own, total_steps=5)
        np.testing.assert_allclose(table.rates, 0.1 / np.arange(1, 6))
        return js.record(scheduler, 7).lr

    for results in in_threads(work, times=10):
        for rates in results:
            np.testing.assert_allclose(rates, [0.1] * 3 + [0.01] * 3 + [0.001])


def test_training_steps_of_one_schedule():
    schedule = js.OneCycleLR(0.1, total_steps=100)
    step = jax.jit(lambda count: schedule(count) * 2)

    for index, results in enumerate(in_threads(lambda index: step(jnp.int32(index)))):
        assert set(map(float, results)) == {float(2 * schedule(index))}
