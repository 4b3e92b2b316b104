"""Messages in frames over TCP on the loopback, for tests/interop/messages.

    main.py msgpack | cbor | protobuf

The commands are in tests/interop/messages/message-end.ts: it reads each frame as a value of a type, says what it has read,
and sends the value back, written anew.
"""

import datetime
import decimal
import os
import socket
import struct
import sys
import threading
import uuid

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "lines"))
from lines import say, serve  # noqa: E402

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def describe(value):
    """The value in JSON that says of what type it is; tests/interop/messages/described.ts has the forms."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": struct.pack(">d", value).hex()}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, datetime.datetime):
        return {"time": str(round((value - EPOCH) / datetime.timedelta(microseconds=1)) * 1000)}
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    if isinstance(value, dict):
        return {"map": [[describe(key), describe(item)] for key, item in value.items()]}
    return f"a {type(value).__name__}"


def made(description):
    """The value that is described."""
    if description is None or isinstance(description, (bool, str)):
        return description
    if isinstance(description, list):
        return [made(item) for item in description]
    [(form, content)] = description.items()
    return {
        "int": lambda: int(content),
        "float": lambda: struct.unpack(">d", bytes.fromhex(content))[0],
        "bytes": lambda: bytes.fromhex(content),
        "time": lambda: EPOCH + datetime.timedelta(microseconds=int(content) // 1000),
        "map": lambda: {made(key): made(item) for key, item in content},
        "python": lambda: SPECIAL[content],
    }[form]()


# Values that Python programs have, and that stand for nothing in JavaScript.
SPECIAL = {
    "date": datetime.date(2026, 1, 2),
    "uuid": uuid.UUID(int=1),
    "set": {1, 2},
    "decimal": decimal.Decimal("1.5"),
    "2^64": 2**64,
}


class Prefixed:
    """A length of four bytes, big endian."""

    @staticmethod
    def frame(payload):
        return struct.pack(">I", len(payload)) + payload

    @staticmethod
    def next(stream):
        head = stream.read(4)
        if len(head) < 4:
            return None
        return stream.read(struct.unpack(">I", head)[0])


class MessagePack(Prefixed):
    def read(self, kind, frame):
        import msgpack

        return msgpack.unpackb(frame, timestamp=3, strict_map_key=False)

    def write(self, kind, value):
        import msgpack

        return msgpack.packb(value, datetime=True)

    def make(self, kind, description):
        return made(description)

    describe = staticmethod(describe)


class Cbor(Prefixed):
    def read(self, kind, frame):
        import cbor2

        return cbor2.loads(frame)

    def write(self, kind, value):
        import cbor2

        return cbor2.dumps(value, datetime_as_timestamp=kind == "timestamps")

    def make(self, kind, description):
        return made(description)

    describe = staticmethod(describe)


class Protobuf:
    """A varint in front of each message, as the library reads and writes it."""

    def __init__(self):
        from google.protobuf import struct_pb2, timestamp_pb2, type_pb2, wrappers_pb2

        self.modules = [struct_pb2, timestamp_pb2, type_pb2, wrappers_pb2]

    def new(self, kind):
        for module in self.modules:
            if hasattr(module, kind):
                return getattr(module, kind)()
        raise ValueError(f"there is no type {kind}")

    def read(self, kind, frame):
        import io

        from google.protobuf import proto

        return proto.parse_length_prefixed(type(self.new(kind)), io.BytesIO(frame))

    def write(self, kind, value):
        import io

        from google.protobuf import proto

        out = io.BytesIO()
        proto.serialize_length_prefixed(value, out)
        return out.getvalue()

    def make(self, kind, description):
        from google.protobuf import json_format

        message = self.new(kind)
        if isinstance(description, dict) and set(description) == {"hex"}:
            message.ParseFromString(bytes.fromhex(description["hex"]))
            return message
        return json_format.ParseDict(description, message)

    @staticmethod
    def describe(message):
        from google.protobuf import json_format

        return json_format.MessageToDict(message)

    @staticmethod
    def frame(payload):
        return payload

    @staticmethod
    def next(stream):
        head, size, shift = b"", 0, 0
        while True:
            byte = stream.read(1)
            if not byte:
                return None
            head += byte
            size |= (byte[0] & 0x7F) << shift
            shift += 7
            if byte[0] < 0x80:
                return head + stream.read(size)


class End:
    def __init__(self, form):
        self.form = form
        self.connection = None

    def serve(self, connection, kind):
        self.connection = connection
        say("connected")
        stream = connection.makefile("rb")
        while (frame := self.form.next(stream)) is not None:
            try:
                value = self.form.read(kind, frame)
            except Exception as error:
                say("refused", error=f"{type(error).__name__}: {error}")
                continue
            say("value", value=self.form.describe(value))
            try:
                self.send(kind, value)
            except Exception as error:
                say("unsendable", error=f"{type(error).__name__}: {error}")

    def send(self, kind, value):
        self.connection.sendall(self.form.frame(self.form.write(kind, value)))

    def listen(self, arguments):
        server = socket.create_server(("127.0.0.1", 0))

        def accept():
            while True:
                connection, _ = server.accept()
                threading.Thread(target=self.serve, args=(connection, arguments["as"]), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return {"port": server.getsockname()[1]}

    def dial(self, arguments):
        connection = socket.create_connection(("127.0.0.1", arguments["port"]))
        threading.Thread(target=self.serve, args=(connection, arguments["as"]), daemon=True).start()

    def send_all(self, arguments):
        for description in arguments["values"]:
            self.send(arguments["as"], self.form.make(arguments["as"], description))


end = End({"msgpack": MessagePack, "cbor": Cbor, "protobuf": Protobuf}[sys.argv[1]]())
serve({"listen": end.listen, "dial": end.dial, "send": end.send_all})
