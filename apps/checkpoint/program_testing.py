"""For tests: runs the program as a user does, on files that Python writes and reads by safetensors' description."""

import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

import numpy as np

PROGRAM = "apps/checkpoint/checkpoint"
CHECKPOINT = "serialization/testdata/version_1.ckpt"  # of make_version_1.py
DTYPES = {"BOOL": "?", "U8": "u1", "I32": "<i4", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8"}
NAMES = {np.dtype(numpy): name for name, numpy in DTYPES.items()}
# Memory that was freed is not kept to see whether it is used.
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1")


def run(*arguments, stderr=subprocess.PIPE, **options):
    done = subprocess.run(
        [PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True, env=ENVIRONMENT, **options
    )
    return done.returncode, done.stdout, done.stderr


def write_safetensors(path, arrays, metadata=None):
    """By the format's description; arrays are NumPy's, or a dtype's name, shape and bytes."""
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, array in arrays.items():
        dtype, shape, content = array if isinstance(array, tuple) else (NAMES[array.dtype], array.shape, array.tobytes())
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def read_safetensors(path):
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        data = content[8 + length + begin : 8 + length + end]
        if entry["dtype"] == "BF16":
            arrays[name] = ("BF16", tuple(entry["shape"]), data)
        else:
            arrays[name] = np.frombuffer(data, DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return arrays, metadata


class ProgramTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=os.environ["TEST_TMPDIR"])
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def checkpoint(self, arrays, name="model.ckpt", metadata=None):
        write_safetensors(self.path("made.safetensors"), arrays, metadata)
        self.assertEqual(run("convert", self.path("made.safetensors"), self.path(name))[0], 0)
        return self.path(name)

    def expect_error(self, code, text, *arguments):
        actual, out, err = run(*arguments)
        self.assertEqual((actual, err), (code, text + "\n"))
        self.assertEqual(out, "")
