"""jsonrpcserver over TCP on the loopback, one JSON value a line, for tests/interop/rpc.

The implementation serves only, and has no transport. The commands are in tests/interop/rpc/rpc-end.ts.
"""

import os
import socketserver
import sys

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "lines"))

from jsonrpcserver import Error, Success, dispatch, method  # noqa: E402
from lines import say, serve  # noqa: E402


@method
def add(a, b):
    return Success(a + b)


@method
def fail():
    return Error(7, "as it was told", {"why": "so"})


@method
def nothing():
    return Success()


@method
def note(text):
    say("note", text=text)
    return Success()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            response = dispatch(line.decode())
            if response:
                self.wfile.write(response.encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def listen(_arguments):
    import threading

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return {"port": server.server_address[1]}


serve({"listen": listen})
