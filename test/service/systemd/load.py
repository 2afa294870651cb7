"""Sends numbered messages to a queue by several clients, until there is a file named stop, and then says how many were accepted. A
client whose request did not leave connects again and sends it again; one whose request left has to be answered.

Usage: load.py SOCKET QUEUE STOP
"""

import http.client
import os
import socket
import sys
import threading

path, queue, stop = sys.argv[1:]
faults = []
accepted = [0] * 4


def send(connection, method, target, body=""):
    text = "%s %s HTTP/1.1\r\ncontent-length: %d\r\n\r\n%s" % (method, target, len(body), body)
    connection.send(text.encode())
    response = http.client.HTTPResponse(connection)
    response.begin()
    response.read()
    if response.status != 200:
        raise ValueError("answered with %d" % response.status)


def connect(name):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    send(connection, "GET", "/login/" + name)
    send(connection, "GET", "/persistent/" + queue)
    return connection


def work(number):
    connection = None
    while not os.path.exists(stop):
        try:
            connection = connection or connect("load%d" % number)
            send(connection, "POST", "/request/%s/nobody" % queue, "%d:%d" % (number, accepted[number]))
            accepted[number] += 1
        except BrokenPipeError:
            connection = None
        except Exception as error:
            faults.append(repr(error))
            return


threads = [threading.Thread(target=work, args=(number,)) for number in range(len(accepted))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(accepted), *faults)
