"""The data of volumes: files with holes, copied without their holes, or not at all where the file system shares blocks."""

import errno
import fcntl
import glob
import os

# linux/fs.h
FICLONE = 0x40049409

CHUNK = 1 << 20
COMPARED_BLOCK = 1 << 16
SECTOR = 512
LARGEST_VOLUME = 2**63 - SECTOR

# The file system, or this kernel, has no shared blocks.
NO_REFLINK = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS)


def reflink(source, target):
    """Lets a file share all blocks of another. False: they can't."""
    try:
        fcntl.ioctl(target, FICLONE, source)
        return True
    except OSError as error:
        if error.errno in NO_REFLINK:
            return False
        raise


def copy_sparse(source, target):
    """Copies the data, and leaves holes where there are holes."""
    size = os.fstat(source).st_size
    os.ftruncate(target, size)
    for start, end in data_extents(source, size):
        while start < end:
            chunk = os.pread(source, min(CHUNK, end - start), start)
            if not chunk:
                break
            write_at(target, chunk, start)
            start += len(chunk)


def write_at(target, chunk, start):
    while chunk:
        written = os.pwrite(target, chunk, start)
        chunk = chunk[written:]
        start += written


def data_extents(fd, size):
    """The parts of a file that hold data: start and end."""
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            # Nothing but a hole is left.
            if error.errno == errno.ENXIO:
                return
            raise
        at = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, at


def differing_blocks(one, other):
    """The blocks in which two files differ: a list of first block and number of blocks."""
    sizes = os.fstat(one).st_size, os.fstat(other).st_size
    ranges = []
    for block in blocks_with_data((one, sizes[0]), (other, sizes[1])):
        start = block * COMPARED_BLOCK
        contents = [os.pread(fd, COMPARED_BLOCK, start) for fd in (one, other)]
        longest = max(map(len, contents))
        # Behind the end of the shorter one there is nothing, as in a hole.
        if contents[0].ljust(longest, b"\0") != contents[1].ljust(longest, b"\0"):
            add_block(ranges, block)
    return ranges


def used_blocks(fd):
    """The blocks that hold data, in the same form."""
    ranges = []
    for block in blocks_with_data((fd, os.fstat(fd).st_size)):
        add_block(ranges, block)
    return ranges


def add_block(ranges, block):
    if ranges and sum(ranges[-1]) == block:
        ranges[-1][1] += 1
    else:
        ranges.append([block, 1])


def blocks_with_data(*files):
    """The blocks that hold data in one of the files, in order, each once."""
    extents = [extent for fd, size in files for extent in data_extents(fd, size)]
    done = 0
    for first, end in sorted((start // COMPARED_BLOCK, -(-end // COMPARED_BLOCK)) for start, end in extents):
        yield from range(max(first, done), end)
        done = max(done, end)


def whole_sectors(size):
    """A size that a block device can have: not smaller. None: there is none."""
    rounded = max(-(-size // SECTOR), 1) * SECTOR
    return rounded if rounded <= LARGEST_VOLUME else None


def is_served(fd, path):
    """
    Whether a disk is served from the file on this host: over NBD, then its server has a lock; or by a loop device. If not,
    nobody begins to until the descriptor is closed, as it has the lock.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        # Over NFS, of a file that may only be read.
        if error.errno != errno.EBADF:
            raise
    return any(backing_file(place) == path for place in glob.glob("/sys/block/loop*/loop/backing_file"))


def backing_file(place):
    try:
        with open(place, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().rstrip("\n")
    except OSError:
        return None
