"""The methods Volume.*"""

import contextlib
import errno
import os
import stat as modes
import urllib.parse

import content
import store
from protocol import Failure, boolean, integer, text

SCHEME = "raw+file"

READ_ONLY = 0o400
READ_WRITE = 0o600


def create(params):
    size = size_of(params, "size")
    told = {
        "version": 1,
        "name": text(params, "name"),
        "description": text(params, "description"),
        "sharable": boolean(params, "sharable"),
        "keys": {},
    }
    with store.changing_sr(text(params, "sr")) as sr:
        with store.new_volume(sr) as volume:
            with new_data(volume, store.DATA, READ_WRITE) as data:
                resize_data(data, size)
            volume.write_json(store.VOLUME, told)
        return properties_of(sr, volume.key)


def snapshot(params):
    """It is not written: its file allows nobody to."""
    return duplicate(params, READ_ONLY)


def clone(params):
    return duplicate(params, READ_WRITE)


def duplicate(params, mode):
    with store.changing_sr(text(params, "sr")) as sr, store.changing_volume(sr, text(params, "key")) as source:
        return copy_to(sr, source, mode)


def copy(params):
    with store.changing_sr(text(params, "sr")) as sr, store.changing_volume(sr, text(params, "key")) as source:
        if text(params, "dest_sr") == sr.path:
            return copy_to(sr, source, READ_WRITE)
        with store.changing_sr(text(params, "dest_sr")) as target:
            return copy_to(target, source, READ_WRITE)


def copy_to(sr, source, mode):
    told = metadata(source)
    made = {
        "version": 1,
        "name": told["name"],
        "description": told["description"],
        "sharable": False,
        "keys": {},
        # What has come from the same volume is alike.
        "origin": source.key,
        "family": family(source, told),
    }
    with store.new_volume(sr) as volume:
        copy_data(source, volume, store.DATA, mode)
        volume.write_json(store.VOLUME, made)
    return properties_of(sr, volume.key)


def destroy(params):
    with store.changing_sr(text(params, "sr")) as sr, store.changing_volume(sr, text(params, "key")) as volume:
        with unserved(volume):
            store.remove_volume(sr, volume.key)


def revert(params):
    key, other = text(params, "key"), text(params, "snapshot")
    if key == other:
        raise Failure("INVALID_ARGUMENT", "snapshot: it is the volume itself")
    with store.changing_sr(text(params, "sr")) as sr, contextlib.ExitStack() as stack:
        # Always in the same order: two calls don't wait for each other.
        held = {each: stack.enter_context(store.changing_volume(sr, each)) for each in sorted([key, other])}
        volume, source = held[key], held[other]
        stack.enter_context(unserved(volume))
        volume.remove(store.NEW_DATA)
        try:
            copy_data(source, volume, store.NEW_DATA, READ_WRITE)
            volume.rename(store.NEW_DATA, store.DATA)
        except BaseException:
            # On a full disk it would have what is left.
            volume.remove(store.NEW_DATA)
            raise


def resize(params):
    """A volume doesn't shrink: it is at least as large as is asked for."""
    size = size_of(params, "new_size")
    with store.changing_sr(text(params, "sr")) as sr, store.changing_volume(sr, text(params, "key")) as volume:
        if not is_writable(volume.stat(store.DATA)):
            raise Failure("VOLUME_READ_ONLY", volume.key)
        if size > volume.stat(store.DATA).st_size:
            with opened_data(volume, os.O_RDWR) as data:
                resize_data(data, size)


def set_name(params):
    name = text(params, "new_name")
    change(params, lambda told: told.update(name=name))


def set_description(params):
    description = text(params, "new_description")
    change(params, lambda told: told.update(description=description))


def set(params):
    name, value = text(params, "k"), text(params, "v")
    change(params, lambda told: told["keys"].update({name: value}))


def unset(params):
    name = text(params, "k")
    change(params, lambda told: told["keys"].pop(name, None))


def change(params, alter):
    with store.changing_sr(text(params, "sr")) as sr, store.changing_volume(sr, text(params, "key")) as volume:
        told = metadata(volume)
        alter(told)
        volume.write_json(store.VOLUME, told)


def stat(params):
    with store.opened_sr(text(params, "sr")) as sr:
        store.read_sr(sr)
        return properties_of(sr, text(params, "key"))


def compare(params):
    """Of volumes that have nothing to do with each other: the blocks in use of the first."""
    with store.opened_sr(text(params, "sr")) as sr, store.opened_volume(sr, text(params, "key")) as one:
        store.read_sr(sr)
        with store.opened_volume(sr, text(params, "key2")) as other:
            related = family(one, metadata(one)) == family(other, metadata(other))
            with opened_data(one) as data, opened_data(other) as data2:
                ranges = content.differing_blocks(data, data2) if related else content.used_blocks(data)
    return {"blocksize": content.COMPARED_BLOCK, "ranges": ranges}


def similar_content(params):
    """The volumes of the same family: first what came from it or it from, then the rest."""
    with store.opened_sr(text(params, "sr")) as sr, store.opened_volume(sr, text(params, "key")) as volume:
        store.read_sr(sr)
        own = metadata(volume)
        kin = family(volume, own)
        found = []
        for key in store.keys_of(sr):
            with contextlib.suppress(Failure), store.opened_volume(sr, key) as other:
                told = metadata(other)
                if key != volume.key and family(other, told) == kin:
                    is_near = key == own.get("origin") or told.get("origin") == volume.key
                    found.append((not is_near, key))
    return [key for _, key in sorted(found)]


def family(volume, told):
    return told.get("family", volume.key)


def size_of(params, name):
    size = integer(params, name)
    if size < 0:
        raise Failure("INVALID_ARGUMENT", "%s: expected no negative size, got %d" % (name, size))
    rounded = content.whole_sectors(size)
    if rounded is None:
        raise Failure("INVALID_ARGUMENT", "%s: expected at most %d, got %d" % (name, content.LARGEST_VOLUME, size))
    return rounded


def resize_data(data, size):
    try:
        os.ftruncate(data, size)
    except OSError as error:
        raise Failure("IO_ERROR", "a file of %d bytes can't be made: %s" % (size, error.strerror)) from error
    os.fsync(data)


def copy_data(source, volume, name, mode):
    """Data of one moment. Without shared blocks it takes some time to copy, and nobody may write meanwhile."""
    with opened_data(source) as data, new_data(volume, name, mode) as made:
        if not content.reflink(data, made):
            with contextlib.ExitStack() as stack:
                # A file that is never written can be served and copied at the same time.
                if is_writable(os.fstat(data)):
                    why = "the file system can't share blocks, so it would not be of one moment"
                    stack.enter_context(unserved(source, why))
                content.copy_sparse(data, made)
        os.fsync(made)


@contextlib.contextmanager
def unserved(volume, why="detach it from its domain first"):
    """Nobody has the disk, and who wants to have it served waits until the end."""
    with opened_data(volume) as data:
        may_write = is_writable(os.fstat(data)) or os.geteuid() == 0
    # Open for writing: over NFS nobody else may have the lock alone.
    with opened_data(volume, os.O_RDWR if may_write else os.O_RDONLY) as data:
        if content.is_served(data, os.path.join(volume.path, store.DATA)):
            raise Failure("VOLUME_IN_USE", volume.key, why)
        yield


@contextlib.contextmanager
def opened_data(volume, flags=os.O_RDONLY):
    try:
        fd = volume.open(store.DATA, flags)
    except OSError as error:
        if error.errno not in store.UNREADABLE:
            raise
        what = "are not there" if error.errno == errno.ENOENT else "can't be opened: %s" % error.strerror
        raise Failure("VOLUME_DAMAGED", volume.key, "its data " + what) from None
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def new_data(volume, name, mode):
    fd = volume.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        os.fchmod(fd, mode)
        yield fd
    finally:
        os.close(fd)


def is_writable(stats):
    return bool(stats.st_mode & modes.S_IWUSR)


def metadata(volume):
    try:
        told = volume.read_json(store.VOLUME)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in store.UNREADABLE:
            raise
        raise Failure("VOLUME_DAMAGED", volume.key, "%s: %s" % (store.VOLUME, error)) from None
    for field, kind in (("name", str), ("description", str), ("sharable", bool), ("keys", dict)):
        if not isinstance(told.get(field), kind):
            raise Failure("VOLUME_DAMAGED", volume.key, "%s: %s is of another type" % (store.VOLUME, field))
    return told


def properties_of(sr, key):
    with store.opened_volume(sr, key) as volume:
        return properties(volume)


def properties(volume):
    """What is known of a volume. One whose metadata are damaged still has its data, which can be read."""
    with opened_data(volume) as data:
        stats = os.fstat(data)
    try:
        told, is_whole = metadata(volume), True
    except Failure as failure:
        told, is_whole = {"name": volume.key, "description": failure.params[1], "sharable": False, "keys": {}}, False
    return {
        "key": volume.key,
        "uuid": volume.key,
        "name": told["name"],
        "description": told["description"],
        "read_write": is_whole and is_writable(stats),
        "sharable": told["sharable"],
        "virtual_size": stats.st_size,
        "physical_utilisation": stats.st_blocks * 512,
        "uri": ["%s://%s" % (SCHEME, urllib.parse.quote(os.path.join(volume.path, store.DATA)))],
        "keys": told["keys"],
    }
