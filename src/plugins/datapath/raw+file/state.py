"""
What is attached: one file for each URI and domain, in a directory of /run for this user alone. A boot empties it, and
with it goes what it speaks of.
"""

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import stat

from protocol import Failure

# The variables that configure the plugin; plugins.environment has to name them.
DIRECTORY = "RAW_FILE_RUN_DIRECTORY"
# sockaddr_un has 108 bytes, the last for the end.
LONGEST_SOCKET = 107


def run_directory():
    """The directory, made when it is missing. It has to be this user's alone."""
    path = os.environ.get(DIRECTORY) or usual_directory()
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise Failure("RUN_DIRECTORY", "%s: expected a directory of uid %d with mode 0700" % (path, os.geteuid()))
    return path


def usual_directory():
    if os.geteuid() == 0:
        return "/run/datapathd-raw-file"
    return os.path.join(os.environ.get("TMPDIR") or "/tmp", "datapathd-raw-file-%d" % os.geteuid())


def digest(text, length):
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


class Attachment:
    """A URI attached for a domain. `server` tells what serves it; None: it is not attached."""

    def __init__(self, directory, uri, domain):
        self._directory = directory
        self._prefix = digest(uri, 16)
        self._base = os.path.join(directory, "%s-%s" % (self._prefix, digest(domain, 8)))
        self._told = {"version": 1, "uri": uri, "domain": domain}
        self.server = read_server(self._state)

    @property
    def _state(self):
        return self._base + ".json"

    @property
    def socket(self):
        path = self._base + ".sock"
        if len(os.fsencode(path)) > LONGEST_SOCKET:
            longest = LONGEST_SOCKET - len(os.path.basename(path)) - 1
            raise Failure("RUN_DIRECTORY", "%s: expected at most %d bytes" % (self._directory, longest))
        return path

    @property
    def pid_file(self):
        return self._base + ".pid"

    def keep(self, server):
        """Kept as a whole or not at all. There is nothing to sync: a loss of power ends what it speaks of."""
        new = self._state + ".new"
        with open(new, "w", encoding="utf-8") as file:
            json.dump(dict(self._told, server=server), file)
        os.rename(new, self._state)
        self.server = server

    def forget(self):
        for path in (self._state, self._state + ".new"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self.server = None

    def others(self):
        """What serves the same URI for other domains."""
        paths = glob.glob(os.path.join(glob.escape(self._directory), self._prefix + "-*.json"))
        servers = [read_server(path) for path in paths if path != self._state]
        return [server for server in servers if server is not None]


def read_server(path):
    try:
        with open(path, encoding="utf-8") as file:
            server = json.load(file)["server"]
        return server if isinstance(server, dict) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def attachment(uri, domain):
    """An attachment, with its URI for this call alone."""
    directory = run_directory()
    path = os.path.join(directory, digest(uri, 16) + ".lock")
    fd = locked(path)
    try:
        attached = Attachment(directory, uri, domain)
        try:
            yield attached
        finally:
            if attached.server is None and not attached.others():
                os.unlink(path)
    finally:
        os.close(fd)


def locked(path):
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        # Who had it may have removed it.
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(fd).st_ino:
                return fd
        os.close(fd)


@contextlib.contextmanager
def opened(path):
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def being_served(path):
    """The file with its lock: waits for who copies, replaces or removes it, and takes the one that is there then."""
    while True:
        with opened(path) as fd:
            fcntl.flock(fd, fcntl.LOCK_SH)
            if os.stat(path).st_ino == os.fstat(fd).st_ino:
                yield fd
                return
