#!/usr/bin/python3
"""The code of a page of docs/ as a program, and whether the page shows what it prints.

    page.py program docs/layers.md                  writes the page's C++ as one program
    page.py check docs/layers.md PROGRAM [FILE...]  runs it; FILEs are those that the page quotes
    page.py python docs/layers.md                   runs the page's Python, if PyTorch is there

How a page is written:

  * A block ```cpp is statements. Those under one heading, of whatever level, share a scope, as do
    the blocks ```python, which also see the names of those under the title. <iostream> and
    lamina/serialization.h are included, and lamina is used.
  * A block ```cpp declarations is of functions and classes, which all blocks of the page see.
  * A block ```cpp tensor/ops.inc is a part of that file, line by line.
  * A block ```text is what the blocks above it print, each of both languages, since the last such
    block of the section, but for spaces at the ends of lines. What prints has to be followed by one.
"""

import collections
import contextlib
import io
import os
import re
import subprocess
import sys

Block = collections.namedtuple("Block", "language info line section text")

LANGUAGES = ("cpp", "python", "text")
MARK = "\x1e"  # ASCII's record separator, followed by the line of a block in what a program prints

PRELUDE = """\
// Made by tests/docs/page.py of {path}.
#include <iostream>

#include "lamina/serialization.h"
"""


def blocks_of(page):
    """The fenced blocks of a page's text, with the number of each one's first line and of its section."""
    blocks, section, fence = [], 0, None
    for number, line in enumerate(page.split("\n"), 1):
        if fence is not None:
            if line == "```":
                blocks.append(Block(*fence, section, "".join(lines)))
                fence = None
            else:
                lines.append(line + "\n")
        elif line.startswith("```"):
            language, _, info = line[3:].partition(" ")
            fence, lines = (language, info, number + 1), []
        elif re.match("#+ ", line):
            section += 1
    if fence is not None:
        raise ValueError(f"line {fence[2] - 1}: a block without an end")
    return blocks


def is_quotation(block):
    return "." in block.info


def program_of(path, blocks):
    """The C++ of a page as one program."""
    includes, declarations, sections = [], [], collections.OrderedDict()
    for block in blocks:
        if block.language != "cpp" or is_quotation(block):
            continue
        if block.info not in ("", "declarations"):
            raise ValueError(f"line {block.line - 1}: expected cpp, cpp declarations or cpp FILE, got cpp {block.info}")
        code = f'#line {block.line} "{path}"\n'
        for line in block.text.splitlines(True):
            if line.startswith("#include "):
                includes.append(line)
            code += "\n" if line.startswith("#include ") or line == "using namespace lamina;\n" else line
        if block.info:
            declarations.append(code)
        else:
            mark = f'std::cout << "\\x1e" "{block.line}\\n";\n'
            sections.setdefault(block.section, []).append(mark + code)
    functions = [f"void section_{i}() {{\n{''.join(code)}}}\n" for i, code in sections.items()]
    calls = "".join(f"  section_{i}();\n" for i in sections)
    parts = [PRELUDE.format(path=path), *includes, "\nusing namespace lamina;\n", *declarations, *functions]
    return "".join(parts) + f"\nint main() {{\n{calls}}}\n"


def printed_by(output):
    """What each block printed, by its line."""
    before, *parts = output.split(MARK)
    if before:
        raise ValueError(f"printed before the first block: {before!r}")
    split = (part.split("\n", 1) for part in parts)
    return {int(line): text for line, text in split}


def differences(blocks, language, printed):
    """How the page differs from what the blocks of a language printed: a list of texts."""
    wrong = []

    def compare(said, shown, line):
        if re.sub(" +\n", "\n", said) != shown:
            wrong.append(f"line {line}: the page shows\n{shown}and the {language} above it prints\n{said}")

    for section in sorted({block.section for block in blocks}):
        said, line, has_code = "", 0, False
        languages = set()  # of the blocks since the last text
        for block in (b for b in blocks if b.section == section):
            if block.language == "text":
                if not languages:
                    wrong.append(f"line {block.line}: a block of text, and no code above it that prints it")
                if language in languages:
                    compare(said, block.text, block.line)
                said, languages = "", set()
            elif block.language in LANGUAGES and not is_quotation(block):
                languages.add(block.language)
                if block.language == language:
                    said += printed.get(block.line, "")
                    line = block.line
        if said:
            wrong.append(f"line {line}: this prints, and the page does not show it:\n{said}")
    return wrong


def misquoted(blocks, files):
    """The quotations that are in none of the files."""
    wrong = []
    for block in blocks:
        if block.language != "cpp" or not is_quotation(block):
            continue
        paths = [path for path in files if path == block.info]
        if not paths:
            wrong.append(f"line {block.line - 1}: {block.info} is not among the data of the test")
            continue
        with open(paths[0]) as file:
            if "\n" + block.text not in "\n" + file.read():
                wrong.append(f"line {block.line}: not in {block.info} as it stands here")
    return wrong


def run_python(path, blocks):
    """What each block of Python prints, by its line."""
    printed, scopes, title = {}, {}, 1
    for block in blocks:
        if block.language != "python":
            continue
        scope = scopes.setdefault(block.section, dict(scopes.get(title, {})))
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile("\n" * (block.line - 1) + block.text, path, "exec"), scope)
        printed[block.line] = output.getvalue()
    return printed


def main(mode, path, *arguments):
    with open(path, encoding="utf-8") as page:
        blocks = blocks_of(page.read())
    if mode == "program":
        sys.stdout.write(program_of(path, blocks))
        return 0
    if mode == "check":
        program, *files = arguments
        run = subprocess.run(
            [os.path.abspath(program)], cwd=os.environ.get("TEST_TMPDIR"), stdout=subprocess.PIPE, encoding="utf-8"
        )
        wrong = differences(blocks, "cpp", printed_by(run.stdout)) + misquoted(blocks, files)
        if run.returncode != 0:
            wrong.append(f"the program ended with {run.returncode}, after printing\n{run.stdout}")
    else:
        count = sum(block.language == "python" for block in blocks)
        try:
            import torch  # noqa: F401
        except ImportError:
            print(f"SKIPPED: {count} blocks of Python in {path}, for {sys.executable} has no PyTorch (python3-torch)")
            return 0
        os.chdir(os.environ.get("TEST_TMPDIR", "."))
        wrong = differences(blocks, "python", run_python(path, blocks))
        print(f"{count} blocks of Python were run beside PyTorch {torch.__version__}")
    for text in wrong:
        print(f"{path}: {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
