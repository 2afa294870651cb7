"""A file served over NBD on a Unix socket, by a qemu-nbd that goes on when the plugin has ended."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time

from protocol import Failure
from state import being_served, opened

PROGRAM = "qemu-nbd"
EXPORT = "disk"
MAX_CLIENTS = 16
# Seconds from TERM to KILL, and from KILL until it is given up.
GRACE = 5
PAUSE = 0.005


def attach(attached, path, read_only):
    """Answers how it is reached; starts the server unless it runs."""
    activate(attached, path, read_only)
    return [["Nbd", {"uri": "nbd:unix:%s:exportname=%s" % (attached.socket, EXPORT)}]]


def activate(attached, path, read_only):
    """A server that has died is started again: clients find it at the same place."""
    if not is_running(attached):
        start(attached, path, read_only)


def flush(attached, path):
    """All that was written is in the file: another host may take over from here."""
    with opened(path) as fd:
        os.fdatasync(fd)


def detach(attached, path):
    stop(attached)


def start(attached, path, read_only):
    if shutil.which(PROGRAM) is None:
        raise Failure("NO_SERVER", "%s is not there: install it (Debian: qemu-utils)" % PROGRAM)
    # One that was started by a call that was killed.
    stop(attached)
    words = [
        PROGRAM,
        # It goes into a session of its own, and ends here when the socket is there.
        "--fork",
        "--persistent",
        "--shared=%d" % MAX_CLIENTS,
        "--export-name=" + EXPORT,
        socket_word(attached),
        "--pid-file=" + attached.pid_file,
        "--discard=unmap",
        "--format=raw",
    ]
    if read_only:
        words.append("--read-only")
    words.append(path)
    # The server has the file's lock as long as it runs: so the volume plugin knows that the file is served.
    with being_served(path) as data, tempfile.TemporaryFile() as errors:
        before = os.umask(0o177)
        try:
            status = subprocess.call(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd="/",
                pass_fds=[data],
            )
        finally:
            os.umask(before)
        if status != 0:
            errors.seek(0)
            said = errors.read(4096).decode("utf-8", "replace").strip()
            raise Failure("NO_SERVER", "%s: %s" % (PROGRAM, said or "exit status %d" % status))
    with open(attached.pid_file, encoding="ascii") as file:
        pid = int(file.read())
    attached.keep({"type": "nbd", "pid": pid, "started": start_time(pid)})


def is_running(attached):
    """Whether the server that was started runs: another process may have its number now."""
    server = attached.server
    if server is None:
        return False
    pid = server.get("pid")
    return is_server(pid, attached) and start_time(pid) == server.get("started") and os.path.exists(attached.socket)


def stop(attached):
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit() and is_server(name, attached)]
    started = {pid: start_time(pid) for pid in pids}
    if not any(end_with(number, started, attached) for number in (signal.SIGTERM, signal.SIGKILL)):
        raise Failure("SERVER_LINGERS", "%s does not end, although it was killed: %s" % (PROGRAM, pids))
    for path in (attached.socket, attached.pid_file):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def end_with(number, started, attached):
    """Whether the processes have ended by a signal, or before: with the lock that they had on the file."""
    for pid in started:
        if is_server(pid, attached):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    given_up = time.monotonic() + GRACE
    while True:
        # The clock is read before the look: who is held up behind the look takes another one.
        is_late = time.monotonic() > given_up
        if not any(has_files(pid, since) for pid, since in started.items()):
            return True
        if is_late:
            return False
        time.sleep(PAUSE)


def socket_word(attached):
    return "--socket=" + attached.socket


def is_server(pid, attached):
    """Known by its name, and by the socket that is nobody else's."""
    try:
        with open("/proc/%s/cmdline" % pid, "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return False
    return os.path.basename(words[0]) == PROGRAM.encode() and os.fsencode(socket_word(attached)) in words


def start_time(pid):
    """In ticks since the boot; None: there is no such process."""
    fields = status_of(pid)
    return None if fields is None else int(fields[19])


def has_files(pid, started):
    """Whether the process that was started then may have files open: it has them longer than the words it was started with."""
    fields = status_of(pid)
    if fields is None or int(fields[19]) != started:
        return False
    # The first of its threads may have ended before the others.
    return fields[0] not in ("Z", "X") or int(fields[17]) > 1


def status_of(pid):
    """The fields of proc(5) from the state on; None: there is no such process."""
    try:
        with open("/proc/%s/stat" % pid, encoding="latin-1") as file:
            # The name in brackets may hold anything.
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None
