#!/usr/bin/env python3
"""Writes version_1.ckpt as FORMAT.md says, with nothing of Lamina's and nothing of protobuf's.

    make_version_1.py version_1.ckpt
"""

import struct
import sys

NO_VALUE, BOOL, UINT8, INT32, INT64, FLOAT16, BFLOAT16, FLOAT32, FLOAT64 = range(9)

METADATA = {"epoch": "3", "note": "größer"}
# Name, dtype, shape, elements.
TENSORS = [
    ("weight", FLOAT32, [2, 3], struct.pack("<6f", 0.5, -1.5, 2, 3.25, float("-inf"), 65504)),
    ("bias", NO_VALUE, [], b""),
    ("step", INT64, [], struct.pack("<q", 1234567890123)),
    ("mask", BOOL, [3], bytes([1, 0, 1])),
    ("nothing", FLOAT64, [0, 4], b""),
    ("half", FLOAT16, [2], struct.pack("<2e", 1, -2)),
    ("brain", BFLOAT16, [2], struct.pack("<2H", 0x3F80, 0x4049)),  # 1, 3.140625
    ("pixels", UINT8, [4], bytes([0, 1, 128, 255])),
    ("labels", INT32, [2, 1, 2], struct.pack("<4i", 1, -1, 2**31 - 1, -(2**31))),
    ("double", FLOAT64, [1], struct.pack("<d", -0.1)),
]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytearray([value]))


def number(field, value):
    return varint(field << 3) + varint(value)


def length_delimited(field, body):
    return varint(field << 3 | 2) + varint(len(body)) + body


def checked(body):
    return body + varint(2047 << 3 | 5) + struct.pack("<I", crc32c(body))


def tensor_record(name, dtype, shape):
    body = length_delimited(1, name.encode())
    if dtype != NO_VALUE:
        body += number(2, dtype)
    if shape:
        body += length_delimited(3, b"".join(map(varint, shape)))
    return body


def chunk_at(position, tensor, data):
    """The chunk, and how many of its bytes are in front of the data."""
    for padding in range(128):
        head = number(1, tensor)
        if padding:
            head += length_delimited(2, bytes(padding))
        head += varint(3 << 3 | 2) + varint(len(data))
        chunk = length_delimited(3, checked(head + data))
        front = len(chunk) - 6 - len(data)
        if (position + front) % 64 == 0:
            return chunk, front


def main():
    header = length_delimited(1, b"lamina.checkpoint") + number(2, 1) + length_delimited(4, b"lamina")
    for key, value in sorted(METADATA.items()):
        header += length_delimited(5, length_delimited(1, key.encode()) + length_delimited(2, value.encode()))
    out = length_delimited(1, checked(header))
    index = b""
    for i, (name, dtype, shape, data) in enumerate(TENSORS):
        record = tensor_record(name, dtype, shape)
        entry = number(1, len(out)) + length_delimited(2, record)
        out += length_delimited(2, checked(record))
        if data:
            chunk, front = chunk_at(len(out), i, data)
            entry += number(3, len(out) + front)
            out += chunk
        index += length_delimited(1, entry)
    index_offset = len(out)
    out += length_delimited(4, checked(index))
    out += length_delimited(5, checked(b"\x09" + struct.pack("<Q", index_offset)))
    with open(sys.argv[1], "wb") as file:
        file.write(out)


if __name__ == "__main__":
    main()
