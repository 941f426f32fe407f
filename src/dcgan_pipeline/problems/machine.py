"""What the machine lacks: room, permission, memory."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path

from dcgan_pipeline.files import short

_FULL = re.compile(
    r"no space left on device|database or disk is full|disk quota exceeded|\d+ requested and \d+ written", re.I
)
_READ_ONLY_DATABASE = re.compile(r"attempt to write a readonly database|unable to open database file")
_MEMORY = re.compile(r"can't allocate memory|unable to allocate .*|CUDA out of memory|bad_alloc", re.I)


def full_disk(causes: list[BaseException]) -> str | None:
    """NumPy, PyArrow, safetensors and SQLite each say it in their own words."""
    for error in causes:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or _FULL.search(str(error)):
            named = getattr(error, "filename", None)
            places = [Path(named)] if isinstance(named, str) else [Path("data"), Path(), Path(tempfile.gettempdir())]
            place = min(map(nearest, places), key=lambda place: shutil.disk_usage(place).free)
            free = shutil.disk_usage(place).free / 2**20
            return (
                f"the disk must have room for what is written, and {free:,.1f} MiB are free at {short(place)}; free "
                "space there (old versions in data/ can be removed) or move the folder to a larger disk, and run "
                "again; what was made before is kept"
            )
    return None


def refused_path(causes: list[BaseException]) -> str | None:
    """A path that may not be written or read, or that is not what it should be."""
    for error in causes:
        named = getattr(error, "filename", None)
        if isinstance(error, OSError) and isinstance(named, str | bytes):
            line = path_problem(error.errno or 0, Path(os.fsdecode(named)))
            if line:
                return line
    return None


def path_problem(code: int, path: Path) -> str | None:
    """Say what is wrong with a path by the system's number; None where that is no matter of the user's."""
    if code == errno.EROFS:
        return (
            f"{short(path)} must be on a disk that can be written, and it is read-only; mount it for writing, or "
            "work in a copy of the project elsewhere"
        )
    if code in (errno.EACCES, errno.EPERM):
        there = nearest(path)
        return (
            f"{short(path)} must be accessible to this user ({_owner(os.geteuid())}), and the permissions of "
            f"{short(there)}, which belongs to {_owner(there.stat().st_uid)}, forbid it; change its owner (chown) or "
            "its permissions (chmod)"
        )
    if code in (errno.ENOTDIR, errno.EEXIST):
        for place in [path, *path.parents]:
            if place.is_file():
                return f"{short(place)} must be a folder, and there is a file of that name; move it away, and run again"
    if code == errno.EISDIR:
        return f"{short(path)} must be a file, and there is a folder of that name; move it away, and run again"
    if code in (errno.EMFILE, errno.ENFILE):
        return "more files must be open at once than this system allows; raise the limit (ulimit -n 65536)"
    if code == errno.ENAMETOOLONG:
        return f"{short(path)} must be a name that the file system takes, and is too long; shorten it"
    return None


def database(causes: list[BaseException]) -> str | None:
    """MLflow's database cannot be written."""
    if any(_READ_ONLY_DATABASE.search(str(error)) for error in causes):
        return (
            "MLflow's database (mlflow.db, unless conf/*/mlflow.yml names another) must be a file that this user can "
            "write, in a folder that can be written, and is not; change its permissions, or mount its disk for writing"
        )
    return None


def memory(causes: list[BaseException]) -> str | None:
    """Memory ran out, of the machine or of the device."""
    for error in causes:
        found = _MEMORY.search(str(error))
        if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and found):
            what = f" ({found.group().rstrip('.')})" if found else ""
            return (
                f"memory must suffice for what a stage holds at once, and it ran out{what}; lower the stage's "
                "batch_size, train.device_memory or the size of the networks, or end other programs"
            )
    return None


TRANSLATORS = (full_disk, refused_path, database, memory)


def nearest(path: Path) -> Path:
    """The path, or the first folder above it that is there."""
    path = Path(os.path.abspath(path))
    return next((place for place in [path, *path.parents] if os.path.lexists(place)), Path(path.anchor))


def _owner(number: int) -> str:
    try:
        import pwd

        return pwd.getpwuid(number).pw_name
    except (ImportError, KeyError):
        return str(number)
