"""
An SR on the disk: a directory, in which each volume is a directory that is named by its key.

    <SR>/sr.json               name, description and uuid of the SR; without it the directory is no SR
    <SR>/<key>/data.raw        the data, sparse
    <SR>/<key>/volume.json     the rest of what is known of the volume
    <SR>/.new-<key>/           a volume that is being made: renamed to <key> when it is whole
    <SR>/.gone-<key>/          a volume that is being removed

A kill between two steps leaves a volume whole, or a .new- or .gone- that the next SR.attach removes. All files are
opened by the descriptor of the directory that they lie in, and no link is followed: what a message says can't lead
out of the SR. Locks are the kernel's, and go with the process that has them.
"""

import contextlib
import errno
import fcntl
import json
import os
import re
import sys
import uuid

from protocol import Failure

DATA = "data.raw"
NEW_DATA = ".data.raw.new"
VOLUME = "volume.json"
SR = "sr.json"
# Of the SR's directory: shared by who changes a volume, exclusive for who clears up or destroys.
LOCK = ".lock"
# Of sr.json.
SR_LOCK = ".sr.lock"
# In a volume's directory.
VOLUME_LOCK = "lock"

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
KEY = re.compile(UUID)
LEFT_OVER = re.compile(r"\.(?:new|gone)-" + UUID)

# These tell of one file. Another error may be the storage's or the system's, and go, as that of an NFS server which lets nobody in
# (EACCES): then what is there isn't known.
UNREADABLE = (errno.ENOENT, errno.EISDIR, errno.ELOOP)

SAFE = os.O_NOFOLLOW | os.O_CLOEXEC


class Directory:
    """An open directory: of an SR, or of a volume, whose key is its name."""

    def __init__(self, fd, path):
        self.fd = fd
        self.path = path
        self.key = os.path.basename(path)

    def open(self, name, flags=os.O_RDONLY):
        """A descriptor that the caller closes."""
        return os.open(name, flags | SAFE, 0o600, dir_fd=self.fd)

    def stat(self, name):
        return os.stat(name, dir_fd=self.fd, follow_symlinks=False)

    def rename(self, old, new):
        """Renames, for good when it returns."""
        os.rename(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        os.fsync(self.fd)

    def remove(self, name):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.fd)

    def read_json(self, name):
        with open(self.open(name), encoding="utf-8") as file:
            value = json.load(file)
        if not isinstance(value, dict):
            raise ValueError("expected an object")
        return value

    def write_json(self, name, value):
        """Replaces a file as a whole. Who calls has the lock that is for it."""
        new = ".%s.new" % name
        with open(self.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        self.rename(new, name)

    @contextlib.contextmanager
    def locked(self, name, kind=fcntl.LOCK_EX):
        """Waits for a lock. With LOCK_NB in `kind` it does not, and gives whether it has it."""
        fd = self.open(name, os.O_RDWR | os.O_CREAT)
        try:
            try:
                fcntl.flock(fd, kind)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def below(self, name):
        fd = self.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield Directory(fd, os.path.join(self.path, name))
        finally:
            os.close(fd)

    def remove_directory(self, name):
        """Removes a directory of files."""
        with self.below(name) as directory:
            for file in os.listdir(directory.fd):
                directory.remove(file)
        os.rmdir(name, dir_fd=self.fd)


def is_sr(path):
    return os.path.isfile(os.path.join(path, SR))


@contextlib.contextmanager
def opened_sr(handle):
    """The SR of a handle: the real path of its directory."""
    if not os.path.isabs(handle) or "\0" in handle or os.path.realpath(handle) != handle:
        raise Failure("Sr_not_attached", handle)
    try:
        fd = os.open(handle, os.O_RDONLY | os.O_DIRECTORY | SAFE)
    except (FileNotFoundError, NotADirectoryError):
        raise Failure("Sr_not_attached", handle) from None
    try:
        yield Directory(fd, handle)
    finally:
        os.close(fd)


def read_sr(sr):
    try:
        return sr.read_json(SR)
    except FileNotFoundError:
        raise Failure("Sr_not_attached", sr.path) from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in UNREADABLE:
            raise
        raise Failure("SR_DAMAGED", os.path.join(sr.path, SR), str(error)) from None


@contextlib.contextmanager
def changing_sr(handle, kind=fcntl.LOCK_SH):
    """An SR in which something is changed; nobody clears it up meanwhile."""
    with opened_sr(handle) as sr:
        # Without it a lock's file would be made in any directory.
        read_sr(sr)
        with sr.locked(LOCK, kind):
            read_sr(sr)
            yield sr


def keys_of(sr):
    return sorted(name for name in os.listdir(sr.fd) if KEY.fullmatch(name))


@contextlib.contextmanager
def opened_volume(sr, key):
    """The directory of a volume, to be read."""
    if not KEY.fullmatch(key):
        raise Failure("Volume_does_not_exist", key)
    with contextlib.ExitStack() as stack:
        try:
            volume = stack.enter_context(sr.below(key))
        except OSError as error:
            # ELOOP: it is a link.
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise
            raise Failure("Volume_does_not_exist", key) from None
        yield volume


@contextlib.contextmanager
def changing_volume(sr, key):
    """The directory of a volume that nobody else changes meanwhile."""
    with opened_volume(sr, key) as volume, volume.locked(VOLUME_LOCK):
        # It may have been removed while the lock was waited for.
        try:
            is_there = sr.stat(key).st_ino == os.fstat(volume.fd).st_ino
        except FileNotFoundError:
            is_there = False
        if not is_there:
            raise Failure("Volume_does_not_exist", key)
        yield volume


@contextlib.contextmanager
def new_volume(sr):
    """A directory to fill; when that went well it is a volume, and its path is that of one."""
    key = str(uuid.uuid4())
    staged = ".new-" + key
    os.mkdir(staged, 0o700, dir_fd=sr.fd)
    try:
        with sr.below(staged) as volume:
            volume.key = key
            volume.path = os.path.join(sr.path, key)
            yield volume
            os.fsync(volume.fd)
        sr.rename(staged, key)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            sr.remove_directory(staged)
        raise


def remove_volume(sr, key):
    gone = ".gone-" + key
    sr.rename(key, gone)
    sr.remove_directory(gone)


def clear_up(sr):
    """Removes what calls have left that were killed, unless some are under way."""
    with sr.locked(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB) as alone:
        if alone:
            clear_up_alone(sr)


def clear_up_alone(sr):
    for name in os.listdir(sr.fd):
        try:
            if LEFT_OVER.fullmatch(name):
                sr.remove_directory(name)
            elif KEY.fullmatch(name):
                with sr.below(name) as volume:
                    volume.remove(NEW_DATA)
                    volume.remove(".%s.new" % VOLUME)
        except OSError as error:
            print("%s could not be cleared up: %s" % (os.path.join(sr.path, name), error), file=sys.stderr)
    sr.remove(".%s.new" % SR)
