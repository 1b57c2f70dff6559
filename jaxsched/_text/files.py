"""Atomic writing of files."""

import contextlib
import errno
import os
import secrets
import shutil
import time
from typing import Any

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

PREFIX, SUFFIX = ".jaxsched-", ".part"  # of a file that is being written
_DAY = 86_400.0


def write(path: "str | os.PathLike[str]", content: str | bytes) -> None:
    """Writes a file atomically: an interrupted write leaves the old file.

    The content is on the disk before it takes the old one's place. Mode and owner stay. What cannot
    be replaced without harm is written in place: a device, a file with several hard links, one in a
    folder that allows no new files. What a killed process has left is removed.

    Args:
      path: the file; a link is followed.
      content: the whole content; text is written as UTF-8.

    Raises:
      OSError: if the file cannot be written; the error names `path`.
    """
    path = os.fspath(path)
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        before = _status(path)
        target = os.path.realpath(path)
        if before is not None and (not os.path.isfile(target) or before.st_nlink > 1):
            _write_in_place(target, data)
        else:
            _write_beside(target, data, before)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def check_writable(path: str) -> None:
    """Raises the OSError that `write` would raise; called before long work."""
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _status(path)
        os.stat(os.path.dirname(os.path.realpath(path)) + os.sep)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def _status(path: str) -> os.stat_result | None:
    """The status of a file that is there; raises for a loop of links."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _write_in_place(path: str, data: bytes) -> None:
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    with open(path, "wb") as file:
        file.write(data)
        _flush(file)


def _write_beside(path: str, data: bytes, before: os.stat_result | None) -> None:
    folder = os.path.dirname(path)
    _remove_leftovers(folder)
    try:
        temporary, file = _new_file(folder)
    except PermissionError:
        if before is None:
            raise
        return _write_in_place(path, data)
    try:
        with file:
            if before is not None:
                shutil.copymode(path, temporary)
                with contextlib.suppress(OSError, AttributeError):  # of another user; on Windows
                    os.chown(temporary, before.st_uid, before.st_gid)
            file.write(data)
            _flush(file)
            if fcntl is not None:  # Once it is unlocked, it is a leftover.
                os.replace(temporary, path)
        if fcntl is None:  # Windows replaces by a closed file alone.
            os.replace(temporary, path)
    except BaseException:  # an interrupt too
        with contextlib.suppress(OSError):
            os.remove(temporary)
        raise


def _flush(file: Any) -> None:
    file.flush()
    with contextlib.suppress(OSError):  # A device has no disk.
        os.fsync(file.fileno())


def _new_file(folder: str) -> tuple[str, Any]:
    """A new file with a name of its own, locked as long as it is open."""
    while True:
        path = os.path.join(folder, f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        file = os.fdopen(descriptor, "wb")
        if fcntl is None:
            return path, file
        with contextlib.suppress(OSError):  # where the file system has no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return path, file
        file.close()  # Another writer took it for a leftover before it was locked.


def _remove_leftovers(folder: str) -> None:
    """Removes what writers have left that were killed: files that nobody has locked."""
    with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX):
                with contextlib.suppress(OSError):
                    _remove_if_left(entry)


def _remove_if_left(entry: os.DirEntry) -> None:
    if fcntl is None:
        if time.time() - entry.stat().st_mtime > _DAY:
            os.remove(entry.path)
        return
    with open(entry.path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if it is being written
        os.remove(entry.path)
