"""Files: written whole or not at all, whoever writes, and whatever kills the writer."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

import jaxsched as js
from jaxsched._text.files import PREFIX, SUFFIX, check_writable, write


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_mode_and_links_stay(tmp_path):
    private, real, link = tmp_path / "private", tmp_path / "real", tmp_path / "link"
    private.write_text("old")
    private.chmod(0o600)
    real.write_text("old")
    link.symlink_to("real")
    for path in (private, link):
        write(path, "new")

    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert link.is_symlink() and real.read_text() == private.read_text() == "new"


def test_a_new_file_has_the_usual_mode(tmp_path):
    (tmp_path / "usual").write_text("")
    write(tmp_path / "ours", "")

    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_hard_links_stay(tmp_path):
    (tmp_path / "a").write_text("old")
    os.link(tmp_path / "a", tmp_path / "b")
    write(tmp_path / "a", "new")

    assert (tmp_path / "b").read_text() == "new"
    assert (tmp_path / "b").stat().st_nlink == 2


@pytest.mark.parametrize("use", [write, lambda path, _: check_writable(str(path))])
def test_a_loop_of_links_is_an_error(use, tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    with pytest.raises(OSError, match="symbolic links") as error:
        use(tmp_path / "a", "new")
    assert error.value.filename == str(tmp_path / "a")
    assert names(tmp_path) == ["a", "b"] and (tmp_path / "a").is_symlink()


def test_the_longest_name(tmp_path):
    path = tmp_path / ("n" * 255)
    write(path, "new")

    assert path.read_text() == "new" and len(names(tmp_path)) == 1


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_that_allows_no_new_files(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    tmp_path.chmod(0o500)
    try:
        write(path, "new")
        with pytest.raises(PermissionError):
            write(tmp_path / "b", "new")
    finally:
        tmp_path.chmod(0o700)
    assert path.read_text() == "new"


def test_a_folder_that_refuses_new_files(tmp_path, monkeypatch):
    """The same for root, whom no mode stops."""
    path = tmp_path / "a"
    path.write_text("old")
    real = os.open

    def refuse(name, flags, *more, **options):
        if flags & os.O_EXCL:
            raise PermissionError(13, "Permission denied")
        return real(name, flags, *more, **options)

    monkeypatch.setattr(os, "open", refuse)
    write(path, "new")
    assert path.read_text() == "new"
    with pytest.raises(PermissionError):
        write(tmp_path / "b", "new")


def test_what_is_on_the_disk_is_flushed_before_it_is_renamed(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append("flushed"), fsync(file)))
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("renamed"), replace(a, b)))
    write(tmp_path / "a", "new")

    assert done == ["flushed", "renamed"]


def test_threads_that_write_one_file_never_tear_it(tmp_path):
    path, contents = tmp_path / "a", [str(index) * 200_000 for index in range(8)]
    write(path, contents[0])
    stop, seen = threading.Event(), set()

    def read():
        while not stop.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    writers = [
        threading.Thread(target=lambda text=text: [write(path, text) for _ in range(20)])
        for text in contents
    ]
    reader.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stop.set()
    reader.join()

    assert seen <= set(contents)
    assert names(tmp_path) == ["a"]


WRITER = """
import os, sys
from jaxsched._text import files
path = sys.argv[1]
print("ready", flush=True)
while True:
    files.write(path, os.urandom(1) * 3_000_000)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_writer_tears_nothing_and_the_next_one_cleans_up(how, tmp_path):
    path = tmp_path / "a"
    write(path, b"0" * 3_000_000)
    for index in range(3):
        process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(0.02 + 0.013 * index)
        process.send_signal(how)
        process.wait()
        process.stdout.close()
        content = path.read_bytes()
        assert len(content) == 3_000_000 and len(set(content)) == 1
    write(path, "mine")

    assert names(tmp_path) == ["a"] and path.read_text() == "mine"


def test_a_leftover_is_removed_and_a_running_writers_file_is_not(tmp_path, monkeypatch):
    left = tmp_path / f"{PREFIX}0123{SUFFIX}"
    left.write_text("half")
    replace, during = os.replace, []

    def look(temporary, path):
        if path.endswith("outer"):
            during.extend(names(tmp_path))
            write(tmp_path / "inner", "new")
            assert os.path.exists(temporary)
        replace(temporary, path)

    monkeypatch.setattr(os, "replace", look)
    write(tmp_path / "outer", "new")

    assert len(during) == 1 and left.name not in during
    assert names(tmp_path) == ["inner", "outer"]


def test_a_lone_surrogate_is_written_escaped(tmp_path):
    trace = js.Trace.from_rates([0.1], call="a\ud800b", schedule=js.StepLR(0.1, 3))
    trace.save(tmp_path / "a.jsonl")
    assert json.loads((tmp_path / "a.jsonl").read_text())["call"] == "a\ud800b"

    assert js.report([(js.StepLR(0.1, 3), trace)], tmp_path / "a.html")
    assert "a\\ud800b" in (tmp_path / "a.html").read_text()


# --- a stranger's trace ---

SLOW = js.ChainedScheduler(
    [js.CosineAnnealingLR(0.1, 50, eta_min=0.01), js.LinearLR(0.1)], total_steps=10
)


def strangers(path, schedule, arguments=(), **fields):
    """A file with a trace of which some fields, and arguments of the schedule, are changed."""
    js.Trace.from_rates([0.1, 0.1], counts=[0, 1], schedule=schedule).save(path)
    line = json.loads(path.read_text())
    line["schedule"] |= dict(arguments)
    path.write_text(json.dumps(line | fields) + "\n")


@pytest.mark.parametrize("steps", [10**7, 1e7, 10**13, 1e13, 1e300])
def test_a_long_table_is_refused(steps, here, jaxsched):
    strangers(here / "a.jsonl", SLOW, {"total_steps": steps})
    status, _, err = jaxsched("check a.jsonl")

    assert status == 2
    assert "total_steps must be at most 1,000,000 here" in err


def test_many_steps_without_a_closed_form_are_refused(here, jaxsched):
    strangers(here / "a.jsonl", SLOW, {"total_steps": None}, counts=[0, 10**12])
    status, _, err = jaxsched("check a.jsonl")

    assert status == 2 and "use at most 1,000,000 steps" in err


def test_many_milestones_are_compared(here, jaxsched):
    milestones = list(range(1, 100_001))
    strangers(here / "a.jsonl", js.MultiStepLR(0.1, [1, 2]), {"milestones": milestones})

    assert jaxsched("check a.jsonl")[0] == 1


@pytest.mark.parametrize("field", ["call", "torch", "optimizer", "library"])
def test_nothing_in_a_trace_reaches_the_terminal_as_a_command(field, here, jaxsched):
    strangers(here / "a.jsonl", js.StepLR(0.2, 30), **{field: "\x1b]0;mine\x07\x1b[2J\x9b2J\u202e"})
    trace = js.Trace.load(here / "a.jsonl")
    status, out, err = jaxsched("check a.jsonl")

    assert status == 1
    for text in (out, err, repr(trace), str(js.compare(js.StepLR(0.2, 30), trace))):
        assert all(c.isprintable() or c == "\n" for c in text)


def test_nothing_in_an_error_reaches_the_terminal_as_a_command(here, jaxsched):
    for name, line in {"a": '{"jaxsched_trace": "\x1b[2J"}', "\x1b[2Jb": "{}"}.items():
        (here / name).write_text(line)
        status, out, err = jaxsched(f"check '{name}'")
        assert status == 2 and out == ""
        assert all(c.isprintable() or c == "\n" for c in err)
