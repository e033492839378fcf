#!/usr/bin/env python3
"""Writes src/ops/unicode_categories.inc: Unicode's general categories as runs of characters, from Python's own data.

    make_unicode_categories.py > src/ops/unicode_categories.inc
"""
import unicodedata


def main() -> None:
    runs: list[tuple[int, str]] = []  # the first character, and the category up to the next run
    for code in range(0x110000):
        category = unicodedata.category(chr(code))
        if not runs or runs[-1][1] != category:
            runs.append((code, category))
    print(f"// Written by scripts/make_unicode_categories.py from Unicode {unicodedata.unidata_version}.")
    print("// clang-format off")
    line = ""
    for code, category in runs:
        item = f"{{0x{code:X},{{'{category[0]}','{category[1]}'}}}},"
        if len(line) + len(item) > 118:
            print(line)
            line = ""
        line += item
    print(line)


if __name__ == "__main__":
    main()
