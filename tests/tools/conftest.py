"""What the tests of the command line share."""

import shlex

import pytest

from jaxsched.__main__ import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory, where nothing may be left half written."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not list(tmp_path.rglob("*.part"))


@pytest.fixture
def jaxsched(capsys):
    """Runs a command in this process: (exit status, stdout, stderr)."""

    def command(text):
        try:
            status = main(shlex.split(text))
        except SystemExit as exit:
            status = exit.code
        return status, *capsys.readouterr()

    return command
