"""Atomic writing of files."""

import contextlib
import errno
import os


def write(path: "str | os.PathLike[str]", content: str | bytes) -> None:
    """Writes a file atomically: an interrupted write leaves the old file.

    Args:
      path: the file; a link is followed, a device is written to directly.
      content: the whole content; text is written as UTF-8.

    Raises:
      OSError: if the file cannot be written; the error names `path`.
    """
    path = os.fspath(path)
    data = content.encode() if isinstance(content, str) else content
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            _write_in_place(path, data)
        else:
            _write_beside(os.path.realpath(path), data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def check_writable(path: str) -> None:
    """Raises the OSError that `write` would raise; called before long work."""
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        os.stat(os.path.dirname(os.path.realpath(path)) + os.sep)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def _write_in_place(path: str, data: bytes) -> None:
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    with open(path, "wb") as file:
        file.write(data)


def _write_beside(path: str, data: bytes) -> None:
    temporary = f"{path}.{os.getpid()}.part"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:  # an interrupt too
        with contextlib.suppress(OSError):
            os.remove(temporary)
        raise
