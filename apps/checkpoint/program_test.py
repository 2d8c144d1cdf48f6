#!/usr/bin/python3
"""Runs the program as a user does. What is right is said by NumPy, Python's json and arithmetic."""

import json
import math
import os
import struct
import subprocess
import sys
import unittest

import numpy as np

sys.path[:0] = ["apps/checkpoint"]  # in the runfiles, where Bazel starts a test

from program_testing import (  # noqa: E402
    CHECKPOINT, DTYPES, PROGRAM, ProgramTest, read_safetensors, run, write_safetensors
)


class InspectTest(ProgramTest):
    def test_shows_the_tree_of_names(self):
        path = self.checkpoint(
            {
                "encoder.0.weight": np.array([[1, 2], [3, 6]], "<f4"),
                "scale": np.array(7, "<i8"),
                "encoder.0.bias": np.array([math.nan, math.inf], "<f8"),
                "encoder": np.array([True, False]),
            },
            metadata={"note": "line 1\nline 2"},
        )
        code, out, err = run("inspect", path)
        self.assertEqual((code, err), (0, ""))
        # Of 1, 2, 3, 6: the mean is 12 / 4, the standard deviation sqrt((4 + 1 + 0 + 9) / 3); of 1, 0 it is sqrt(1 / 2).
        self.assertEqual(
            out,
            f"""{path}: checkpoint, 4 entries, 42 B
metadata note: line 1\\nline 2
encoder     bool       (2,)     2 B  min 0, max 1, mean 0.5, std 0.707107
encoder     3 entries          34 B
  0         2 entries          32 B
    weight  float32    (2, 2)  16 B  min 1, max 6, mean 3, std 2.16025
    bias    float64    (2,)    16 B  1 nan, 1 inf
scale       int64      ()       8 B  min 7, max 7, mean 7
""",
        )
        code, out, err = run("inspect", "--nostatistics", path)
        self.assertIn("    weight  float32    (2, 2)  16 B\n", out)

    def test_statistics_are_numpys(self):
        random = np.random.default_rng(1)
        arrays = {}
        for dtype in DTYPES.values():
            for shape in [(), (0,), (1,), (7, 5), (3, 1, 2), (1000,)]:
                array = (random.standard_normal(shape) * 50).astype(dtype)
                if array.dtype.kind == "f" and array.size > 4:
                    array.flat[0], array.flat[3], array.flat[4] = math.nan, -math.inf, math.inf
                arrays[f"{array.dtype}{shape}"] = array
        arrays["wide"] = np.array([-(2**63), 2**63 - 1], "<i8")  # no double holds the second
        arrays["huge"] = np.array([1.2e308, 1.2e308, -1.2e308], "<f8")  # whose sum overflows
        path = self.checkpoint(arrays)
        code, out, err = run("inspect", "--json", path)
        self.assertEqual((code, err), (0, ""))
        entries = {entry["name"]: entry for entry in json.loads(out)["entries"]}
        self.assertEqual(list(entries), list(arrays))
        for name, array in arrays.items():
            entry = entries[name]
            self.assertEqual((entry["dtype"], entry["shape"]), (str(array.dtype), list(array.shape)))
            self.assertEqual((entry["elements"], entry["bytes"]), (array.size, array.nbytes))
            found = entry["statistics"]
            finite = array[np.isfinite(array)].ravel()
            self.assertEqual(found["finite"], finite.size, name)
            self.assertEqual(found["nan"], int(np.isnan(array).sum()), name)
            self.assertEqual(found["inf"], int(np.isinf(array).sum()), name)
            self.assertEqual("min" in found, finite.size > 0)
            if finite.size:
                self.assertEqual((found["min"], found["max"]), (finite.min().item(), finite.max().item()), name)
                wide = finite.astype(np.longdouble)
                self.assertTrue(math.isclose(found["mean"], wide.mean(), rel_tol=1e-12, abs_tol=1e-12), name)
            self.assertEqual("std" in found, finite.size > 1)
            if finite.size > 1:
                self.assertTrue(math.isclose(found["std"], wide.std(ddof=1), rel_tol=1e-12), name)

    def test_json_has_all_of_the_golden_file(self):
        code, out, err = run("inspect", "--json", CHECKPOINT)
        self.assertEqual((code, err), (0, ""))
        found = json.loads(out)
        self.assertEqual(found["format"], "checkpoint")
        self.assertEqual(found["metadata"], {"epoch": "3", "note": "größer"})
        entries = {entry.pop("name"): entry for entry in found["entries"]}
        self.assertEqual(entries["bias"], {"dtype": None})
        self.assertEqual(entries["brain"]["statistics"]["max"], 3.140625)
        self.assertEqual(entries["weight"]["statistics"]["inf"], 1)

    def test_goes_on_after_a_damaged_array(self):
        path = self.checkpoint({"a": np.arange(64, dtype="<i4"), "b": np.arange(3, dtype="<i4")})
        with open(path, "r+b") as file:
            content = file.read()
            file.seek(content.index(struct.pack("<3i", 30, 31, 32)))
            file.write(b"x")
        code, out, err = run("inspect", path)
        self.assertEqual(code, 1)
        self.assertTrue(err.startswith(path + ": entry 'a': offset "), err)
        self.assertEqual(err.count("\n"), 1)
        self.assertIn("a  int32  (64,)  256 B  damaged\n", out)
        self.assertIn("b  int32  (3,)    12 B  min 0, max 2, mean 1, std 1\n", out)
        code, out, err = run("inspect", "--json", path)
        self.assertEqual(code, 1)
        entries = json.loads(out)["entries"]
        self.assertEqual(entries[0]["error"] + "\n", err)
        self.assertEqual(entries[1]["statistics"]["mean"], 1)

    def test_a_name_of_many_dots_and_names_that_do_not_print(self):
        names = [".".join("a" * 200_000), "...", "", "a\x1b[31m\n", 'quote " and \\']
        write_safetensors(self.path("x.safetensors"), {name: np.zeros(1, "u1") for name in names})
        code, out, err = run("inspect", self.path("x.safetensors"))
        self.assertEqual((code, err), (0, ""))
        self.assertNotIn("\x1b", out)
        self.assertLess(len(out), 500_000)
        code, out, err = run("inspect", self.path("x.safetensors"), "--json")
        self.assertEqual([entry["name"] for entry in json.loads(out)["entries"]], names)


class VerifyTest(ProgramTest):
    def test_accepts_whole_files(self):
        path = self.checkpoint({"a": np.zeros(3, "<f4")})
        code, out, err = run("verify", path, self.path("made.safetensors"), CHECKPOINT)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(
            out.splitlines(),
            [
                f"{path}: verified, checkpoint, 1 entry, 12 B",
                f"{self.path('made.safetensors')}: verified, safetensors, 1 entry, 12 B",
                f"{CHECKPOINT}: verified, checkpoint, 10 entries, 71 B",
            ],
        )

    def test_exits_with_1_for_any_byte_that_changed_and_any_cut(self):
        with open(CHECKPOINT, "rb") as file:
            good = file.read()
        path = self.path("damaged.ckpt")
        for at in range(0, len(good), 9):
            for bad in [good[:at] + bytes([good[at] ^ 16]) + good[at + 1 :], good[:at]]:
                with open(path, "wb") as file:
                    file.write(bad)
                code, out, err = run("verify", path)
                self.assertEqual((code, out), (1, ""), at)
                self.assertTrue(err.startswith(path + ": ") and err.count("\n") == 1, err)

    def test_goes_on_after_a_file_that_is_not_there(self):
        code, out, err = run("verify", self.path("none"), CHECKPOINT)
        self.assertEqual(code, 2)
        self.assertEqual(err, self.path("none") + ": cannot open: No such file or directory\n")
        self.assertTrue(out.startswith(CHECKPOINT + ": verified"))


class DiffTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.first = {
            "same": np.array([1, math.nan, math.inf, -0.0]),
            "moved": np.array([[1, 2], [3, 4]], "<f4"),
            "kind": np.zeros(2, "<f4"),
            "shape": np.zeros(2, "<f4"),
            "broken": np.array([1, 2, 5.5]),
            "wide": np.array([-(2**63)], "<i8"),
            "gone": np.zeros(1, "u1"),
        }
        self.second = dict(
            self.first,
            same=np.array([1, math.nan, math.inf, 0.0]),
            moved=np.array([[1, 2.5], [3, -4]], "<f4"),
            kind=np.zeros(2, "<f8"),
            shape=np.zeros((2, 1), "<f4"),
            broken=np.array([1, math.nan, 5.5]),
            wide=np.array([2**63 - 1], "<i8"),
        )
        del self.second["gone"]
        self.second["new"] = np.zeros(1, "u1")
        self.a = self.checkpoint(self.first, "a.ckpt", {"epoch": "1", "old": "x"})
        self.b = self.checkpoint(self.second, "b.ckpt", {"epoch": "2"})

    def test_files_of_the_same_content_in_different_formats(self):
        self.checkpoint(self.first, "c.ckpt", {"epoch": "1", "old": "x"})  # leaves made.safetensors
        self.assertEqual(run("diff", self.a, self.path("made.safetensors")), (0, "the same: 7 entries\n", ""))
        code, out, err = run("diff", "--json", self.a, self.path("made.safetensors"))
        self.assertEqual((code, err), (0, ""))
        self.assertTrue(json.loads(out)["same"])
        write_safetensors(self.path("turned.safetensors"), dict(reversed(self.first.items())), {"epoch": "1", "old": "x"})
        self.assertEqual(run("diff", self.a, self.path("turned.safetensors"))[0], 0)

    def test_says_what_differs(self):
        code, out, err = run("diff", self.a, self.b)
        self.assertEqual((code, err), (1, ""))
        self.assertEqual(
            out,
            f"""metadata epoch: 1 -> 2
metadata old: only in {self.a}
gone: only in {self.a}
new: only in {self.b}
moved: 2 of 4 elements differ, by at most 8, relative 2
kind: float32 (2,) -> float64 (2,)
shape: float32 (2,) -> float32 (2, 1)
broken: 1 of 3 elements differ, by at most inf, relative inf
wide: 1 of 1 elements differ, by at most 1.84467e+19, relative 2
""",
        )

    def test_says_so_in_json(self):
        code, out, err = run("diff", "--json", self.a, self.b)
        self.assertEqual((code, err), (1, ""))
        found = json.loads(out)
        self.assertEqual(found["files"], [self.a, self.b])
        self.assertFalse(found["same"])
        self.assertEqual(found["metadata"], {"epoch": ["1", "2"], "old": ["x", None]})
        self.assertEqual((found["only_in_first"], found["only_in_second"]), (["gone"], ["new"]))
        changed = {change.pop("name"): change for change in found["changed"]}
        self.assertEqual(list(changed), ["moved", "kind", "shape", "broken", "wide"])
        self.assertEqual(
            changed["moved"], {"elements": 4, "different": 2, "largest_absolute": 8, "largest_relative": 2}
        )
        self.assertEqual(
            changed["kind"], {"from": {"dtype": "float32", "shape": [2]}, "to": {"dtype": "float64", "shape": [2]}}
        )
        self.assertEqual(changed["shape"]["to"]["shape"], [2, 1])
        self.assertEqual(changed["broken"]["largest_absolute"], "inf")
        self.assertEqual(changed["wide"]["largest_absolute"], 2.0**64)  # 2^64 - 1, as a double

    def test_an_entry_that_lost_its_value(self):
        run("convert", "--drop_no_value", CHECKPOINT, self.path("x.safetensors"))
        arrays, metadata = read_safetensors(self.path("x.safetensors"))
        arrays["bias"] = np.zeros(3, "<f4")
        write_safetensors(self.path("x.safetensors"), arrays, metadata)
        code, out, err = run("diff", CHECKPOINT, self.path("x.safetensors"))
        self.assertEqual((code, out, err), (1, "bias: no value -> float32 (3,)\n", ""))
        code, out, err = run("diff", "--json", self.path("x.safetensors"), CHECKPOINT)
        self.assertEqual(
            json.loads(out)["changed"], [{"name": "bias", "from": {"dtype": "float32", "shape": [3]}, "to": None}]
        )


class ConvertTest(ProgramTest):
    ARRAYS = {
        **{dtype: np.arange(6).reshape(2, 3).astype(numpy) for dtype, numpy in DTYPES.items()},
        "empty": np.zeros((0, 3), "<f8"),
        "scalar": np.array(2.5, "<f4"),
        "brain": ("BF16", (2,), b"\x80\x3f\x49\x40"),
        "größer.\t": np.zeros(1, "u1"),
    }

    def test_there_and_back_is_the_same(self):
        metadata = {"format": "pt", "note": "größer\n"}
        path = self.checkpoint(self.ARRAYS, metadata=metadata)
        code, out, err = run("convert", path, self.path("back.safetensors"))
        self.assertEqual((code, err), (0, ""))
        arrays, found = read_safetensors(self.path("back.safetensors"))
        self.assertEqual(found, metadata)
        self.assertEqual(list(arrays), list(self.ARRAYS))
        for name, wanted in self.ARRAYS.items():
            if isinstance(wanted, tuple):
                self.assertEqual(arrays[name], wanted)
                continue
            self.assertEqual((arrays[name].dtype, arrays[name].shape), (wanted.dtype, wanted.shape))
            np.testing.assert_array_equal(arrays[name], wanted)

    def test_the_flag_decides_before_the_name(self):
        path = self.checkpoint({"a": np.ones(2, "<f4")})
        self.assertEqual(run("convert", "--to=safetensors", path, self.path("out.bin"))[0], 0)
        np.testing.assert_array_equal(read_safetensors(self.path("out.bin"))[0]["a"], [1, 1])
        # What it is, is seen by its bytes.
        self.assertEqual(run("convert", self.path("out.bin"), self.path("b"), "--to", "checkpoint")[0], 0)
        self.assertEqual(run("diff", path, self.path("b")), (0, "the same: 1 entry\n", ""))
        self.expect_error(
            2, f"{self.path('c')}: expected a name that ends in .ckpt or .safetensors, or --to",
            "convert", path, self.path("c"),
        )
        self.expect_error(
            2, "expected --to=checkpoint or --to=safetensors, got 'safetensor'; did you mean 'safetensors'?",
            "convert", path, self.path("c"), "--to=safetensor",
        )
        self.assertFalse(os.path.exists(self.path("c")))

    def test_what_safetensors_cannot_hold_is_named(self):
        out = self.path("out.safetensors")
        self.expect_error(
            2,
            f"{CHECKPOINT}: entry 'bias': expected a value, which every entry of safetensors has, got none; "
            "--drop_no_value leaves such entries out",
            "convert", CHECKPOINT, out,
        )
        self.assertEqual(os.listdir(self.folder), [])
        self.assertEqual(run("convert", CHECKPOINT, out, "--drop-no-value")[0], 0)
        arrays, metadata = read_safetensors(out)
        self.assertEqual(
            list(arrays), ["weight", "step", "mask", "nothing", "half", "brain", "pixels", "labels", "double"]
        )
        np.testing.assert_array_equal(arrays["weight"], [[0.5, -1.5, 2], [3.25, -math.inf, 65504]])
        self.assertEqual(arrays["step"], 1234567890123)
        self.assertEqual(metadata, {"epoch": "3", "note": "größer"})

    def test_a_damaged_source_leaves_the_old_file(self):
        path = self.checkpoint({"a": np.arange(100, dtype="<i4")})
        with open(path, "r+b") as file:
            file.seek(300)
            file.write(b"\xff")
        with open(self.path("out.safetensors"), "w") as file:
            file.write("old")
        before = sorted(os.listdir(self.folder))
        self.assertEqual(run("convert", path, self.path("out.safetensors"))[0], 1)
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        with open(self.path("out.safetensors")) as file:
            self.assertEqual(file.read(), "old")


class ExtractTest(ProgramTest):
    def test_one_array_for_numpy(self):
        arrays = {name: array for name, array in ConvertTest.ARRAYS.items() if not isinstance(array, tuple)}
        arrays["deep"] = np.arange(8, dtype="<i8").reshape(1, 2, 1, 2, 1, 2, 1, 1)
        arrays["row"] = np.arange(3, dtype="<f8")
        path = self.checkpoint(dict(arrays, brain=("BF16", (2,), b"\x80\x3f\x49\x40")))
        for name, wanted in arrays.items():
            code, out, err = run("extract", path, name, self.path("x.npy"))
            self.assertEqual((code, err), (0, ""))
            found = np.load(self.path("x.npy"))
            self.assertEqual((found.dtype, found.shape), (wanted.dtype, wanted.shape), name)
            np.testing.assert_array_equal(found, wanted)
        self.assertEqual(run("extract", path, "brain", self.path("x.npy"))[0], 0)
        found = np.load(self.path("x.npy"))
        self.assertEqual(found.dtype, np.float32)
        np.testing.assert_array_equal(found, [1, 3.140625])

    def test_one_array_takes_no_flags_of_checkpoints(self):
        path = self.path("x.npy")
        for given, flag in [("--to=safetensors", "--to"), ("--drop-no-value", "--drop_no_value")]:
            self.expect_error(
                2, f"{path}: expected no {flag}, which is not for one array as .npy",
                "extract", CHECKPOINT, "weight", path, given,
            )
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_prefix_to_a_new_file(self):
        one = np.ones(1, "<f4")
        names = ["layer1.weight", "layer10.weight", "layer1.norm.bias", "layer1", "layer"]
        path = self.checkpoint({name: one for name in names}, metadata={"epoch": "3"})
        code, out, err = run("extract", path, "layer1", self.path("part.ckpt"))
        self.assertEqual((code, err), (0, ""))
        code, out, err = run("inspect", "--json", self.path("part.ckpt"))
        found = json.loads(out)
        self.assertEqual([e["name"] for e in found["entries"]], ["layer1.weight", "layer1.norm.bias", "layer1"])
        self.assertEqual(found["metadata"], {"epoch": "3"})
        self.assertEqual(run("extract", path, "layer1.norm", self.path("part.safetensors"))[0], 0)
        self.assertEqual(list(read_safetensors(self.path("part.safetensors"))[0]), ["layer1.norm.bias"])

    def test_an_entry_that_is_not_there(self):
        path = self.checkpoint({"layer1.weight": np.ones(1), "layer1.bias": np.ones(1)})
        self.expect_error(
            2, f"{path}: expected one of its 2 entries, got 'layer1.wieght'; did you mean 'layer1.weight'?",
            "extract", path, "layer1.wieght", self.path("x.npy"),
        )
        self.expect_error(
            2, f"{path}: expected one of its 2 entries or a prefix of some, got 'layr1'; did you mean 'layer1'?",
            "extract", path, "layr1", self.path("x.ckpt"),
        )
        self.expect_error(  # a prefix is nothing for .npy
            2, f"{path}: expected one of its 2 entries, got 'layer1'; did you mean 'layer1.bias'?",
            "extract", path, "layer1", self.path("x.npy"),
        )
        self.expect_error(
            2, f"{CHECKPOINT}: entry 'bias': expected a value to write, got none",
            "extract", CHECKPOINT, "bias", self.path("x.npy"),
        )
        self.assertEqual(sorted(os.listdir(self.folder)), ["made.safetensors", "model.ckpt"])


class SameFileTest(ProgramTest):
    def test_an_output_that_is_the_input_is_refused_by_whatever_name(self):
        path = self.checkpoint({"a": np.arange(100, dtype="<i4")})
        with open(path, "rb") as file:
            before = file.read()
        os.link(path, self.path("hard.ckpt"))
        os.symlink("model.ckpt", self.path("soft.safetensors"))
        os.symlink("model.ckpt", self.path("a.npy"))
        os.mkdir(self.path("folder"))
        for command in [
            ["convert", path, path],
            ["convert", path, self.path("folder/../model.ckpt")],
            ["convert", path, self.path("hard.ckpt")],
            ["convert", path, self.path("soft.safetensors")],
            ["convert", self.path("hard.ckpt"), path],
            ["extract", path, "a", self.path("hard.ckpt")],
            ["extract", path, "a", self.path("a.npy")],
        ]:
            self.expect_error(
                2, f"{command[-1]}: expected an output that is another file than {command[1]}, got the same", *command
            )
        # What a save that was killed has left, say, which the next save to "model" begins by emptying.
        os.link(path, self.path("model.saving"))
        self.expect_error(
            2,
            f"{self.path('model')}: expected an output that is another file than {self.path('model.saving')}, "
            "got one that is first written there",
            "convert", "--to=checkpoint", self.path("model.saving"), self.path("model"),
        )
        with open(path, "rb") as file:
            self.assertEqual(file.read(), before)
        self.assertTrue(os.path.islink(self.path("soft.safetensors")))


class BadInputTest(ProgramTest):
    def test_every_command_exits_with_1_for_a_file_that_is_damaged(self):
        with open(CHECKPOINT, "rb") as file:
            good = file.read()
        for bad in [b"", b"text\n", b"x" + good[1:], good[:100], good[:-1]]:
            path = self.path("bad.ckpt")
            with open(path, "wb") as file:
                file.write(bad)
            for command in [
                ["inspect", path],
                ["inspect", "--nostatistics", path],
                ["verify", path],
                ["diff", path, CHECKPOINT],
                ["diff", CHECKPOINT, path],
                ["convert", path, self.path("out.safetensors")],
                ["extract", path, "weight", self.path("out.npy")],
            ]:
                code, out, err = run(*command)
                self.assertEqual((code, out), (1, ""), (command, bad[:8]))
                self.assertTrue(err.startswith(path + ": "), err)
        self.assertEqual(run("verify", self.folder)[0], 2)  # no file at all
        self.assertEqual(os.listdir(self.folder), ["bad.ckpt"])

    def test_commands_and_flags(self):
        self.expect_error(2, "expected a command, got none; see --help")
        self.expect_error(2, "expected a command, got 'inspekt'; did you mean 'inspect'?", "inspekt")
        self.expect_error(
            2, "inspect: unknown flag '--jason'; did you mean '--json'?; see `inspect --help`",
            "inspect", "x", "--jason",
        )
        self.expect_error(2, "diff: expected FILE FILE, got 1 argument; see `diff --help`", "diff", "x")

    def test_help_of_each_command(self):
        code, out, err = run("--help")
        self.assertEqual((code, err), (0, ""))
        for command in ["inspect", "verify", "diff", "convert", "extract"]:
            self.assertIn(f"  checkpoint {command}", out)
            code, text, err = run(command, "--help")
            self.assertEqual((code, err), (0, ""))
            self.assertTrue(text.startswith(f"checkpoint {command} "))

    def test_paths(self):
        os.mkfifo(self.path("pipe"))
        for path, what in [
            (self.path("none.ckpt"), "cannot open: No such file or directory"),
            (self.path("none.safetensors"), "cannot open: No such file or directory"),
            (self.folder, "expected a regular file, got a folder"),
            (self.path("pipe"), "expected a regular file, got another kind"),
        ]:
            self.expect_error(2, f"{path}: {what}", "inspect", path)
            self.expect_error(2, f"{path}: {what}", "diff", CHECKPOINT, path)
        self.expect_error(
            2, f"{self.path('none/x.npy')}: cannot open its folder: No such file or directory",
            "extract", CHECKPOINT, "weight", self.path("none/x.npy"),
        )

    def test_standard_output_that_is_full(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "inspect", CHECKPOINT], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stderr), (2, "standard output: cannot write\n"))


if __name__ == "__main__":
    unittest.main()
