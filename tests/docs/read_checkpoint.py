#!/usr/bin/python3
"""Prints the arrays of a checkpoint: read_checkpoint.py model.ckpt"""

import sys

import numpy as np

import checkpoint_pb2  # protoc --python_out=. checkpoint.proto

DTYPES = {
    checkpoint_pb2.DTYPE_BOOL: "?",
    checkpoint_pb2.DTYPE_UINT8: "u1",
    checkpoint_pb2.DTYPE_INT32: "<i4",
    checkpoint_pb2.DTYPE_INT64: "<i8",
    checkpoint_pb2.DTYPE_FLOAT16: "<f2",
    checkpoint_pb2.DTYPE_BFLOAT16: "<u2",  # NumPy has none
    checkpoint_pb2.DTYPE_FLOAT32: "<f4",
    checkpoint_pb2.DTYPE_FLOAT64: "<f8",
}


def read_checkpoint(path):
    """The arrays by name, None where an entry has no value; and the metadata."""
    checkpoint = checkpoint_pb2.Checkpoint()
    with open(path, "rb") as file:
        checkpoint.ParseFromString(file.read())

    data = [[] for _ in checkpoint.tensor]
    for chunk in checkpoint.chunk:
        data[chunk.tensor].append(chunk.data)

    arrays = {}
    for tensor, pieces in zip(checkpoint.tensor, data):
        if tensor.dtype == checkpoint_pb2.DTYPE_NO_VALUE:
            arrays[tensor.name] = None
            continue
        array = np.frombuffer(b"".join(pieces), DTYPES[tensor.dtype])
        if tensor.dtype == checkpoint_pb2.DTYPE_BFLOAT16:  # the upper half of a float32
            array = (array.astype("<u4") << 16).view("<f4")
        arrays[tensor.name] = array.reshape(tensor.shape)
    return arrays, dict(checkpoint.header.metadata)


if __name__ == "__main__":
    arrays, metadata = read_checkpoint(sys.argv[1])
    print(metadata)
    for name, array in arrays.items():
        print(name, array)
