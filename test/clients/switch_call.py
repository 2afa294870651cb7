"""Calls a queue through the switch as xapi's Python and OCaml clients do: two connections of one session, the reply
queue made once, and for each line on standard input: make sure of the queue, send the request, fetch the reply, ack
it. Prints each reply on a line.

Usage: switch_call.py SOCKET QUEUE
"""

import http.client
import json
import os
import socket
import sys


class Connection:
    def __init__(self, path, token):
        self.http = http.client.HTTPConnection("localhost")
        self.http.sock = socket.socket(socket.AF_UNIX)
        self.http.sock.connect(path)
        self.ask("GET", "/login/" + token)

    def ask(self, method, target, body=None):
        self.http.request(method, target, body, {"user-agent": "cohttp"})
        response = self.http.getresponse()
        answer = response.read().decode()
        if response.status != 200:
            raise SystemExit("%s %s: %d %s" % (method, target, response.status, answer))
        return answer


path, queue = sys.argv[1:]
# Two that run at the same time are two sessions, each with replies of its own.
token = "switch_call:%d" % os.getpid()
requests = Connection(path, token)
events = Connection(path, token)
reply_queue = requests.ask("GET", "/transient/" + token + ".reply")
seen = None

for line in sys.stdin:
    requests.ask("GET", "/persistent/" + queue)
    [[_, sent]] = json.loads(requests.ask("POST", "/request/%s/%s" % (queue, reply_queue), line.rstrip("\n")))
    answered = False
    # A transfer that ends empty is asked again: a call may take longer than one waits.
    while not answered:
        transfer = {"timeout": 20.0, "queues": [reply_queue]}
        if seen is not None:
            transfer["from"] = seen
        answer = json.loads(events.ask("POST", "/transfer", json.dumps(transfer)))
        seen = answer["next"]
        for [[name, id], message] in answer["messages"]:
            assert message["kind"] == ["Response", [queue, sent]], message
            print(message["payload"], flush=True)
            events.ask("GET", "/ack/%s/%d" % (name, id))
            answered = True
