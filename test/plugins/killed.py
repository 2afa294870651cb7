"""
Kills a method of the volume plugin before each thing that it does to the disk, one after the other, until it is done.
After each it prints a line: what SR.ls lists, and what lies in the SR after the SR.attach that follows.
"""

import json
import os
import signal
import sys

plugin, directory, what = sys.argv[1:]
sys.path.insert(0, plugin)
sys.dont_write_bytecode = True

import sr
import volume

STEPS = ["mkdir", "open", "rename", "fsync", "ftruncate", "fchmod", "unlink", "rmdir", "pwrite"]

sr.create({"configuration": {"path": directory}, "uuid": "u", "name": "n", "description": "d"})
handle = sr.attach({"configuration": {"path": directory}})


def made(size):
    params = {"sr": handle, "name": "n", "description": "d", "size": size, "sharable": False}
    return volume.create(params)["key"]


def fill(key, text):
    with open(os.path.join(directory, key, "data.raw"), "r+b") as file:
        file.write(text)


def prepare():
    """What is called is given its volumes first."""
    if what == "create":
        return lambda: made(4096)
    key = made(4096)
    fill(key, b"old")
    if what == "revert":
        snapshot = volume.snapshot({"sr": handle, "key": key})["key"]
        fill(key, b"new")
        return lambda: volume.revert({"sr": handle, "key": key, "snapshot": snapshot})
    if what == "set":
        return lambda: volume.set({"sr": handle, "key": key, "k": "a", "v": "b"})
    return lambda: getattr(volume, what)({"sr": handle, "key": key})


def kill_at(step):
    left = step

    def counted(function):
        def call(*words, **options):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*words, **options)

        return call

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))


step = 0
while True:
    step += 1
    call = prepare()
    child = os.fork()
    if child == 0:
        kill_at(step)
        call()
        os._exit(0)
    if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        break
    listed = sr.ls({"sr": handle})
    data = [open(os.path.join(directory, each["key"], "data.raw"), "rb").read(3).decode() for each in listed]
    sr.attach({"configuration": {"path": directory}})
    left = sorted(os.listdir(directory))
    inside = sorted({name for each in listed for name in os.listdir(os.path.join(directory, each["key"]))})
    print(json.dumps({"listed": listed, "data": data, "left": left, "inside": inside}))
    for each in listed:
        volume.destroy({"sr": handle, "key": each["key"]})
