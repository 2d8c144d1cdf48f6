#!/usr/bin/env python3
"""Tests that a layer depends on lower layers only, and that the build refuses anything else."""

import itertools
import os
import shutil
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ElementTree

HERE = "tests/layering"  # In the runfiles, where Bazel starts a test.
LAYERS = []  # From the bottom to the top.
FORMATS = ["//serialization:checkpoint_cc_proto", "//serialization:checkpoint_proto"]


def lines_of(query):
    with open(os.path.join(HERE, query)) as text:
        return text.read().split()


def door(layer):
    return f"//{layer}:{layer}"


def visibility_of_doors():
    """What the real BUILD files say: door to list of labels."""
    rules = ElementTree.parse(os.path.join(HERE, "doors.xml")).getroot().findall("rule")
    return {
        rule.get("name"): [label.get("value") for label in rule.findall("list[@name='visibility']/label")]
        for rule in rules
    }


class LayeringTest(unittest.TestCase):
    def test_no_path_leads_upward_in_the_target_graph(self):
        for layer in LAYERS[:-1]:
            self.assertEqual(lines_of(layer + "_reaches_up.txt"), [], f"{layer} depends on these")

    def test_no_layer_may_name_a_target_of_a_higher_one(self):
        for layer in LAYERS[:-1]:
            self.assertEqual(lines_of(layer + "_sees_up.txt"), [], f"{layer} may see these")

    def test_users_see_the_doors_and_file_formats_and_nothing_else(self):
        doors = [door(layer) for layer in LAYERS if layer != "apps"]
        self.assertEqual(sorted(lines_of("users_see.txt")), sorted(doors + FORMATS))

    def test_who_saves_nothing_does_not_depend_on_protobuf(self):
        self.assertEqual(lines_of("protobuf_below.txt"), [])

    def test_the_build_refuses_each_forbidden_dependency_and_no_other(self):
        # A workspace with our groups and our doors' visibility, and one target for each pair of layers.
        workspace = os.path.join(os.environ["TEST_TMPDIR"], "workspace")
        os.makedirs(workspace)
        with open(os.path.join(workspace, "WORKSPACE"), "w") as out:
            out.write('workspace(name = "lamina")\n')
        shutil.copy("BUILD", os.path.join(workspace, "BUILD"))
        visibility = visibility_of_doors()
        for layer in LAYERS:
            os.makedirs(os.path.join(workspace, layer))
            with open(os.path.join(workspace, layer, "BUILD"), "w") as out:
                out.write(f'filegroup(name = "{layer}", visibility = {visibility[door(layer)]})\n')
                for other in LAYERS:
                    out.write(f'filegroup(name = "on_{other}", srcs = ["{door(other)}"])\n')

        build = subprocess.run(
            ["bazel", "--output_user_root=" + os.path.join(os.environ["TEST_TMPDIR"], "o"), "--batch"]
            + ["build", "--nobuild", "--keep_going", "--color=no", "//..."],
            cwd=workspace,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

        refused = set()
        for line in build.stdout.splitlines():
            for lower, upper in itertools.product(LAYERS, LAYERS):
                says = f"target '{door(upper)}' is not visible from target '//{lower}:on_{upper}'"
                if says in line:
                    refused.add((lower, upper))
                    print(line)
        self.assertEqual(refused, set(itertools.combinations(LAYERS, 2)), build.stdout)
        self.assertNotEqual(build.returncode, 0)


if __name__ == "__main__":
    LAYERS = sys.argv[1:]
    unittest.main(argv=sys.argv[:1], verbosity=2)
