#!/usr/bin/python3
"""What docs/ and README.md say about running our programs: the commands and flags of each call are known to the
program, and errors that are shown are what it says.

A call is a line of a block ```sh that begins with a program's name or is `bazel run ... //apps/NAME -- ...`, and code in
the text that begins with a program's name.
"""

import glob
import os
import re
import shlex
import subprocess
import sys
import unittest

sys.path[:0] = ["tests/docs"]  # in the runfiles, where Bazel starts a test

import page

PAGES = ["README.md"] + sorted(glob.glob("docs/*.md"))
PROGRAMS = ("checkpoint", "estate_value", "gpt", "mnist")

# Calls that end with an error which a page shows, and what notes.txt then has. The other errors that are shown need a
# trained model.
ERRORS = [
    ("mnist trian", b""),
    ("mnist --width=8", b""),
    ("gpt --heads=3", b""),
    ("gpt sample --top_p=1.5", b""),
    ("gpt --text=notes.txt", b"x" * 649),
    ("gpt --text=notes.txt", b"x" * 700 + b"\xe9"),
]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def calls_in(text):
    """The calls of our programs in a page's text, as lists of words."""
    shell = [line for block in page.blocks_of(text) if block.language == "sh" for line in block.text.splitlines()]
    code = re.findall(f"`((?:{'|'.join(PROGRAMS)}) [^`\n]+)`", text)
    for line in shell + code:
        words = shlex.split(line, comments=True)
        label = next((word for word in words if word.startswith("//apps/")), None)
        if words[1:2] == ["run"] and label:
            arguments = words[words.index("--") + 1 :] if "--" in words else []
            yield [label[len("//apps/") :]] + arguments
        elif words[:1] and words[0] in PROGRAMS:
            yield words


def run(words):
    program, *arguments = words
    path = os.path.abspath(f"apps/{program}/{program}")
    return subprocess.run(
        [path] + arguments,
        cwd=os.environ["TEST_TMPDIR"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=60,
    )


def problem_with(words):
    """What a program does not know of a call, or ""."""
    words = [word for word in words if word != "COMMAND"]  # of "mnist COMMAND --help"
    told = run(words + ["--help"])  # parses what stands before
    if told.returncode != 0:
        return f"exit code {told.returncode}: {told.stderr}"
    known = set(re.findall(r"^  (--\w+)", told.stdout, re.MULTILINE)) | {"--help"}
    for word in words:
        flag = word.split("=")[0]
        if flag.startswith("--") and flag not in known and "--" + flag[len("--no") :] not in known:
            return f"{flag} is not in its --help"
    return ""


class CommandsTest(unittest.TestCase):
    def test_calls_are_of_known_commands_and_flags(self):
        count = 0
        for path in PAGES:
            for words in calls_in(read(path)):
                count += 1
                self.assertEqual(problem_with(words), "", f"{path}: {' '.join(words)}")
        self.assertGreater(count, 30)

    def test_what_is_wrong_is_noticed(self):
        shell = ["mnist  # --no", "bazel run //apps/gpt -- --stepps=5", "checkpoint diff --jsn a b", "ls"]
        text = "`mnist tran`\n```sh\n" + "\n".join(shell) + "\n```\n"
        known, gpt, checkpoint, mnist = (problem_with(words) for words in calls_in(text))
        self.assertEqual(known, "")
        self.assertIn("unknown flag --stepps=5", gpt)
        self.assertEqual(checkpoint, "--jsn is not in its --help")
        self.assertIn("got 'tran'", mnist)

    def test_errors_are_what_the_programs_say(self):
        shown = {line for path in PAGES for line in read(path).splitlines() if line.startswith("ERROR: ")}
        folder = os.path.realpath(os.environ["TEST_TMPDIR"])
        for call, notes in ERRORS:
            with open(f"{folder}/notes.txt", "wb") as file:
                file.write(notes)
            said = run(call.split()).stderr.replace(folder + "/", "").rstrip("\n")
            self.assertIn(said, shown, call)


if __name__ == "__main__":
    unittest.main()
