#!/usr/bin/env python3
"""unicode.py [--check]: makes support/unicode.h from the data of the Unicode Consortium that Debian's package
unicode-data provides. --check: fails when the header is not what would be made; one that was made from another version of
Unicode is not compared."""
import os
import re
import subprocess
import sys

DATA = os.environ.get("UNICODE_DATA", "/usr/share/unicode")
HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support", "unicode.h")


def properties(name):
    """Yields the first and last code point and the value of each line."""
    with open(os.path.join(DATA, name), encoding="utf-8") as lines:
        for line in lines:
            fields = [field.strip() for field in line.split("#")[0].split(";")]
            if len(fields) < 2:
                continue
            first, _, last = fields[0].partition("..")
            yield int(first, 16), int(last or first, 16), fields[1]


def having(name, *values):
    return {c for first, last, value in properties(name) if value in values for c in range(first, last + 1)}


def version():
    with open(os.path.join(DATA, "EastAsianWidth.txt"), encoding="utf-8") as lines:
        return lines.readline().split("-")[1].split(".txt")[0]


def table(name, comment, characters):
    ranges = []
    for c in sorted(characters):
        if ranges and c == ranges[-1][1] + 1:
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
    rows = ", ".join("{ 0x%X, 0x%X }" % (first, last) for first, last in ranges)
    return "/* %s */\nstatic const UnicodeRange %s[] = { %s };\n" % (comment, name, rows)


def header():
    category = "extracted/DerivedGeneralCategory.txt"
    fillers = {0x115F, 0x3164, 0xFFA0}  # they take a column but show nothing
    zero = having(category, "Mn", "Me", "Cf") - having("PropList.txt", "Prepended_Concatenation_Mark")
    zero |= having("DerivedCoreProperties.txt", "Default_Ignorable_Code_Point")
    zero |= having("HangulSyllableType.txt", "V", "T")  # drawn into the syllable's first part
    zero -= fillers
    wide = having("EastAsianWidth.txt", "W", "F")
    wide |= having("emoji/emoji-data.txt", "Emoji_Presentation") - set(range(0x1F1E6, 0x1F200))  # flags are pairs
    parts = [
        "/* unicode.h - tables of characters. Made by tests/scripts/unicode.py from the data of Unicode %s: do not edit. */\n"
        "#ifndef UNICODE_H\n#define UNICODE_H\n" % version(),
        "/* The first and the last character of a range. A table's ranges are sorted. */\n"
        "typedef struct UnicodeRange {\n    unsigned int first, last;\n} UnicodeRange;\n",
        table("unicode_zero_width", "Marks that stand on another character, and characters that are not shown.", zero),
        table("unicode_double_width", "Hangul, Chinese, kana, full-width letters and emoji.", wide - zero),
        table("unicode_spaces", "Spaces of every width.", having(category, "Zs")),
        "#endif\n",
    ]
    return subprocess.run(["clang-format", "--assume-filename=" + HEADER], input="\n".join(parts), text=True, check=True,
                          stdout=subprocess.PIPE).stdout


def main():
    made = header()
    if "--check" not in sys.argv[1:]:
        with open(HEADER, "w", encoding="utf-8", newline="\n") as file:
            file.write(made)
        return 0
    with open(HEADER, encoding="utf-8") as file:
        found = file.read()
    other = re.search(r"Unicode ([0-9.]+): do not edit", found)
    if other and other.group(1) != version():
        print("support/unicode.h: made from Unicode %s; the data here are of %s" % (other.group(1), version()))
    elif found != made:
        print("support/unicode.h is not what tests/scripts/unicode.py makes: run it, and commit what it made")
        return 1
    else:
        print("support/unicode.h: made from the data of Unicode " + version())
    return 0


sys.exit(main())
