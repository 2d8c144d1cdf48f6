#!/usr/bin/python3
"""What the program takes of memory, and its progress bar."""

import json
import os
import pty
import resource
import struct
import subprocess
import sys
import unittest

import numpy as np

sys.path[:0] = ["apps/checkpoint"]  # in the runfiles, where Bazel starts a test

from program_testing import ENVIRONMENT, PROGRAM, ProgramTest, run, write_safetensors  # noqa: E402


class LargeFileTest(ProgramTest):
    MEGABYTES = 16  # of an array

    def zeros(self, name, arrays):
        """A file whose elements are a hole."""
        size = self.MEGABYTES << 20
        header = {
            f"layer{i}": {"dtype": "F32", "shape": [size // 4], "data_offsets": [i * size, (i + 1) * size]}
            for i in range(arrays)
        }
        text = json.dumps(header).encode()
        with open(self.path(name), "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            file.truncate(8 + len(text) + arrays * size)
        return self.path(name)

    def peak(self, *arguments, code=0):
        """The most memory that the program ever has, in MB."""
        process = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL if code else None, env=ENVIRONMENT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, code, arguments)
        return usage.ru_maxrss / 1024

    def test_memory_goes_by_one_array(self):
        small, large = self.zeros("small.safetensors", 1), self.zeros("large.safetensors", 8)
        for command in [
            lambda path: ["inspect", path],
            lambda path: ["verify", path],
            lambda path: ["diff", path, path],
            lambda path: ["convert", path, path + ".ckpt"],
            lambda path: ["inspect", path + ".ckpt"],
            lambda path: ["verify", path + ".ckpt"],
            lambda path: ["extract", path + ".ckpt", "layer0", path + ".npy"],
            lambda path: ["convert", path + ".ckpt", path + ".2.safetensors"],
        ]:
            more = self.peak(*command(large)) - self.peak(*command(small))
            self.assertLess(more, self.MEGABYTES, command(large))

    def on_terminal(self, *arguments):
        """What the program writes to a terminal that is its standard error."""
        terminal, program_side = pty.openpty()
        self.assertEqual(run(*arguments, stderr=program_side)[0], 0, arguments)
        os.close(program_side)
        shown = b""
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            shown += part
        os.close(terminal)
        return shown.decode()

    def test_a_bar_on_a_terminal_and_nowhere_else(self):
        path, checkpoint = self.zeros("zeros.safetensors", 8), self.path("zeros.ckpt")
        self.assertEqual(run("convert", path, checkpoint)[0], 0)
        other = self.path("other.ckpt")
        for what, name, arguments in [
            ("verifying", "zeros.safetensors", ["verify", path]),
            ("verifying", "zeros.ckpt", ["verify", checkpoint]),
            ("reading", "zeros.ckpt", ["inspect", checkpoint]),
            ("comparing", "zeros.safetensors", ["diff", path, checkpoint]),
            ("writing", "other.ckpt", ["convert", path, other]),
            ("writing", "other.safetensors", ["convert", checkpoint, self.path("other.safetensors")]),
            ("writing", "other.ckpt", ["extract", path, "layer0", other]),
        ]:
            self.assertEqual(run(*arguments)[2], "", arguments)
            shown = self.on_terminal(*arguments)
            self.assertTrue(shown.startswith(f"\r{what} {name} ["), shown)
            self.assertTrue(shown.endswith(" \r"), shown)  # wiped at the end
        self.assertEqual(self.on_terminal("inspect", "--nostatistics", path), "")

    def test_looks_for_similar_names_in_little_memory(self):
        names = {
            f"{i}" + "x" * 900000 + ".a" * 31: {"dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]} for i in range(10)
        }
        text = json.dumps(names).encode()
        with open(self.path("long.safetensors"), "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + bytes(10))
        arguments = ["extract", self.path("long.safetensors"), "y", self.path("y.ckpt")]
        self.assertEqual(run(*arguments)[0], 2)
        self.assertLess(self.peak(*arguments, code=2), 300)

    def run_within(self, megabytes, *arguments):
        """Runs it where the system gives no more address space."""
        limit = (megabytes << 20, megabytes << 20)
        return run(*arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit))

    def test_an_array_that_memory_does_not_suffice_for(self):
        with open(PROGRAM, "rb") as program:
            if b"__asan_init" in program.read():
                self.skipTest("AddressSanitizer needs more address space than the limits")
        path = self.path("wide.safetensors")
        write_safetensors(path, {"wide": ("BF16", (2**25,), bytes(2**26)), "small": np.array([7], "u1")})
        code, out, err = self.run_within(64, "inspect", path)
        self.assertEqual((code, err), (2, path + ": entry 'wide': no memory for the 67108864 bytes of shape (33554432,)\n"))
        self.assertIn("wide   bfloat16  (33554432,)  67,108,864 B  not read\n", out)
        self.assertIn("small  uint8     (1,)                  1 B  min 7, max 7, mean 7\n", out)
        # There it can be read, and not become float32.
        self.assertEqual(self.run_within(128, "verify", path)[0], 0)
        code, out, err = self.run_within(128, "extract", path, "wide", self.path("wide.npy"))
        self.assertEqual((code, out), (2, ""))
        self.assertEqual(
            err,
            f"{path}: entry 'wide': [to] expected 134217728 bytes of memory for shape (33554432,) of float32, got none "
            "from the system\n",
        )
        self.assertFalse(os.path.exists(self.path("wide.npy")))


if __name__ == "__main__":
    unittest.main()
