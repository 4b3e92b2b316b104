#!/usr/bin/env bash
# ZMTP 3.1 (RFC 37): each peer sends a greeting of 64 bytes, and may send all of it at once. libzmq 4.3.5 (in pyzmq 27.3.0)
# holds most of it back until it has read from the other side:
#
#   10 bytes at once; 1 more after 10 bytes of the peer, the signature; 53 more after the 11th, the major version; then 28,
#   which are its READY, after the rest
#
# So a peer that waits for 64 bytes before it sends any waits for ever. A peer that sends its 64 first gets all. Exits 1
# when libzmq sends otherwise.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyzmq==27.3.0
cat > greet.py <<'PY'
import socket
import zmq

GREETING = bytes.fromhex("ff00000000000000017f") + b"\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)


def received(peer):
    """What comes until nothing has come for half a second."""
    peer.settimeout(0.5)
    count = 0
    try:
        while chunk := peer.recv(1024):
            count += len(chunk)
    except TimeoutError:
        pass
    return count


with zmq.Context() as context, context.socket(zmq.PULL) as pull:
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    print("libzmq", zmq.zmq_version())
    with socket.create_connection(("127.0.0.1", port)) as peer:
        sent = 0
        for upto in (0, 9, 10, 11, 64):
            peer.sendall(GREETING[sent:upto])
            sent = upto
            print(f"after {upto} bytes of the peer: {received(peer)}")
PY
said=$(venv/bin/python greet.py)
echo "$said"
expected='libzmq 4.3.5
after 0 bytes of the peer: 10
after 9 bytes of the peer: 0
after 10 bytes of the peer: 1
after 11 bytes of the peer: 53
after 64 bytes of the peer: 28'
[ "$said" = "$expected" ]
