#!/usr/bin/env python3
"""A datapath plugin for datapathd, for URIs of the scheme @NAME@.

Every method is a link to this program, which looks at its own name. @NAME@:///a/path is a raw file. Change it to what
makes your data ready for a domain. Every method may be called again: then it does nothing more, and does not fail.
"""
import json
import os
import sys
from urllib.parse import unquote, urlsplit


class PluginError(Exception):
    """Is told to the caller: code is one of the interface's errors, or a name of your own."""

    def __init__(self, code, *params):
        super().__init__(code, *params)
        self.code = code
        self.params = [str(param) for param in params]


QUERY = {
    "plugin": "@NAME@",
    "name": "@NAME@",
    "description": "Raw files",
    "vendor": "unknown",
    "copyright": "unknown",
    "version": "0.1",
    "required_api_version": "5.0",
    "features": [],
    "configuration": {},
    "required_cluster_stack": [],
}


def path_of(uri):
    path = unquote(urlsplit(uri).path)
    if not os.path.isfile(path):
        raise PluginError("Volume_does_not_exist", path)
    return path


def open_(uri, persistent, **_):
    """A disk is about to be used."""


def attach(uri, domain, **_):
    """Make the data ready, and tell how it is reached: by each way that there is, the best first."""
    path = path_of(uri)
    return {
        "implementations": [
            ["XenDisk", {"backend_type": "qdisk", "params": "raw:" + path, "extra": {}}],
            ["File", {"path": path}],
        ]
    }


def activate(uri, domain, **_):
    """The domain is about to read and write. It is in the downtime of a migration: be fast."""


def deactivate(uri, domain, **_):
    """The domain has stopped to read and write. It is in the downtime of a migration: be fast."""


def detach(uri, domain, **_):
    """Give up what attach made ready. It must not fail, the data being gone or not."""


def close(uri, **_):
    """The disk is not used any more."""


METHODS = {
    "Plugin.Query": lambda **_: QUERY,
    "Datapath.open": open_,
    "Datapath.attach": attach,
    "Datapath.activate": activate,
    "Datapath.deactivate": deactivate,
    "Datapath.detach": detach,
    "Datapath.close": close,
}

if __name__ == "__main__":
    try:
        result = METHODS[os.path.basename(sys.argv[0])](**json.load(sys.stdin))
    except PluginError as error:
        print(json.dumps({"code": error.code, "params": error.params, "backtrace": {}}))
        sys.exit(1)
    print(json.dumps(result))
