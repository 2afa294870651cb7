"""A file as a loop device, which all domains share that have it attached: two devices would not see each other's writes."""

import os
import subprocess

from protocol import Failure
from state import being_served

PROGRAM = "losetup"


def attach(attached, path, read_only):
    """Answers the device; sets it up unless it is there."""
    device = set_up(attached, path, read_only)
    disk = {"params": device, "extra": {}, "backend_type": "vbd"}
    return [["XenDisk", disk], ["BlockDevice", {"path": device}]]


def activate(attached, path, read_only):
    # In the downtime of a migration no process is started just to look.
    known = device_in(attached.server)
    if known is None or backing_file(known) != path:
        set_up(attached, path, read_only)


def set_up(attached, path, read_only):
    there = devices_of(path)
    known = device_in(attached.server)
    if known in there:
        return known
    shared = [device for device in map(device_in, attached.others()) if device in there]
    if known is None and attached.server is not None:
        # A call was killed between making a device and keeping its name.
        shared = shared or there
    # That a device is about to be made is kept first.
    if attached.server is None:
        attached.keep(server_of(None))
    device = shared[0] if shared else make(path, read_only)
    attached.keep(server_of(device))
    return device


def make(path, read_only):
    words = ["--find", "--show"] + (["--read-only"] if read_only else []) + [path]
    # From then on the volume plugin sees the device.
    with being_served(path):
        return losetup(*words).strip()


def flush(attached, path):
    """What is in the device's cache is in the file, and the file on the disk."""
    for place in (device_in(attached.server), path):
        if place is not None:
            fd = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


def detach(attached, path):
    """The last domain takes the device away. One that is still open goes when it is closed."""
    others = [device_in(other) for other in attached.others()]
    there = devices_of(path)
    known = device_in(attached.server)
    for device in there if known is None else [known]:
        if device not in others and (device in there or has_lost(device, path)):
            losetup("--detach", device)


def server_of(device):
    return {"type": "loop", "device": device}


def device_in(server):
    return None if server is None else server.get("device")


def devices_of(path):
    """The devices that the kernel has on the file."""
    if not os.path.exists(path):
        return []
    return losetup("--list", "--noheadings", "--output=NAME", "--associated=" + path).split()


def backing_file(device):
    """The file that a device is on; None where the kernel does not tell."""
    try:
        with open("/sys/block/%s/loop/backing_file" % os.path.basename(device), "rb") as file:
            return os.fsdecode(file.read().rstrip(b"\n"))
    except OSError:
        return None


def has_lost(device, path):
    """Whether it is on the file that was at the path, and is removed."""
    if os.path.exists(path):
        return False
    devices = losetup("--list", "--noheadings", "--raw", "--output=NAME,BACK-FILE").splitlines()
    return "%s %s\\x20(deleted)" % (device, path.replace(" ", "\\x20")) in devices


def losetup(*words):
    done = subprocess.Popen(
        (PROGRAM,) + words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        cwd="/",
    )
    printed, complaint = done.communicate()
    if done.returncode != 0:
        raise Failure("NO_SERVER", "%s %s: %s" % (PROGRAM, words[0], complaint.strip()))
    return printed
