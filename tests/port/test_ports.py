"""The table of what PyTorch keeps: one row a scheduler, and no other table beside it."""

import ast
import dataclasses
from pathlib import Path

import pytest
from test_damaged_state_dicts import NAMES, build, sgd

import jaxsched
from jaxsched._schedulers import SCHEDULERS
from jaxsched._torch.ports import PORTS, named_by, port_of

FOLDER = Path(jaxsched.__file__).parent / "_torch"
CLASSES = {cls.__name__ for cls in SCHEDULERS}
# The rate and the clock are found for all alike, the parts are snapshots of their own, and PyTorch
# keeps `epochs` times `steps_per_epoch` as `total_steps`, which is the length of a table elsewhere.
OTHERS = {
    "lr",
    "initial_lr",
    "last_epoch",
    "schedulers",
    "epochs",
    "steps_per_epoch",
    "total_steps",
}


def test_each_scheduler_has_one_row():
    rows = [port.cls for port in PORTS]

    assert sorted(rows, key=repr) == sorted(SCHEDULERS, key=repr)


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.cls.__name__)
def test_a_row_tells_where_each_argument_is_found(port):
    fields = {field.name for field in dataclasses.fields(port.cls)}
    found = port.arguments.keys() | port.momenta.keys()

    assert found - OTHERS == fields - OTHERS
    assert set(port.attributes_only) <= found
    assert set(port.telltales) <= port.keys.keys()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_no_other_module_has_a_table_by_scheduler(path):
    """No dict with classes of schedulers as its keys, and no list of tuples that begin with one."""
    if path.stem == "ports":
        return
    firsts = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Dict):
            firsts += node.keys
        if isinstance(node, ast.List | ast.Tuple):
            firsts += [row.elts[0] for row in node.elts if isinstance(row, ast.Tuple) and row.elts]

    assert not CLASSES & {first.id for first in firsts if isinstance(first, ast.Name)}


@pytest.mark.parametrize("name", [name for name in NAMES if "-" not in name])
def test_pytorchs_own_state_is_told_by_its_keys(name):
    pytest.importorskip("torch")
    state = build(name, sgd()).state_dict()
    same_keys = {"MultiplicativeLR": "LambdaLR"}
    port = next(port for port in PORTS if port.cls.__name__ == name)

    assert named_by(state).cls.__name__ == same_keys.get(name, name)
    assert not port_of(port.cls).unknown(state)
    assert not port.lacking(state)
    assert all(kind.holds(state[key], state) for key, kind in port.keys.items() if key in state)
