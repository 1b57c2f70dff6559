"""Files that are written whole, or not at all."""

import contextlib
import errno
import os


def write(path: "str | os.PathLike[str]", content: str | bytes) -> None:
    """Writes a file, beside its place first: an interrupted write leaves what was there.

    Args:
      path: the file; a link is followed, a device is written to as it is.
      content: all of it; text is written as UTF-8.

    Raises:
      OSError: where it cannot be written; the error names `path`.
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
    """Raises the OSError of `write` before the work whose result is to be written."""
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
