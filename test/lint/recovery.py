# SPDX-License-Identifier: Apache-2.0
# recovery.py — the decision table of docs/recovery.md is the one of engine/log/decide.c, and tells each of its cells.
import re
import sys

import lint

page = lint.text('docs/recovery.md')
table = page[page.index('\n## The table'):]
rows = {}
for row in re.findall(r'^\| (\w+) \| ([\w ]+) \| (\w+) \| (\w+) \|$', table, flags=re.M):
    if row[0] != 'place':
        rows[row[0], row[1]] = {'no': row[2], 'yes': row[3]}
cells = [line.split('\t') for line in lint.run(sys.argv[1]).splitlines()]


def differences():
    met = set()
    for place, verdict, witness, action in cells:
        key = (place, verdict) if (place, verdict) in rows else (place, 'any other')
        met.add(key)
        if key not in rows:
            yield 'docs/recovery.md: no row for %s, %s' % (place, verdict)
        elif rows[key][witness] != action:
            yield 'docs/recovery.md: %s, %s, witness %s: %s, but the engine says %s' % (
                place, verdict, witness, rows[key][witness], action)
    for key in sorted(set(rows) - met):
        yield 'docs/recovery.md: %s, %s is no cell' % key


def untold():
    """Each action at each place has a heading that ends with it."""
    headings = re.findall(r'^### (.*): (\w+)$', page, flags=re.M)
    for place, action in sorted({(place, action) for place, _, _, action in cells}):
        told = [places for places, said in headings if said == action
                and (place in places.lower() or places.startswith('Any place'))]
        if not told:
            yield 'docs/recovery.md: no paragraph on %s at a %s' % (action, place)


report = lint.Report()
report.check('the table of docs/recovery.md is the one of the engine', differences())
report.check('docs/recovery.md has a paragraph on every decision', untold())
report.finish()
