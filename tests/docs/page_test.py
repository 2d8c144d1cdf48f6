#!/usr/bin/python3
"""page.py makes a program of a page, and notices what the page says wrongly."""

import os
import sys
import unittest

sys.path[:0] = ["tests/docs"]  # in the runfiles, where Bazel starts a test

import page

TWO_SECTIONS = """\
# Title

```cpp declarations
#include <cmath>

int twice(int x) { return 2 * x; }
```

## One

```cpp
int x = twice(3);
```

```cpp
std::cout << x;
```

```text
6
```

## Two

```cpp
int x = 1;
```

```cpp tensor/ops.inc
not compiled
```
"""


class ProgramTest(unittest.TestCase):
    def test_blocks_of_a_section_share_a_scope(self):
        program = page.program_of("docs/x.md", page.blocks_of(TWO_SECTIONS))
        self.assertEqual(
            program.split('#include "lamina/serialization.h"\n')[1],
            "#include <cmath>\n"
            "\nusing namespace lamina;\n"
            '#line 4 "docs/x.md"\n\n\nint twice(int x) { return 2 * x; }\n'
            "void section_2() {\n"
            'std::cout << "\\x1e" "12\\n";\n#line 12 "docs/x.md"\nint x = twice(3);\n'
            'std::cout << "\\x1e" "16\\n";\n#line 16 "docs/x.md"\nstd::cout << x;\n'
            "}\n"
            "void section_3() {\n"
            'std::cout << "\\x1e" "26\\n";\n#line 26 "docs/x.md"\nint x = 1;\n'
            "}\n"
            "\nint main() {\n  section_2();\n  section_3();\n}\n",
        )

    def test_a_block_of_another_kind_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "line 1: expected cpp, cpp declarations or cpp FILE, got cpp globals"):
            page.program_of("docs/x.md", page.blocks_of("```cpp globals\n```"))

    def test_a_block_without_an_end_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "line 2: a block without an end"):
            page.blocks_of("\n```cpp\nint x;\n")


def differences(text, printed, language="cpp"):
    return page.differences(page.blocks_of(text), language, printed)


class DifferencesTest(unittest.TestCase):
    PAGE = "```cpp\nf();\n```\n\n```cpp\ng();\n```\n\n```text\n1\n2\n```\n"

    def test_the_text_is_what_the_blocks_above_it_print(self):
        self.assertEqual(page.printed_by("\x1e2\n1\n\x1e6\n2\n"), {2: "1\n", 6: "2\n"})
        self.assertEqual(differences(self.PAGE, {2: "1\n", 6: "2\n"}), [])
        wrong = differences(self.PAGE, {2: "1\n", 6: "3\n"})
        self.assertEqual(wrong, ["line 10: the page shows\n1\n2\nand the cpp above it prints\n1\n3\n"])

    def test_spaces_at_the_end_of_a_line_do_not_count(self):
        self.assertEqual(differences(self.PAGE, {2: "1 \n", 6: "2  \n"}), [])
        self.assertEqual(len(differences(self.PAGE, {2: " 1\n", 6: "2\n"})), 1)

    def test_what_prints_is_shown(self):
        wrong = differences(self.PAGE + "\n```cpp\nh();\n```\n", {2: "1\n", 6: "2\n", 15: "4\n"})
        self.assertEqual(wrong, ["line 15: this prints, and the page does not show it:\n4\n"])

    def test_a_text_is_not_of_another_section(self):
        text = "```cpp\nf();\n```\n## Next\n```text\n1\n```\n"
        wrong = differences(text, {2: "1\n"})
        self.assertEqual(len(wrong), 2)
        self.assertIn("line 2: this prints", wrong[0])
        self.assertIn("line 6: a block of text, and no code above it", wrong[1])

    def test_both_languages_print_one_text_or_each_its_own(self):
        one = "```python\nf()\n```\n```cpp\nf();\n```\n```text\n1\n```\n"
        for language, line in (("python", 2), ("cpp", 5)):
            self.assertEqual(differences(one, {line: "1\n"}, language), [])
            self.assertEqual(len(differences(one, {line: "2\n"}, language)), 1)
        each = "```python\nf()\n```\n```text\n1\n```\n```cpp\nf();\n```\n```text\n2\n```\n"
        self.assertEqual(differences(each, {2: "1\n"}, "python"), [])
        self.assertEqual(differences(each, {8: "2\n"}, "cpp"), [])
        self.assertEqual(len(differences(each, {8: "1\n"}, "cpp")), 1)


class QuotationTest(unittest.TestCase):
    def test_stands_in_its_file_line_by_line(self):
        folder = os.environ["TEST_TMPDIR"]
        path = f"{folder}/a.h"
        with open(path, "w") as file:
            file.write("int a;\n  int b;\nint c;\n")
        for text, count in (("int a;\n  int b;\n", 0), ("int b;\n", 1), ("int a;\nint b;\n", 1)):
            blocks = page.blocks_of(f"```cpp {path}\n{text}```\n")
            self.assertEqual(len(page.misquoted(blocks, [path])), count, text)
        wrong = page.misquoted(page.blocks_of("```cpp b.h\n```\n"), [path])
        self.assertEqual(wrong, ["line 1: b.h is not among the data of the test"])


class PythonTest(unittest.TestCase):
    def test_names_of_the_title_are_seen_by_all_sections_and_others_are_not(self):
        text = "# T\n```python\na = 1\n```\n## S\n```python\nb = a\nprint(b)\n```\n```python\nprint(b + 1)\n```\n## U\n```python\nprint('b' in dir())\n```\n"
        self.assertEqual(
            page.run_python("docs/x.md", page.blocks_of(text)), {3: "", 7: "1\n", 11: "2\n", 15: "False\n"}
        )


if __name__ == "__main__":
    unittest.main()
