# SPDX-License-Identifier: BSD-2-Clause
"""WebSocket frames and the handshake, by hand: for what a library would not send or would hide."""

import base64
import hashlib
import os
import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def accept(key):
    """RFC 6455 section 4.2.2."""
    return base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()


def handshake(target="/ws", host="localhost", key="dGhlIHNhbXBsZSBub25jZQ==", fields=()):
    """The bytes of a client's opening handshake."""
    lines = ["GET %s HTTP/1.1" % target, "Host: " + host, "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Key: " + key, "Sec-WebSocket-Version: 13"]
    return "\r\n".join(lines + ["%s: %s" % pair for pair in fields]).encode() + b"\r\n\r\n"


def switching(request, fields=()):
    """The bytes of a server's answer to a handshake."""
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Accept: " + accept(request.get("sec-websocket-key", ""))]
    return "\r\n".join(lines + ["%s: %s" % pair for pair in fields]).encode() + b"\r\n\r\n"


def frame(data, opcode=TEXT, final=True, mask=True):
    """One frame; clients mask."""
    first = bytes([(0x80 if final else 0) | opcode])
    size = len(data)
    flag = 0x80 if mask else 0
    if size < 126:
        length = bytes([flag | size])
    elif size < 65536:
        length = bytes([flag | 126]) + struct.pack(">H", size)
    else:
        length = bytes([flag | 127]) + struct.pack(">Q", size)
    if not mask:
        return first + length + data
    key = os.urandom(4)
    return first + length + key + bytes(byte ^ key[i & 3] for i, byte in enumerate(data))


def take_frame(data):
    """(opcode, payload, final, bytes taken) or None while incomplete."""
    if len(data) < 2:
        return None
    opcode, final, size, offset = data[0] & 15, bool(data[0] & 0x80), data[1] & 0x7f, 2
    if size == 126:
        if len(data) < 4:
            return None
        size, offset = struct.unpack(">H", data[2:4])[0], 4
    elif size == 127:
        if len(data) < 10:
            return None
        size, offset = struct.unpack(">Q", data[2:10])[0], 10
    key = None
    if data[1] & 0x80:
        key, offset = data[offset:offset + 4], offset + 4
    if len(data) < offset + size:
        return None
    payload = data[offset:offset + size]
    if key:
        payload = bytes(byte ^ key[i & 3] for i, byte in enumerate(payload))
    return opcode, payload, final, offset + size
