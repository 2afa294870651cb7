"""Makes the calls that stand on standard input, a JSON list of [method, params], with Python's own client over the
Unix socket named; prints a JSON list of the answers."""

import http.client
import json
import socket
import sys
import xmlrpc.client


class UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def make_connection(self, host):
        connection = http.client.HTTPConnection(host)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.path)
        return connection


def dump_integer(marshaller, value, write):
    """Python's client writes 32 bits only; 64 are an extension that its reader knows."""
    write("<value><i8>%d</i8></value>" % value)


xmlrpc.client.Marshaller.dispatch[int] = dump_integer


def call(client, method, params):
    try:
        return getattr(client, method)(*params)
    except xmlrpc.client.Fault as fault:
        return {"fault": fault.faultString}


client = xmlrpc.client.ServerProxy("http://localhost", transport=UnixTransport(sys.argv[1]), allow_none=True)
print(json.dumps([call(client, method, params) for method, params in json.load(sys.stdin)]))
