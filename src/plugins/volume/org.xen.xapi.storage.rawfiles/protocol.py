"""How datapathd calls a plugin, and how it is answered: docs/plugins.md. The shipped plugins have the same copy."""

import errno
import json
import os
import sys
import traceback


class Failure(Exception):
    """An error of the interface: its code, and its params, which are texts."""

    def __init__(self, code, *params):
        super().__init__(code, *params)
        self.code = code
        self.params = list(params)


def serve(methods):
    """Answers one call, by the name of the program, or many as a worker. JSON is UTF-8, whatever the locale is."""
    # What is made is for the daemon's user alone.
    os.umask(0o077)
    if sys.argv[1:] == ["--json-lines"]:
        for line in iter(sys.stdin.buffer.readline, b""):
            call = json.loads(line)
            good, value = _answer(methods, call["method"], call["params"])
            end = {"result": value} if good else {"error": {"code": 1, "message": value["code"], "data": value}}
            print(json.dumps({"jsonrpc": "2.0", "id": call["id"], **end}), flush=True)
        return 0
    good, value = _answer(methods, os.path.basename(sys.argv[0]), json.load(sys.stdin.buffer))
    print(json.dumps(value))
    return 0 if good else 1


def text(params, name):
    return _checked(params, name, str, "a text")


def boolean(params, name):
    return _checked(params, name, bool, "true or false")


def struct(params, name):
    return _checked(params, name, dict, "an object")


def integer(params, name):
    value = _checked(params, name, int, "an integer")
    if isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise Failure("INVALID_ARGUMENT", "%s: expected an integer of 64 bits, got %r" % (name, value))
    return value


def _checked(params, name, kind, expected):
    if name not in params:
        raise Failure("INVALID_ARGUMENT", "%s: expected %s, and it is missing" % (name, expected))
    value = params[name]
    if not isinstance(value, kind):
        raise Failure("INVALID_ARGUMENT", "%s: expected %s, got %s" % (name, expected, json.dumps(value)[:80]))
    return value


def _answer(methods, method, params):
    """Whether it went well, and the answer or the error."""
    try:
        if method not in methods:
            raise Failure("Unimplemented", method)
        return True, methods[method](params)
    except Failure as failure:
        return False, _error(failure.code, failure.params, failure)
    except OSError as error:
        code = "NO_SPACE" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "IO_ERROR"
        return False, _error(code, [str(error)], error)
    except Exception as error:
        return False, _error("INTERNAL_ERROR", [repr(error)], error)


def _error(code, params, error):
    frames = traceback.extract_tb(error.__traceback__)
    backtrace = {
        "error": repr(error),
        "files": [frame.filename for frame in frames],
        "lines": [frame.lineno for frame in frames],
    }
    return {"code": code, "params": params, "backtrace": backtrace}
