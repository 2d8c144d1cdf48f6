#!/usr/bin/env python3
"""Writes seeds/, what the fuzzers begin with beside the golden files: make_seeds.py

One small file for each thing that a format can have, with nothing of Lamina's.
"""

import gzip
import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "../../serialization/testdata"))

from make_version_1 import BOOL, FLOAT32, NO_VALUE, UINT8, checked, chunk_at, length_delimited, number, tensor_record


def checkpoint(tensors, between=b"", metadata=b""):
    """tensors: name, dtype, shape, chunks. `between` is a field of a later version."""
    header = length_delimited(1, b"lamina.checkpoint") + number(2, 1) + length_delimited(4, b"seed") + metadata
    out = length_delimited(1, checked(header))
    index = b""
    for i, (name, dtype, shape, chunks) in enumerate(tensors):
        record = tensor_record(name, dtype, shape)
        out += between
        entry = number(1, len(out)) + length_delimited(2, record)
        out += length_delimited(2, checked(record))
        for position, data in enumerate(chunks):
            chunk, front = chunk_at(len(out), i, data)
            if position == 0:
                entry += number(3, len(out) + front)
            out += chunk
        index += length_delimited(1, entry)
    index_offset = len(out)
    out += length_delimited(4, checked(index))
    return out + length_delimited(5, checked(b"\x09" + struct.pack("<Q", index_offset)))


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def idx(*shape):
    count = 1
    for extent in shape:
        count *= extent
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(i % 251 for i in range(count))


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


SEEDS = {
    "empty.ckpt": checkpoint([]),
    "chunks.ckpt": checkpoint([("layer.0.weight", UINT8, [5], [b"abc", b"d", b"e"])]),
    "later.ckpt": checkpoint(
        [("a", BOOL, [2, 1], [b"\x00\x01"]), ("b", NO_VALUE, [], []), ("", FLOAT32, [1] * 8, [b"\x00\x00\xc0\x7f"])],
        between=length_delimited(9, b"of a later version"),
        metadata=length_delimited(5, length_delimited(1, b"key") + length_delimited(2, b"value")),
    ),
    "empty.safetensors": safetensors({}),
    "spaces.safetensors": safetensors(b'{ "a" : { "dtype":"BOOL", "shape":[ ] , "data_offsets":[0,1] } }   ', b"\x01"),
    "escapes.safetensors": safetensors(
        b'{"__metadata__":{"\\u00e9\\ud83d\\ude00":"\\"\\\\\\/\\b\\f\\n\\r\\t\xc3\xa9"},'
        b'"\\u0061":{"data_offsets":[4,4],"shape":[0,3],"dtype":"F64"},'
        b'"b":{"dtype":"I32","shape":[1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}',
        b"\x01\x02\x03\x04",
    ),
    "dtypes.safetensors": safetensors(
        {
            "f16": entry("F16", [1], 0, 2),
            "bf16": entry("BF16", [1], 2, 4),
            "i64": entry("I64", [2], 8, 24),
            "f32": entry("F32", [], 4, 8),
            "u8": entry("U8", [3], 24, 27),
        },
        bytes(27),
    ),
    "scalar.idx": idx(),
    "images.idx": idx(2, 3, 4),
    "none.idx": idx(0, 28, 28),
    "deep.idx": idx(1, 2, 1, 2, 1, 2, 1, 2),
    "packed.idx.gz": gzip.compress(idx(2, 3), mtime=0),
    # The first byte is csv_fuzzer's, which takes it for the options.
    "quoted.csv": b'\x00x,y,"z, ""q"""\r\n1,a,"2\n3"\r\n,NA,"b"\r\n-1.5e3,a,\r\n',
    "skipped.csv": b"\x0dx;y\n1;2\nwrong\n3;4\n",
    "no_header.csv": b"\x12\xef\xbb\xbf-1,0.30000000000000004\r?,inf\r1e-400,123456789012345678901\r",
}


def main():
    os.makedirs(os.path.join(HERE, "seeds"), exist_ok=True)
    for name, content in SEEDS.items():
        with open(os.path.join(HERE, "seeds", name), "wb") as file:
            file.write(content)


if __name__ == "__main__":
    main()
