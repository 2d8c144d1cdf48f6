#!/usr/bin/env python3
"""Writes golden.safetensors with nothing but Python's own json and struct.

    make_safetensors.py golden.safetensors
"""

import json
import struct
import sys

METADATA = {"epoch": "3", "format": "größer\n"}
# Name, dtype, shape, elements.
TENSORS = [
    ("weight", "F32", [2, 3], struct.pack("<6f", 0.5, -1.5, 2, 3.25, float("-inf"), 65504)),
    ("step", "I64", [], struct.pack("<q", 1234567890123)),
    ("mask", "BOOL", [3], bytes([1, 0, 1])),
    ("nothing", "F64", [0, 4], b""),
    ("half", "F16", [2], struct.pack("<2e", 1, -2)),
    ("brain", "BF16", [2], struct.pack("<2H", 0x3F80, 0x4049)),  # 1, 3.140625
    ('a "quoted\\name"/\t\x01', "U8", [4], bytes([0, 1, 128, 255])),
    ("labels", "I32", [2, 1, 2], struct.pack("<4i", 1, -1, 2**31 - 1, -(2**31))),
    ("double", "F64", [1], struct.pack("<d", -0.1)),
]
SIZES = {"BOOL": 1, "U8": 1, "F16": 2, "BF16": 2, "I32": 4, "F32": 4, "I64": 8, "F64": 8}


def main():
    data = b""
    offsets = {}
    for name, dtype, _, elements in sorted(TENSORS, key=lambda tensor: -SIZES[tensor[1]]):
        offsets[name] = [len(data), len(data) + len(elements)]
        data += elements
    header = {"__metadata__": METADATA}
    for name, dtype, shape, _ in TENSORS:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets[name]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(sys.argv[1], "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


if __name__ == "__main__":
    main()
