#!/usr/bin/env python3
"""Writes compile_commands.json for clangd and clang-tidy: tools/compile_commands.py

It asks Bazel, so it knows every flag. Headers of dependencies and generated ones are in place after a build.
"""

import json
import os
import subprocess

# g++ knows them, clang does not.
GCC_ONLY = ("-fno-canonical-system-headers", "-Wno-free-nonheap-object", "-Wunused-but-set-parameter")


def bazel(*args):
    return subprocess.run(("bazel",) + args, check=True, text=True, stdout=subprocess.PIPE).stdout


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    os.chdir(root)
    execution_root = bazel("info", "execution_root").strip()
    actions = json.loads(
        bazel("aquery", "--output=jsonproto", "--include_artifacts=false", 'mnemonic("CppCompile", //...)')
    ).get("actions", [])
    commands = []
    for action in actions:
        arguments = [a.strip("'") for a in action["arguments"] if a not in GCC_ONLY]
        at = arguments.index("-c") + 1
        if not arguments[at].startswith(("bazel-out/", "external/")):
            arguments[at] = os.path.join(root, arguments[at])
        commands.append({"directory": execution_root, "file": arguments[at], "arguments": arguments})
    commands.sort(key=lambda command: command["file"])
    with open("compile_commands.json", "w") as out:
        json.dump(commands, out, indent=1)
    print(f"compile_commands.json: {len(commands)} commands")


if __name__ == "__main__":
    main()
