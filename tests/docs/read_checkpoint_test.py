#!/usr/bin/python3
"""The example of docs/checkpoints.md is read_checkpoint.py, and reads what other programs wrote."""

import json
import math
import os
import struct
import subprocess
import sys
import unittest

sys.path[:0] = ["tests/docs"]  # in the runfiles, where Bazel starts a test

import numpy as np

from read_checkpoint import read_checkpoint

PROGRAM = "apps/checkpoint/checkpoint"
GOLDEN = "serialization/testdata/version_1.ckpt"  # of make_version_1.py, which has these values


class ReadCheckpointTest(unittest.TestCase):
    def test_the_page_has_this_program(self):
        with open("docs/checkpoints.md") as page, open("tests/docs/read_checkpoint.py") as program:
            blocks = page.read().split("```python\n")
            self.assertEqual(len(blocks), 2)
            self.assertEqual(blocks[1].split("```")[0], program.read())

    def test_reads_the_golden_file(self):
        arrays, metadata = read_checkpoint(GOLDEN)
        self.assertEqual(metadata, {"epoch": "3", "note": "größer"})
        wanted = {
            "weight": np.array([[0.5, -1.5, 2], [3.25, -math.inf, 65504]], np.float32),
            "bias": None,
            "step": np.array(1234567890123, np.int64),
            "mask": np.array([True, False, True]),
            "nothing": np.zeros((0, 4)),
            "half": np.array([1, -2], np.float16),
            "brain": np.array([1, 3.140625], np.float32),
            "pixels": np.array([0, 1, 128, 255], np.uint8),
            "labels": np.array([[[1, -1]], [[2**31 - 1, -(2**31)]]], np.int32),
            "double": np.array([-0.1]),
        }
        self.assertEqual(list(arrays), list(wanted))
        for name, array in wanted.items():
            if array is None:
                self.assertIsNone(arrays[name])
                continue
            self.assertEqual((arrays[name].dtype, arrays[name].shape), (array.dtype, array.shape), name)
            np.testing.assert_array_equal(arrays[name], array)

    def test_joins_the_chunks_of_an_array_that_lamina_wrote(self):
        array = np.arange(9_000_000, dtype="<i4").reshape(3000, 3000)  # of 36 MB, where a chunk has 32 MiB
        header = json.dumps({"a": {"dtype": "I32", "shape": [3000, 3000], "data_offsets": [0, array.nbytes]}}).encode()
        folder = os.environ["TEST_TMPDIR"]
        with open(f"{folder}/a.safetensors", "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header + array.tobytes())
        subprocess.run([PROGRAM, "convert", f"{folder}/a.safetensors", f"{folder}/a.ckpt"], check=True)
        arrays, _ = read_checkpoint(f"{folder}/a.ckpt")
        np.testing.assert_array_equal(arrays["a"], array)

    def test_prints_the_arrays(self):
        printed = subprocess.run(
            ["/usr/bin/python3", "tests/docs/read_checkpoint.py", GOLDEN],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
            env=dict(os.environ, PYTHONIOENCODING="utf-8", PYTHONPATH="tests/docs"),
        ).stdout
        self.assertIn("\nhalf [ 1. -2.]\n", printed)


if __name__ == "__main__":
    unittest.main()
