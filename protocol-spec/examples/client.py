#!/usr/bin/env python3
"""A small Sluice client, written from protocol-spec/README.md alone. Python 3.10, no dependencies.

    client.py send   HOST:PORT APP UID TOKEN TO TEXT...    sends one message, waits until it is stored
    client.py listen HOST:PORT APP UID TOKEN [COUNT]       prints messages as JSON lines, acknowledges each

It keeps no state of its own: `listen` goes on where the server's cursor for this device stands.
"""
import json, os, random, socket, struct, sys, time

CONNECT, PING, ACK, DISCONNECT, SYNC, SEND = 1, 2, 3, 4, 64, 128
CONNACK, PONG, SENDACK, MESSAGE, SYNCACK, NOTIFY = 193, 194, 195, 196, 197, 198
CLOSE, ERROR, RESYNC, GAP = 201, 202, 203, 204
SERVER_BODY_MAX, SEND_ONLY = 1_048_576, 1
NUMBERS = dict(zip((0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3), "fdBHIQbhiq"))
LENGTHS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}


def pack(value):
    if isinstance(value, int):
        return bytes([value]) if value < 0x80 else b"\xcf" + struct.pack(">Q", value)
    if isinstance(value, list):
        return struct.pack(">BH", 0xDC, len(value)) + b"".join(map(pack, value))
    data, tag = (value.encode(), 0xDA) if isinstance(value, str) else (value, 0xC5)
    return struct.pack(">BH", tag, len(data)) + data


def unpack(body, at, depth=0):
    """The value at `at`, and the offset behind it."""
    tag, at = body[at], at + 1
    if tag < 0x80 or tag >= 0xE0:
        return (tag if tag < 0x80 else tag - 256), at
    if tag in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[tag], at
    if tag in NUMBERS:
        form = ">" + NUMBERS[tag]
        return struct.unpack_from(form, body, at)[0], at + struct.calcsize(form)
    if tag >= 0xC0 and tag not in LENGTHS:
        raise ValueError("an extension type")
    width = LENGTHS.get(tag, 0)
    length = int.from_bytes(body[at:at + width], "big") if width else tag & (0x1F if tag >= 0xA0 else 0x0F)
    at += width
    if length > len(body) - at or depth > 8:
        raise ValueError("longer than the body, or too deep")
    if 0xA0 <= tag < 0xC0 or 0xD9 <= tag <= 0xDB:
        return body[at:at + length].decode(), at + length
    if 0xC4 <= tag <= 0xC6:
        return body[at:at + length], at + length
    values = []
    for _ in range(length * (2 if tag < 0x90 or tag >= 0xDE else 1)):
        value, at = unpack(body, at, depth + 1)
        values.append(value)
    return values, at


class Client:
    def __init__(self, address, app, uid, token, device, capabilities=0):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), 10)
        self.buffer, self.request_id, self.syncing, self.heartbeat, self.next_ping = b"", 0, False, 10, float("inf")
        self.write(CONNECT, [1, app, uid, 0, token, device, device + "-1", 0, 0, 0, 0, capabilities, "client.py"])
        _, _, body = self.read()
        self.epoch, self.head, self.seq, self.heartbeat, self.known = body[2], body[3], body[5], body[6] / 1000, set()
        self.next_ping = time.monotonic() + self.heartbeat * random.random()

    def write(self, command, fields):
        wants_reply = command not in (ACK, DISCONNECT)
        self.request_id = self.request_id % 0xFFFFFFFF + wants_reply
        body = pack(fields)
        self.socket.sendall(struct.pack(">II", len(body) << 8 | command, self.request_id * wants_reply) + body)
        return self.request_id

    def read(self):
        """The next frame. Sends PING when it is time to; gives up after 1.5 heartbeats of silence, or at CLOSE."""
        silent_at = time.monotonic() + 1.5 * self.heartbeat
        while len(self.buffer) < 3 or len(self.buffer) < 8 + int.from_bytes(self.buffer[:3], "big"):
            if len(self.buffer) >= 3 and not 1 <= int.from_bytes(self.buffer[:3], "big") <= SERVER_BODY_MAX:
                raise ValueError("malformed frame")
            now = time.monotonic()
            if now >= silent_at:
                raise ConnectionError("the server is silent")
            if now >= self.next_ping:
                self.write(PING, [])
                self.next_ping = now + self.heartbeat * random.uniform(0.8, 1.2)
            self.socket.settimeout(min(silent_at, self.next_ping) - now)
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                continue
            if not data:
                raise ConnectionError("the connection ended")
            self.buffer += data
        length, command = divmod(int.from_bytes(self.buffer[:4], "big"), 256)
        request_id, body = int.from_bytes(self.buffer[4:8], "big"), self.buffer[8:8 + length]
        self.buffer = self.buffer[8 + length:]
        fields, end = unpack(body, 0)
        if end != length or not isinstance(fields, list):
            raise ValueError("malformed body")
        if command == CLOSE:
            raise ConnectionError(f"CLOSE {fields[0]}, retry after {fields[1]} ms: {fields[2]}")
        return command, request_id, fields

    def send(self, to, text):
        message_id, restart = os.urandom(16).hex(), 0
        while True:
            request_id = self.write(SEND, [to, 0, message_id, restart, text.encode()])
            command = answered = body = None
            while answered != request_id:
                command, answered, body = self.read()
            if command == SENDACK:
                return {"messageId": body[0], "clientMsgId": message_id, "dup": body[2]}
            if body[0] >= 100:
                raise ValueError(f"ERROR {body[0]}: {body[2]}")
            time.sleep(body[1] / 1000 + random.random())
            restart = 1

    def sync(self):
        if not self.syncing:
            self.syncing = True
            self.write(SYNC, [self.epoch, self.seq, 50])

    def messages(self):
        """Every message of the timeline, in order. Asking for the next one says that the last one has been taken."""
        if self.head > self.seq:
            self.sync()
        while True:
            command, _, body = self.read()
            if command == MESSAGE and body[0] == self.epoch:
                if body[1] > self.seq + 1:
                    self.sync()
                else:
                    yield from self.take(body)
                    self.write(ACK, [self.epoch, self.seq])
            elif command == SYNCACK:
                for message in body[3]:
                    yield from self.take(message)
                self.syncing = False
                if body[3]:
                    self.sync()
            elif command in (NOTIFY, PONG) and body[0] == self.epoch and body[1] > self.seq:
                self.sync()
            elif command in (GAP, RESYNC):
                self.epoch, self.seq, self.syncing = body[0], body[1] - 1, False
                self.sync()
            elif command == ERROR:
                time.sleep(max(1, body[1] / 1000))
                self.syncing = False
                self.sync()

    def take(self, message):
        if message[1] > self.seq:
            if message[2] not in self.known:
                yield message
            self.known.add(message[2])
            self.seq = message[1]

    def leave(self):
        self.write(DISCONNECT, [1])
        try:
            while True:
                self.read()
        except ConnectionError:
            self.socket.close()


def main(verb, address, app, uid, token, *rest):
    if verb == "send":
        client = Client(address, app, uid, token, "script", SEND_ONLY)
        print(json.dumps(client.send(rest[0], " ".join(rest[1:]))))
    else:
        client, left = Client(address, app, uid, token, "python"), int(rest[0]) if rest else -1
        for message in client.messages():
            print(json.dumps({"seq": message[1], "messageId": message[2], "from": message[5], "to": message[6],
                              "text": message[8].decode(errors="replace")}), flush=True)
            left -= 1
            if left == 0:
                client.write(ACK, [client.epoch, message[1]])
                break
    client.leave()


if __name__ == "__main__":
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError, IndexError, struct.error) as error:
        sys.exit(f"client.py: {error}")
