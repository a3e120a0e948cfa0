#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# format_tables.py — hold the tables of docs/format.md against the constants and comments of format/*.h.
"""
usage: format_tables.py ROOT COMPILER...

A comment before a table says what it is:
  offsets PREFIX end CONSTANT  offset of field f is PREFIX + F; fields join; fixed fields end at CONSTANT
  entry [CONSTANT]             fields join; their size is CONSTANT
  constants                    name and value
  blocks, kinds                as in kinds.def, neither more nor less
The layouts in the comments of the headers are compared with the page too. The constants are not parsed: a C program
that includes the headers is compiled and prints them.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

HEADERS = ["format/body.h", "format/group.h", "format/kinds.h", "format/manifest.h", "format/positions.h",
           "format/reach.h", "format/history.h"]
# Enumerators with the prefix of a header that are not offsets in it.
NOT_OFFSETS = re.compile(r"_(HEADER|MAX|MIN|NAMES|KEY|SPARSE|MAGIC_VALUE|MAGIC_TEXT)$|^FMT_MANIFEST_SIZE$")


class Table:
    def __init__(self, line, kind, arguments):
        self.line, self.kind, self.arguments, self.rows = line, kind, arguments, []


def tables_of(text):
    tables, pending, in_rows = [], None, False
    for number, line in enumerate(text.splitlines(), 1):
        marker = re.fullmatch(r"<!-- (\w+)(.*) -->", line)
        if marker:
            pending, in_rows = Table(number, marker[1], marker[2].split()), False
            tables.append(pending)
        elif pending and line.startswith("|"):
            cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
            if in_rows:
                pending.rows.append(cells)
            in_rows = in_rows or cells[0].startswith("---")
        elif pending and in_rows:
            pending = None
    return tables


def values_of(names, root, compiler):
    """The values of the constants, and the rows of kinds.def, as the compiler sees them."""
    lines = [f'#include "{header}"' for header in HEADERS]
    lines += ["#include <stdio.h>", "int main(void) {"]
    lines += [f'printf("{name} %lld\\n", (long long)({name}));' for name in sorted(names)]
    lines += ['#define KIND(symbol, number, name) printf("kind %d %s\\n", number, name);',
              '#define BLOCK(symbol, first, count, name) printf("block %d %d %s\\n", first, count, name);',
              '#include "format/kinds.def"', "}"]
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "constants.c"), pathlib.Path(folder, "constants")
        source.write_text("\n".join(lines) + "\n")
        subprocess.run([*compiler, "-std=gnu11", f"-I{root}", f"-I{root}/engine/include", source, "-o", program],
                       check=True)
        output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    values, blocks, kinds = {}, set(), set()
    for words in map(str.split, output.splitlines()):
        if words[0] == "kind":
            kinds.add((int(words[1]), words[2]))
        elif words[0] == "block":
            blocks.add((int(words[1]), int(words[2]), words[3]))
        else:
            values[words[0]] = int(words[1])
    return values, blocks, kinds


def constants_in(root):
    """Enumerators and macros that the headers define, to see that no offset is left out of the page."""
    names = set()
    for path in sorted(root.glob("format/*.h")):
        names |= set(re.findall(r"^\s*(?:#define )?(F(?:MT|IRN)_[A-Z0-9_]+)(?: =| )", path.read_text(), re.M))
    return names


def header_tables(root):
    """The layouts in the comments of the headers, in the order of the page: lists of (offset, size, field)."""
    tables = []
    for name in ["record", "batch", "group", "segment", "manifest", "positions", "reach", "history"]:
        for line in (root / f"format/{name}.h").read_text().splitlines():
            if re.match(r" \*\s+offset\s+size\s+field", line):
                tables.append([])
            row = re.match(r" \*\s+(\d+)\s+(\d+|…)\s+(\w+)", line)
            if row and tables:
                tables[-1].append(row.groups())
    return tables


def check_joined(table, complain):
    end = 0
    for cells in table.rows:
        if cells[0] == "…":
            break
        if int(cells[0]) != end:
            complain(table, f"{cells[2]} stands at {cells[0]}, but the field before ends at {end}")
        if cells[1] == "…":
            break
        end = int(cells[0]) + int(cells[1])
    return end


def main():
    root, compiler = pathlib.Path(sys.argv[1]), sys.argv[2:]
    tables = tables_of((root / "docs/format.md").read_text())
    known = constants_in(root)
    problems = []

    def complain(table, text):
        problems.append(f"docs/format.md:{table.line}: {text}")

    names = set()
    for table in tables:
        if table.kind == "offsets":
            names |= {table.arguments[0] + cells[2].upper() for cells in table.rows} | {table.arguments[2]}
        elif table.kind == "entry":
            names |= set(table.arguments)
        elif table.kind == "constants":
            names |= {cells[0] for cells in table.rows}
    # Names of variable parts (body, records, …) have no constant of their own: they begin at the end of the header.
    absent = names - known - {"FIRN_EVENT_SIZE_MAX", "FIRN_STREAM_NAME_SIZE_MAX", "FIRN_KEY_SIZE_MAX"}
    values, blocks, kinds = values_of(names - absent, root, compiler)

    layouts = [table for table in tables if table.kind == "offsets"]
    for table, in_header in zip(layouts, header_tables(root), strict=True):
        told = [tuple(cells[:3]) for cells in table.rows]
        if told != in_header:
            complain(table, f"the comment of the header differs: {sorted(set(told) ^ set(in_header))}")
    for table in tables:
        if not table.rows:
            complain(table, "no table follows the marker")
        elif table.kind == "offsets":
            prefix, end = table.arguments[0], values[table.arguments[2]]
            if check_joined(table, complain) != end:
                complain(table, f"the fields do not end at {table.arguments[2]} = {end}")
            told = set()
            for offset, size, field, _ in table.rows:
                name = prefix + field.upper()
                told.add(name)
                expected = values.get(name) if name in values else end if size == "…" else None
                if expected is None:
                    complain(table, f"there is no {name}")
                elif expected != int(offset):
                    complain(table, f"{name} is {expected}, not {offset}")
            for name in sorted(known - told):
                if name.startswith(prefix) and not NOT_OFFSETS.search(name):
                    complain(table, f"{name} is not told")
        elif table.kind == "entry":
            end = check_joined(table, complain)
            if table.arguments and end != values[table.arguments[0]]:
                complain(table, f"{table.arguments[0]} is {values[table.arguments[0]]}, the fields take {end}")
        elif table.kind == "constants":
            for name, value, _ in table.rows:
                if values.get(name) != int(value.replace(",", "")):
                    complain(table, f"{name} is {values.get(name)}, not {value}")
        elif table.kind == "blocks":
            told = {(int(cells[0], 0), int(cells[1]), cells[2]) for cells in table.rows}
            if told != blocks:
                complain(table, f"blocks differ from kinds.def: {sorted(told ^ blocks)}")
        elif table.kind == "kinds":
            told = {(int(cells[0], 0), cells[1]) for cells in table.rows}
            if told != kinds:
                complain(table, f"kinds differ from kinds.def: {sorted(told ^ kinds)}")
        else:
            complain(table, f"unknown marker {table.kind}")
    seen = sorted(table.kind for table in tables)
    if seen.count("offsets") != 11 or "blocks" not in seen or "kinds" not in seen or seen.count("constants") != 4:
        problems.append(f"docs/format.md: tables are missing, there are {seen}")
    print("\n".join(problems) or f"{len(tables)} tables, {len(values)} constants")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
