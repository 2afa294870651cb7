#!/usr/bin/env python3
"""A volume plugin for datapathd: @NAME@.

Every method is a link to this program, which looks at its own name. An SR is a directory, and a volume is a sparse file
<key>.raw in it, with its properties in <key>.json. Change it to what your storage is.
"""
import json
import os
import sys
import uuid


class PluginError(Exception):
    """Is told to the caller: code is one of the interface's errors, or a name of your own."""

    def __init__(self, code, *params):
        super().__init__(code, *params)
        self.code = code
        self.params = [str(param) for param in params]


QUERY = {
    "plugin": "@TYPE@",
    "name": "@TYPE@",
    "description": "Volumes are files in a directory",
    "vendor": "unknown",
    "copyright": "unknown",
    "version": "0.1",
    "required_api_version": "5.0",
    "features": [
        "SR_CREATE", "SR_ATTACH", "SR_DETACH", "SR_DELETE", "SR_SCAN", "SR_UPDATE",
        "VDI_CREATE", "VDI_DELETE", "VDI_UPDATE", "VDI_RESIZE", "VDI_SNAPSHOT", "VDI_CLONE",
    ],
    "configuration": {"directory": "the directory that holds the volumes"},
    "required_cluster_stack": [],
}

# The scheme of the URIs of volumes: a datapath plugin must serve it.
SCHEME = "raw+file"


def write_json(path, value):
    """Writes the whole file or nothing of it."""
    with open(path + ".new", "w", encoding="utf-8") as new:
        json.dump(value, new)
        new.flush()
        os.fsync(new.fileno())
    os.rename(path + ".new", path)


def read_json(path, error):
    try:
        with open(path, encoding="utf-8") as kept:
            return json.load(kept)
    except FileNotFoundError:
        raise error from None


def directory_of(configuration):
    if not configuration.get("directory"):
        raise PluginError("MISSING_CONFIGURATION", "device_config has no directory")
    return os.path.abspath(configuration["directory"])


def sr_file(sr):
    return os.path.join(sr, "sr.json")


def volume_file(sr, key, suffix):
    # A key comes from outside: it must not lead out of the directory.
    if not key or "/" in key or key.startswith("."):
        raise PluginError("Volume_does_not_exist", key)
    return os.path.join(sr, key + suffix)


def load_volume(sr, key):
    return read_json(volume_file(sr, key, ".json"), PluginError("Volume_does_not_exist", key))


def save_volume(sr, volume):
    write_json(volume_file(sr, volume["key"], ".json"), volume)


def as_volume(sr, volume):
    data = volume_file(sr, volume["key"], ".raw")
    stat = os.stat(data)
    return {
        **volume,
        "virtual_size": stat.st_size,
        "physical_utilisation": stat.st_blocks * 512,
        "uri": [SCHEME + "://" + data],
    }


def sr_create(configuration, uuid, name, description, **_):
    sr = directory_of(configuration)
    os.makedirs(sr, exist_ok=True)
    write_json(sr_file(sr), {"uuid": uuid, "name": name, "description": description})
    return configuration


def sr_attach(configuration, **_):
    sr = directory_of(configuration)
    read_json(sr_file(sr), PluginError("SR_does_not_exist", sr))
    return sr


def sr_detach(**_):
    return None


def sr_destroy(sr, **_):
    for volume in sr_ls(sr):
        volume_destroy(sr, volume["key"])
    os.unlink(sr_file(sr))


def sr_stat(sr, **_):
    kept = read_json(sr_file(sr), PluginError("Sr_not_attached", sr))
    space = os.statvfs(sr)
    return {
        "sr": sr,
        **kept,
        "free_space": space.f_bavail * space.f_frsize,
        "total_space": space.f_blocks * space.f_frsize,
        "datasources": [],
        "clustered": False,
        "health": ["Healthy", ""],
    }


def change_sr(sr, **changed):
    kept = read_json(sr_file(sr), PluginError("Sr_not_attached", sr))
    write_json(sr_file(sr), {**kept, **changed})


def sr_set_name(sr, new_name, **_):
    change_sr(sr, name=new_name)


def sr_set_description(sr, new_description, **_):
    change_sr(sr, description=new_description)


def sr_ls(sr, **_):
    keys = [name[: -len(".raw")] for name in sorted(os.listdir(sr)) if name.endswith(".raw")]
    return [as_volume(sr, load_volume(sr, key)) for key in keys]


def volume_create(sr, name, description, size, sharable, **_):
    key = str(uuid.uuid4())
    volume = {"key": key, "uuid": key, "name": name, "description": description,
              "read_write": True, "sharable": sharable, "keys": {}}
    save_volume(sr, volume)
    with open(volume_file(sr, key, ".raw"), "xb") as data:
        data.truncate(size)
    return as_volume(sr, volume)


def copy_volume(sr, key, read_write):
    """A whole copy: your storage may have something faster."""
    volume = load_volume(sr, key)
    copy = volume_create(sr, volume["name"], volume["description"], 0, False)
    with open(volume_file(sr, key, ".raw"), "rb") as old:
        with open(volume_file(sr, copy["key"], ".raw"), "r+b") as new:
            size = os.fstat(old.fileno()).st_size
            new.truncate(size)
            at = 0
            while at < size:
                try:
                    at = os.lseek(old.fileno(), at, os.SEEK_DATA)
                except OSError:
                    break
                hole = os.lseek(old.fileno(), at, os.SEEK_HOLE)
                while at < hole:
                    at += os.copy_file_range(old.fileno(), new.fileno(), hole - at, at, at)
    changed = {**load_volume(sr, copy["key"]), "read_write": read_write}
    save_volume(sr, changed)
    return as_volume(sr, changed)


def volume_snapshot(sr, key, **_):
    return copy_volume(sr, key, False)


def volume_clone(sr, key, **_):
    return copy_volume(sr, key, True)


def volume_destroy(sr, key, **_):
    load_volume(sr, key)
    os.unlink(volume_file(sr, key, ".raw"))
    os.unlink(volume_file(sr, key, ".json"))


def volume_stat(sr, key, **_):
    return as_volume(sr, load_volume(sr, key))


def volume_resize(sr, key, new_size, **_):
    if new_size > volume_stat(sr, key)["virtual_size"]:
        os.truncate(volume_file(sr, key, ".raw"), new_size)


def change_volume(sr, key, **changed):
    save_volume(sr, {**load_volume(sr, key), **changed})


def volume_set_name(sr, key, new_name, **_):
    change_volume(sr, key, name=new_name)


def volume_set_description(sr, key, new_description, **_):
    change_volume(sr, key, description=new_description)


def volume_set(sr, key, k, v, **_):
    change_volume(sr, key, keys={**load_volume(sr, key)["keys"], k: v})


def volume_unset(sr, key, k, **_):
    keys = load_volume(sr, key)["keys"]
    change_volume(sr, key, keys={name: value for name, value in keys.items() if name != k})


METHODS = {
    "Plugin.Query": lambda **_: QUERY,
    "SR.create": sr_create,
    "SR.attach": sr_attach,
    "SR.detach": sr_detach,
    "SR.destroy": sr_destroy,
    "SR.stat": sr_stat,
    "SR.set_name": sr_set_name,
    "SR.set_description": sr_set_description,
    "SR.ls": sr_ls,
    "Volume.create": volume_create,
    "Volume.snapshot": volume_snapshot,
    "Volume.clone": volume_clone,
    "Volume.destroy": volume_destroy,
    "Volume.stat": volume_stat,
    "Volume.resize": volume_resize,
    "Volume.set_name": volume_set_name,
    "Volume.set_description": volume_set_description,
    "Volume.set": volume_set,
    "Volume.unset": volume_unset,
}

if __name__ == "__main__":
    try:
        result = METHODS[os.path.basename(sys.argv[0])](**json.load(sys.stdin))
    except PluginError as error:
        print(json.dumps({"code": error.code, "params": error.params, "backtrace": {}}))
        sys.exit(1)
    print(json.dumps(result))
