"""One side of Noise over TCP on the loopback, which then echoes; the commands are in tests/interop/noise/noise-end.ts."""

import os
import socket
import struct
import sys
import threading

from noise.connection import Keypair, NoiseConnection

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "lines"))
from lines import say, serve  # noqa: E402


def read_exactly(sock, size):
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise EOFError("the peer has left")
        data += part
    return data


def read_framed(sock):
    (size,) = struct.unpack(">H", read_exactly(sock, 2))
    return read_exactly(sock, size)


def write_framed(sock, message):
    sock.sendall(struct.pack(">H", len(message)) + bytes(message))


def state_of(settings, initiator):
    state = NoiseConnection.from_name(settings["protocol"].encode())
    (state.set_as_initiator if initiator else state.set_as_responder)()
    if settings.get("key"):
        state.set_keypair_from_private_bytes(Keypair.STATIC, bytes.fromhex(settings["key"]))
    if settings.get("remote"):
        state.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, bytes.fromhex(settings["remote"]))
    if settings.get("psk"):
        state.set_psks(psk=bytes.fromhex(settings["psk"]))
    state.set_prologue(bytes.fromhex(settings.get("prologue", "")))
    state.start_handshake()
    return state


def shake(sock, settings, initiator):
    try:
        state = state_of(settings, initiator)
        payloads = [bytes.fromhex(payload) for payload in settings.get("payloads", [])]
        received = []
        handshake = state.noise_protocol.handshake_state
        turn = 0
        while not state.handshake_finished:
            if (turn % 2 == 0) == initiator:
                write_framed(sock, state.write_message(payloads.pop(0) if payloads else b""))
            else:
                received.append(bytes(state.read_message(read_framed(sock))).hex())
            turn += 1
        remote = getattr(handshake, "rs", None)
        out = Direction(state.encrypt, state.rekey_outbound_cipher, settings.get("rekeyAfter", 0))
        into = Direction(state.decrypt, state.rekey_inbound_cipher, settings.get("rekeyAfter", 0))
        if settings.get("confirm"):
            write_framed(sock, out.run(b""))
    except Exception:
        sock.close()
        raise
    threading.Thread(target=echo, args=(sock, out, into), daemon=True).start()
    return {
        "hash": bytes(state.get_handshake_hash()).hex(),
        "remote": remote.public_bytes.hex() if hasattr(remote, "public_bytes") else "",
        "payloads": received,
    }


class Direction:
    def __init__(self, crypt, rekey, after):
        self.crypt, self.rekey, self.after, self.count = crypt, rekey, after, 0

    def run(self, message):
        result = self.crypt(message)
        self.count += 1
        if self.after and self.count % self.after == 0:
            self.rekey()
        return result


def echo(sock, out, into):
    try:
        while True:
            write_framed(sock, out.run(bytes(into.run(read_framed(sock)))))
    except (EOFError, OSError):
        pass
    except Exception as error:
        say("refused", error=f"{type(error).__name__}: {error}")
    finally:
        sock.close()


def dial(settings):
    return shake(socket.create_connection(("127.0.0.1", settings["port"])), settings, True)


def accept(server, settings):
    while True:
        sock, _ = server.accept()
        try:
            say("shaken", **shake(sock, settings, False))
        except Exception as error:
            say("refused", error=f"{type(error).__name__}: {error}")


def listen(settings):
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, args=(server, settings), daemon=True).start()
    return {"port": server.getsockname()[1]}


serve({"dial": dial, "listen": listen})
