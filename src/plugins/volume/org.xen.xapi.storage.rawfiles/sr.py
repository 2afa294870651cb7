"""The methods SR.*"""

import fcntl
import os
import sys

import store
import volume
from protocol import Failure, struct, text


def path_of(configuration):
    """The directory that a configuration names: its real path."""
    path = text(configuration, "path")
    if not os.path.isabs(path) or "\0" in path:
        raise Failure("INVALID_ARGUMENT", "configuration.path: expected an absolute path, got %r" % path)
    return os.path.realpath(path)


def probe(params):
    """The directory itself, and those in it that are SRs. One of these that can't be read doesn't hide the others."""
    path = path_of(struct(params, "configuration"))
    if not os.path.isdir(path):
        raise Failure("SR_does_not_exist", path)
    below = [] if store.is_sr(path) else sorted(entry.path for entry in os.scandir(path) if store.is_sr(entry.path))
    found = [probed(path)]
    for place in below:
        try:
            found.append(probed(place))
        except Failure as failure:
            print("an SR is left out: %s" % failure, file=sys.stderr)
    return found


def probed(path):
    found = {"configuration": {"path": path}, "complete": True, "extra_info": {}}
    if store.is_sr(path):
        with store.opened_sr(os.path.realpath(path)) as sr:
            found["sr"] = properties(sr)
    return found


def create(params):
    """Makes a directory an SR. The directory may be there; those above it have to be."""
    path = path_of(struct(params, "configuration"))
    told = {
        "version": 1,
        "uuid": text(params, "uuid"),
        "name": text(params, "name"),
        "description": text(params, "description"),
    }
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        raise Failure("INVALID_ARGUMENT", "configuration.path: %s is not there" % os.path.dirname(path)) from None
    with store.opened_sr(path) as sr, sr.locked(store.SR_LOCK):
        if store.is_sr(path):
            other = store.read_sr(sr)
            if other.get("uuid") != told["uuid"]:
                raise Failure("SR_EXISTS", path, str(other.get("uuid")))
        else:
            sr.write_json(store.SR, told)
    return {"path": path}


def attach(params):
    """The handle is the directory's real path."""
    path = path_of(struct(params, "configuration"))
    if not store.is_sr(path):
        raise Failure("SR_does_not_exist", path)
    with store.opened_sr(path) as sr:
        store.read_sr(sr)
        store.clear_up(sr)
    return path


def detach(params):
    """Nothing is held for an attached SR."""
    text(params, "sr")


def destroy(params):
    """Removes the volumes, and then what makes the directory an SR. The directory and other files in it stay."""
    with store.changing_sr(text(params, "sr"), fcntl.LOCK_EX) as sr:
        for key in store.keys_of(sr):
            with store.opened_volume(sr, key) as found, volume.unserved(found):
                pass
        for key in store.keys_of(sr):
            with store.opened_volume(sr, key) as found, volume.unserved(found):
                store.remove_volume(sr, key)
        store.clear_up_alone(sr)
        sr.remove(store.SR)
        os.fsync(sr.fd)
        sr.remove(store.SR_LOCK)
        sr.remove(store.LOCK)


def stat(params):
    with store.opened_sr(text(params, "sr")) as sr:
        return properties(sr)


def properties(sr):
    told = store.read_sr(sr)
    space = os.fstatvfs(sr.fd)
    found = {
        "sr": sr.path,
        "name": told.get("name", ""),
        "description": told.get("description", ""),
        "free_space": space.f_bavail * space.f_frsize,
        "total_space": space.f_blocks * space.f_frsize,
        "datasources": [],
        "clustered": False,
        "health": ["Healthy", ""],
    }
    if "uuid" in told:
        found["uuid"] = told["uuid"]
    return found


def set_name(params):
    change(params, "name", text(params, "new_name"))


def set_description(params):
    change(params, "description", text(params, "new_description"))


def change(params, field, value):
    with store.changing_sr(text(params, "sr")) as sr, sr.locked(store.SR_LOCK):
        sr.write_json(store.SR, dict(store.read_sr(sr), **{field: value}))


def ls(params):
    """All volumes. One that can't be read doesn't hide the others."""
    volumes = []
    with store.opened_sr(text(params, "sr")) as sr:
        store.read_sr(sr)
        for key in store.keys_of(sr):
            try:
                with store.opened_volume(sr, key) as found:
                    volumes.append(volume.properties(found))
            except Failure as failure:
                # Else it has been removed meanwhile.
                if failure.code != "Volume_does_not_exist":
                    print("a volume is left out: %s" % failure, file=sys.stderr)
    return volumes
