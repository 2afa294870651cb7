"""Works on a daemon by clients of each kind, until there is a file named stop, and then says how often each has done its work, and what
went wrong. A client whose request did not leave connects again and sends it again; a request that left has to be answered.

- sender: numbered messages to the queue QUEUE, which stay there
- consumer: fetches and acks what a sender of its own sends, which has to come once and in its order
- caller: calls the datapath queue through the switch
- direct: calls the datapath queue at its socket, on a connection for each call

Usage: load.py DIRECTORY QUEUE STOP
"""

import http.client
import json
import os
import socket
import sys
import threading

directory, load_queue, stop = sys.argv[1:]
DATAPATH = "org.xen.xapi.datapath"
QUERY = json.dumps({"method": "Plugin.Query", "params": [{"dbg": "load"}], "id": 1})
faults = []


def is_over():
    return os.path.exists(stop)


def connect(name):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.path.join(directory, name))
    return connection


def until_it_leaves(attempt):
    """What a client does whose peer takes nothing any more: it connects again."""
    while True:
        try:
            return attempt()
        except BrokenPipeError:
            pass


class Session:
    """A session on the switch, on one connection at a time."""

    def __init__(self, token):
        self.token = token
        self.connection = None

    def ask(self, method, target, body=""):
        return until_it_leaves(lambda: self.attempt(method, target, body))

    def attempt(self, method, target, body):
        if self.connection is None:
            self.connection = connect("switch.sock")
            self.exchange("GET", "/login/" + self.token)
        return self.exchange(method, target, body)

    def exchange(self, method, target, body=""):
        text = "%s %s HTTP/1.1\r\ncontent-length: %d\r\n\r\n%s" % (method, target, len(body), body)
        try:
            self.connection.send(text.encode())
        except BrokenPipeError:
            self.connection = None
            raise
        response = http.client.HTTPResponse(self.connection)
        response.begin()
        answer = response.read().decode()
        if response.status != 200:
            raise ValueError("%s: %d %s" % (target, response.status, answer))
        return answer

    def send(self, queue, reply_to, payload):
        [[_, message]] = json.loads(self.ask("POST", "/request/%s/%s" % (queue, reply_to), payload))
        return message

    def fetch(self, queue, seen, timeout):
        """What is in the queue behind what was seen, each as its id and its message, and up to where it is seen then."""
        ask = {"timeout": timeout, "queues": [queue], **({} if seen is None else {"from": seen})}
        answer = json.loads(self.ask("POST", "/transfer", json.dumps(ask)))
        return [(id, message) for [[_, id], message] in answer["messages"]], answer["next"]


def sender(name, queue):
    session = Session(name)
    session.ask("GET", "/persistent/" + queue)
    sent = 0
    while not is_over():
        session.send(queue, "nobody", "%s:%d" % (name, sent))
        sent += 1
    return sent


def consumer(name):
    session = Session(name)
    session.ask("GET", "/persistent/fetched")
    source = Worker(sender, "source", "fetched")
    source.start()
    seen = None
    fetched = 0
    while True:
        # Nothing is sent any more when this is false: what comes then is the rest.
        more = source.is_alive()
        messages, seen = session.fetch("fetched", seen, 0.1)
        for id, message in messages:
            if message["payload"] != "source:%d" % fetched:
                raise ValueError("%s where source:%d is next" % (message["payload"], fetched))
            fetched += 1
            session.ask("GET", "/ack/fetched/%d" % id)
        if not more and not messages:
            break
    if fetched != source.done:
        raise ValueError("%d were fetched of %d" % (fetched, source.done))
    return fetched


def caller(name):
    session = Session(name)
    replies = session.ask("GET", "/transient/%s.reply" % name)
    seen = None
    calls = 0
    while not is_over():
        sent = session.send(DATAPATH, replies, QUERY)
        messages = []
        # A switch that stops answers a transfer that waits with nothing.
        while not messages:
            messages, seen = session.fetch(replies, seen, 20)
        [(id, message)] = messages
        if message["kind"] != ["Response", [DATAPATH, sent]]:
            raise ValueError("%s for request %d" % (message["kind"], sent))
        check(message["payload"])
        session.ask("GET", "/ack/%s/%d" % (replies, id))
        calls += 1
    return calls


def direct(name):
    calls = 0
    while not is_over():
        check(until_it_leaves(call))
        calls += 1
    return calls


def call():
    with connect(DATAPATH) as connection:
        connection.send(QUERY.encode())
        return connection.makefile().readline()


def check(answer):
    if json.loads(answer)["result"]["name"] != "datapathd":
        raise ValueError(answer)


class Worker(threading.Thread):
    def __init__(self, work, name, *args):
        super().__init__(name=name)
        self.work = lambda: work(name, *args)
        self.done = 0

    def run(self):
        try:
            self.done = self.work()
        except Exception as error:
            faults.append("%s: %r" % (self.name, error))


KINDS = {
    "senders": [Worker(sender, "sender%d" % number, load_queue) for number in range(4)],
    "consumers": [Worker(consumer, "consumer")],
    "callers": [Worker(caller, "caller%d" % number) for number in range(2)],
    "direct": [Worker(direct, "direct%d" % number) for number in range(2)],
}
workers = [worker for kind in KINDS.values() for worker in kind]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
for name, kind in KINDS.items():
    print(name, sum(worker.done for worker in kind))
print("\n".join(faults) or "no faults")
