"""MLflow's SQLite file, which comes into being, and is brought up to date, whole or not at all.

MLflow makes its tables by dozens of migrations, without a lock and without a transaction around them: two processes
that start together, or one that is interrupted, leave a file that no later start and no ``mlflow db upgrade`` can use.
Here the tables are made in a file beside it, by one process at a time.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

from filelock import FileLock, Timeout

from dcgan_pipeline.errors import InputError, first_line

logger = logging.getLogger(__name__)
_WAIT = 120  # seconds for another process to make the file, which takes it some
_BUSY = 1  # second for another program to give the file free


def file_of(uri: str) -> Path | None:
    """Give the file of a ``sqlite:///`` address; None for servers, other databases and memory."""
    match = re.fullmatch(r"sqlite:///([^?]+)(\?.*)?", uri)
    return Path(unquote(match[1])).absolute() if match and match[1] != ":memory:" else None


def prepare(file: Path) -> None:
    """Make a database file with all of MLflow's tables, or bring an older one up to date; leave a good one alone.

    Raises
    ------
    InputError
        Where the file is broken, or a newer MLflow's.
    ConnectionError
        Where another program holds the file.
    """
    if _revision(file) == _newest():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file.with_name(f".{file.name}.lock"), thread_local=False)
    try:
        lock.acquire(timeout=_WAIT)
    except Timeout:
        raise ConnectionError(f"another process has been making {file} for {_WAIT} seconds") from None
    try:
        found = _revision(file)
        if found is None:
            _make(file)
        elif found != _newest():
            _upgrade(file, found)
    finally:
        lock.release()


def check_free(file: Path) -> None:
    """Raise ConnectionError where another program holds the file: at once, where MLflow would wait twenty seconds."""
    if not file.exists():
        raise ConnectionError(f"{file} is gone")
    try:
        with closing(_open(file)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        raise ConnectionError(f"{error}: {file}") from None


def relocate(file: Path, old: str, new: str) -> None:
    """Let MLflow find files that were moved together with the database: it keeps their places as absolute paths.

    Parameters
    ----------
    old, new
        The experiment's ``artifact_location``, before and now.
    """
    places = {"experiments": "artifact_location", "runs": "artifact_uri", "logged_models": "artifact_location"}
    with closing(_open(file)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for table, column in places.items():
            below = f"{column} = ? OR substr({column}, 1, ?) = ?"
            values = (new, len(old) + 1, old, len(old) + 1, f"{old}/")
            connection.execute(f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {below}", values)
        connection.execute("COMMIT")


def forget(uri: str) -> None:
    """Close MLflow's connections to a database, which it keeps for as long as the process lives."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    if engine := SqlAlchemyStore._engine_map.pop(uri, None):
        engine.dispose()


def _open(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=_BUSY, isolation_level=None)


def _revision(file: Path) -> str | None:
    """Name the state of the tables; "" where some are there without a name, None where there are none."""
    if not file.exists() or not file.stat().st_size:
        return None
    try:
        with closing(_open(file)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not tables - {"alembic_version"}:
                return None
            if "alembic_version" not in tables:
                return ""  # the first migration was cut short
            found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            return found[0][0] if len(found) == 1 else ""
    except sqlite3.OperationalError as error:
        raise ConnectionError(f"{error}: {file}") from None
    except sqlite3.DatabaseError as error:  # no database at all
        raise _broken(file, str(error)) from None


def _newest() -> str:
    from mlflow.store.db.utils import _get_latest_schema_revision

    return _get_latest_schema_revision()


def _make(file: Path) -> None:
    """Make the tables in a file beside it; what an interrupted process left there goes."""
    partial = _partial(file)
    _tables(partial, new=True)
    if file.exists():  # without tables, but perhaps open elsewhere: it stays the same file
        _put_into(partial, file)
    else:
        os.replace(partial, file)


def _upgrade(file: Path, found: str) -> None:
    """Bring a copy up to date, and put it into the file in one transaction; the old one is kept beside it."""
    if found and not _known(found):
        raise InputError(
            f"the MLflow that made a database must not be newer than the one that is installed, and {file} has the "
            f"unknown revision {found}; install that MLflow, or move the file away"
        )
    partial = _partial(file)
    with closing(_open(file)) as watch:
        before = watch.execute("PRAGMA data_version").fetchone()
        _copy(file, partial)
        try:
            _tables(partial, new=not found)
        except Exception as error:
            _remove(partial)
            raise _broken(file, first_line(error)) from None
        if watch.execute("PRAGMA data_version").fetchone() != before:
            raise ConnectionError(f"another program writes to {file} while its tables are brought up to date")
    kept = file.with_name(f"{file.name}.{found or 'cut-short'}")
    _copy(file, kept)
    _put_into(partial, file)
    logger.warning(f"{file} had not all tables of this MLflow; now it has, and {kept.name} is as it was before")


def _partial(file: Path) -> Path:
    partial = file.with_name(f".partial-{file.name}")
    _remove(partial)
    return partial


def _remove(partial: Path) -> None:
    for end in ("", "-journal", "-wal", "-shm"):
        partial.with_name(partial.name + end).unlink(missing_ok=True)


def _tables(file: Path, new: bool) -> None:
    """Let MLflow make its tables in a file, or bring them up to date, and add its first experiment."""
    import sqlalchemy
    from mlflow.store.db.utils import _initialize_tables, _upgrade_db
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    uri = f"sqlite:///{file}"
    engine = sqlalchemy.create_engine(uri)
    try:
        (_initialize_tables if new else _upgrade_db)(engine)
    finally:
        engine.dispose()
    SqlAlchemyStore(uri, str(file.parent / "mlartifacts"))
    forget(uri)
    with file.open("rb") as written:
        os.fsync(written.fileno())


def _copy(file: Path, target: Path) -> None:
    _remove(target)
    with closing(_open(file)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def _put_into(partial: Path, file: Path) -> None:
    """Make a file's content another's in one transaction: who has it open sees the old or the new tables."""
    try:
        with closing(sqlite3.connect(partial)) as source, closing(_open(file)) as target:
            source.backup(target)
    except sqlite3.OperationalError as error:
        raise ConnectionError(f"{error}: {file}") from None
    _remove(partial)


def _known(revision: str) -> bool:
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    script = ScriptDirectory.from_config(_get_alembic_config(""))
    return revision in {known.revision for known in script.walk_revisions()}


def _broken(file: Path, why: str) -> InputError:
    return InputError(
        f"MLflow's database must be whole, and {file} is broken ({why}); move it away (mv {file.name} "
        f"{file.name}.broken) and run again: a new one is made, and every result in data/ stays"
    )
