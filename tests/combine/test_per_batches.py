"""`per_batches`: steps at every k-th batch, counted anew in each epoch."""

import itertools

import jax
import numpy as np
import pytest

import jaxsched as js


def stepped(batches, every, accumulated, number):
    """How many steps there have been at each update, as a loop over the batches counts them."""
    steps, counts = 0, []
    while len(counts) < number:
        for batch in range(1, batches + 1):
            if batch % accumulated == 0 or batch == batches:
                counts.append(steps)
                steps += batch % every == 0
    return counts[:number]


@pytest.mark.parametrize("accumulated", [1, 2, 3, 5])
def test_counts_are_those_of_a_loop(accumulated):
    rates = np.arange(64.0)
    schedule = js.from_rates(rates)
    for batches, every in itertools.product(range(1, 8), range(1, 9)):
        paced = js.per_batches(schedule, every, batches, accumulated)
        expected = stepped(batches, every, accumulated, 40)
        assert [int(paced._count_map(n)) for n in range(40)] == expected
        for number in range(expected[-1] + 1):
            assert int(paced._count_map.first(number)) == expected.index(number)


def test_it_is_exact_far_out_and_in_a_program():
    decay = js.ExponentialLR(0.1, 0.999999)
    paced = js.per_batches(decay, 3, batches_per_epoch=500)
    count = 500 * 4_000 + 7
    assert paced(count) == decay(166 * 4_000 + 2)
    assert jax.jit(paced)(count) == paced(count)
    steps = js.per_batches(js.StepLR(1.0, 5), 2, 5)
    np.testing.assert_array_equal(
        jax.vmap(steps)(np.arange(20)), js.StepLR(1.0, 5)(np.array(stepped(5, 2, 1, 20)))
    )


def test_it_ends_where_its_schedule_does():
    paced = js.per_batches(js.OneCycleLR(0.1, 10), 2, batches_per_epoch=5)
    assert paced(26) == js.OneCycleLR(0.1, 10)(10)
    with pytest.raises(ValueError, match="Tried to step 11 times"):
        paced(27)


def test_it_is_written_as_the_call_that_makes_it():
    paced = js.per_batches(js.StepLR(0.1, 3), 3, 5)

    expected = "per_batches(StepLR(lr=0.1, step_size=3), frequency=3, batches_per_epoch=5)"
    assert repr(paced) == expected
