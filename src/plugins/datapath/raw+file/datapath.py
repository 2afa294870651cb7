"""The methods Datapath.*"""

import os
import shutil
import stat
import sys
import urllib.parse

import loop
import nbd
from protocol import Failure, boolean, text
from state import attachment

SCHEME = "raw+file"
# loop, nbd, or auto: loop devices where there are any and this is root.
SERVER = "RAW_FILE_SERVER"
SERVERS = {"loop": loop, "nbd": nbd}


def open(params):
    """There is nothing to do. Writes that are not to stay go to a clone: the plugin hasn't the feature NONPERSISTENT."""
    checked_file(path_of(text(params, "uri")))
    if not boolean(params, "persistent"):
        raise Failure("Unimplemented", "Datapath.open of a disk that is not persistent")


def attach(params):
    uri = text(params, "uri")
    path = path_of(uri)
    with attachment(uri, text(params, "domain")) as attached:
        server = server_of(attached)
        implementations = server.attach(attached, path, checked_file(path))
    return {"implementations": implementations}


def activate(params):
    """Who may write is the daemon's to know: it lets one domain at a time."""
    uri = text(params, "uri")
    path = path_of(uri)
    with attachment(uri, text(params, "domain")) as attached:
        if attached.server is None:
            raise Failure("NOT_ATTACHED", uri)
        server_of(attached).activate(attached, path, checked_file(path))


def deactivate(params):
    uri = text(params, "uri")
    path = path_of(uri)
    with attachment(uri, text(params, "domain")) as attached:
        if attached.server is not None and os.path.exists(path):
            server_of(attached).flush(attached, path)


def detach(params):
    """Never fails: what can't be taken down is kept in mind, and the next attach or detach tries again."""
    uri, domain = text(params, "uri"), text(params, "domain")
    try:
        with attachment(uri, domain) as attached:
            # Of what isn't attached there may be a server whose start was killed.
            server = nbd if attached.server is None else server_of(attached)
            server.detach(attached, path_of(uri))
            attached.forget()
    except Exception as error:
        print("%s could not be taken down: %s" % (uri, error), file=sys.stderr)


def close(params):
    text(params, "uri")


def server_of(attached):
    """What serves it, or what is to."""
    wanted = os.environ.get(SERVER) or "auto"
    if attached.server is not None:
        wanted = attached.server.get("type")
    elif wanted == "auto":
        has_loop = os.geteuid() == 0 and os.path.exists("/dev/loop-control") and shutil.which(loop.PROGRAM)
        wanted = "loop" if has_loop else "nbd"
    if wanted not in SERVERS:
        raise Failure("INVALID_ARGUMENT", "%s: expected auto, loop or nbd, got %r" % (SERVER, wanted))
    return SERVERS[wanted]


def path_of(uri):
    try:
        parts = urllib.parse.urlsplit(uri)
        path = urllib.parse.unquote(parts.path, errors="strict")
    except ValueError as error:
        raise Failure("INVALID_ARGUMENT", "uri: %s" % error) from None
    is_plain = parts.scheme == SCHEME and parts.netloc in ("", "localhost") and not parts.query and not parts.fragment
    if not is_plain or not os.path.isabs(path) or "\0" in path:
        raise Failure("INVALID_ARGUMENT", "uri: expected %s:// and an absolute path, got %r" % (SCHEME, uri))
    return path


def checked_file(path):
    """Whether the file is only to be read. It is a file, and no link leads to it."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Failure("FILE_DOES_NOT_EXIST", path) from None
    if not stat.S_ISREG(found.st_mode) or os.path.realpath(path) != path:
        raise Failure("INVALID_ARGUMENT", "uri: expected the real path of a file, got %s" % path)
    return not found.st_mode & stat.S_IWUSR
