"""A refusal states a rule: what breaks the rule is refused, and what keeps it is not.

Of each class in the shipped traces each number is replaced by others. The sentences that refuse
some of them are read, and the numbers at the boundaries that they name are tried too.
"""

import dataclasses
import itertools
import re

from schedules import one_of_each_class

from jaxsched._core.past_end import PastEnd
from jaxsched._core.schedule import without_warnings

NUMBER = r"(-?\d[\d.]*(?:e-?\d+)?)"
INT = r"\b(?:int|integer)\b"  # which may mean a whole float too
NAMED = rf"(?:`\w+`, )?{NUMBER}"
CLAUSES = [  # what a rule may say, and what that means
    (rf"from {NUMBER} up\b", lambda x, low: x >= low),
    (rf"from {NUMBER} to {NUMBER}", lambda x, low, high: low <= x <= high),
    (rf"between {NUMBER} and {NUMBER}", lambda x, low, high: low <= x <= high),
    (r"\bpositive\b", lambda x: x > 0),
    (rf"\b(?:above|larger than) {NAMED}", lambda x, low: x > low),
    (rf"\bat least {NAMED}", lambda x, low: x >= low),
    (rf"\bbelow {NAMED}", lambda x, high: x < high),
    (rf"\bat most {NAMED}", lambda x, high: x <= high),
    (rf"\bother than {NUMBER}", lambda x, number: x != number),
    (INT, lambda x: x == int(x)),
    (r"\ba float\b", lambda x: isinstance(x, float)),
]


def clauses(rule):
    """The parts of a rule that can be read: tests of a number."""
    for pattern, test in CLAUSES:
        for found in re.finditer(pattern, rule):
            bounds = [*map(float, found.groups())]
            yield lambda x, test=test, bounds=bounds: test(x, *bounds)


def near(rules):
    """The numbers that the rules name, as floats and as ints, and those beside them."""
    for text in {*re.findall(NUMBER, " ".join(rules)), "0"}:
        number = float(text)
        beside = [
            number,
            number - (abs(number) or 1.0) / 10**6,
            number + (abs(number) or 1.0) / 10**6,
        ]
        whole = [int(number) + d for d in (-1, 0, 1)] if number.is_integer() else []
        yield from [*beside, *whole]


def refusal(schedule, name, number):
    """The rule about `name` that refuses the number, "" where it is taken, None where all else is."""
    try:
        dataclasses.replace(schedule, **{name: number})
    except PastEnd:
        return None
    except (ValueError, TypeError) as error:
        assert str(error).startswith("`"), f"{schedule!r} with {name}={number!r}: {error}"
        found = re.search(rf"^`[\w.]+\({name}=\.\.\.\)` must be (.*?), got ", str(error))
        return found and found[1].split(", below 2**")[0]
    return ""


def test_a_number_for_a_list_is_refused():
    with without_warnings():
        for schedule in one_of_each_class():
            for field in schedule._field_table:
                if field.kind is not None and field.kind.rank == 1:
                    assert refusal(schedule, field.name, 3) != "", (schedule, field.name)


def test_what_breaks_a_rule_is_refused_and_what_keeps_it_is_not():
    read, wrong = 0, []
    with without_warnings():
        for schedule, field in itertools.chain.from_iterable(
            zip(itertools.repeat(one), dataclasses.fields(one)) for one in one_of_each_class()
        ):
            value = getattr(schedule, field.name)
            if isinstance(value, bool) or not (value is None or isinstance(value, int | float)):
                continue
            tried = {
                (type(x), x): refusal(schedule, field.name, x) for x in (-1000, -1, -0.5, 0.5, 1000)
            }
            for number in near(filter(None, tried.values())):
                tried[type(number), number] = refusal(schedule, field.name, number)
            rules = {rule: [*clauses(rule)] for rule in filter(None, tried.values())}
            read += sum(map(bool, rules.values()))
            for (_, number), rule in tried.items():
                kept = {
                    known: all(test(number) for test in tests) for known, tests in rules.items()
                }
                whole = isinstance(number, float) and number.is_integer()
                if rule and rules[rule] and kept[rule] and not (whole and re.search(INT, rule)):
                    wrong.append(f"{schedule!r}: {field.name}={number!r} is refused by {rule!r}.")
                if rule == "":
                    broken = [known for known in kept if not kept[known]]
                    wrong += [
                        f"{schedule!r}: {field.name}={number!r} breaks {x!r}." for x in broken
                    ]
    assert not wrong, "\n".join(wrong)
    assert read > 500
