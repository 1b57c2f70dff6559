"""Data-parallel training, on eight devices and in two real processes: the rates of one device.

Each process also trains on a single device of its own, and logs every step of every run.
"""

import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "data_parallel.py"
STEPS, EPOCH, KILLED_AT, SAVED = 210, 3, 130, 100
VARIANTS = "one device", "plain", "shard_map"
SECONDS = 240  # of patience with each process; on two free cores it takes 20


def start(directory: Path, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, SCRIPT, "--directory", directory]
    with open(directory / "output.txt", "ab") as output:
        return subprocess.Popen(
            [*command, "--picture", directory / "picture.png", *arguments],
            env=os.environ | {"JAX_PLATFORMS": "cpu"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def free_port() -> int:
    """One below those that the system hands out, so that nobody gets it before the process does."""
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
                return probe.getsockname()[1]
            except OSError:
                continue


def run_two_processes(directory: Path, *arguments: str) -> None:
    """Runs two to their end, or to that of the second, which is killed if it gets arguments."""
    shared = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", "2", "--process"]
    processes = []
    try:
        processes.append(start(directory, *shared, "0"))
        processes.append(start(directory, *shared, "1", *arguments))
        statuses = [process.wait(SECONDS) for process in processes[-1 if arguments else 0 :]]
        expected = [-signal.SIGKILL] if arguments else [0, 0]
        assert statuses == expected, (directory / "output.txt").read_text()
    finally:  # After its error the first one waits for the dead one, for 100 seconds.
        for process in processes:
            process.kill()
            process.wait()


def kill_two_processes(directory: Path, seconds: float) -> bool:
    """Kills both after some time, unless they have ended; returns whether they have."""
    shared = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", "2", "--process"]
    processes = [start(directory, *shared, number) for number in "01"]
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(process.poll() is None for process in processes):
        time.sleep(0.1)
    for process in processes:
        process.kill()
    return [process.wait() for process in processes] == [0, 0]


def logged(directory: Path, variant: str, process: int = 0):
    """The numbers, losses and rates of the steps, in the order in which they were made."""
    return np.loadtxt(directory / f"{variant}, process {process}.txt", unpack=True)


def assert_same(run, alone):
    """The rates of a run, some of whose steps may have been made twice, are those of the other."""
    steps, losses, rates = run
    places = steps.astype(int)
    np.testing.assert_array_equal(rates, alone[2][places])
    np.testing.assert_allclose(losses, alone[1][places], rtol=1e-5)
    assert set(places) == set(range(STEPS))


@pytest.mark.slow
def test_eight_devices_have_the_rates_of_one(tmp_path):
    process = start(tmp_path, "--devices", "8")
    try:
        assert process.wait(SECONDS) == 0, (tmp_path / "output.txt").read_text()
    finally:
        process.kill()
        process.wait()

    alone = logged(tmp_path, "one device")
    for variant in ("plain", "shard_map"):
        assert_same(logged(tmp_path, variant), alone)
    output = (tmp_path / "output.txt").read_text()
    assert output.count("│ 8       │ 1         │") == output.count("same bits") == 2
    assert (tmp_path / "picture.png").exists()

    # That shows something: the rate is reduced, and not because rounding decided so.
    _, losses, rates = alone
    assert np.sum(np.diff(rates) < 0) == 10
    [threshold] = re.findall(r"threshold=([\d.]+)", SCRIPT.read_text())
    best = np.inf
    for mean in losses.reshape(-1, EPOCH).mean(axis=1):
        bar = best * (1 - float(threshold))
        assert not abs(mean - bar) < 0.005 * bar
        best = mean if mean < bar else best


@pytest.mark.slow
def test_two_processes_have_the_rates_of_one_device_though_one_is_killed(tmp_path):
    run_two_processes(tmp_path, "--kill-at", str(KILLED_AT))
    run_two_processes(tmp_path)

    alone = logged(tmp_path, "one device")[:, :STEPS]
    for process in range(2):
        assert_same(logged(tmp_path, "one device", process), alone)
        assert_same(logged(tmp_path, "shard_map", process), alone)
        interrupted = logged(tmp_path, "plain", process)
        assert_same(interrupted, alone)
        [restart] = np.flatnonzero(np.diff(interrupted[0]) != 1) + 1
        assert interrupted[0, restart] == SAVED
        again = interrupted[:, restart : 2 * restart - SAVED]
        np.testing.assert_array_equal(again, interrupted[:, SAVED:restart])
    assert restart == KILLED_AT + 1


@pytest.mark.kills
def test_two_processes_killed_five_times_at_random_times(tmp_path):
    """The plateau averages over both of them; each step that is made again has the same bits."""
    seed = random.randrange(2**32)
    print(f"the kills are of seed {seed}")
    moments = random.Random(seed)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    begun = time.monotonic()
    run_two_processes(whole)
    longest = time.monotonic() - begun
    for _ in range(5):
        kill_two_processes(killed, moments.uniform(0.3, 1.0) * longest)
    run_two_processes(killed)

    for process, variant in itertools.product(range(2), VARIANTS):
        expected = logged(whole, variant, process)[:, :STEPS]
        run = logged(killed, variant, process)
        assert set(run[0]) == set(range(STEPS))
        np.testing.assert_array_equal(run, expected[:, run[0].astype(int)])
