# SPDX-License-Identifier: Apache-2.0
# lint.py — what the lint tests share: the files of the project, C without its comments, and TAP output.
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAYERS = ['format', 'engine/base', 'engine/io', 'engine/log', 'engine/index', 'engine/cache', 'engine/intake',
          'engine/store', 'engine/read', 'engine/ledger']
FOLDERS = ['engine', 'format', 'tools', 'bench', 'test', 'docs', '.ci']


def files(*folders, ending=None):
    """Paths from the root of all files below the folders, sorted; ending is a string or a tuple of strings."""
    found = []
    for folder in folders or FOLDERS:
        for at, names, leaves in os.walk(os.path.join(ROOT, folder)):
            names[:] = [n for n in names if n not in ('node_modules', '__pycache__') and not n.startswith('build')]
            found += [os.path.relpath(os.path.join(at, leaf), ROOT) for leaf in leaves]
    return sorted(f for f in found if ending is None or f.endswith(ending))


def text(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as f:
        return f.read()


def code(path):
    """The text of a C file with comments and the insides of literals blanked; lines and columns stay."""
    def blank(match):
        found = match.group(0)
        if found[0] in '"\'':
            return found[0] + ' ' * (len(found) - 2) + found[0]
        return re.sub(r'[^\n]', ' ', found)
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text(path), flags=re.S)


def includes(path):
    """(line, name, quoted) of each include of a C file."""
    for number, line in enumerate(text(path).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)', line)
        if match:
            yield number, match.group(2), match.group(1) == '"'


def run(*command, **options):
    """Output of a command that must succeed."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


class Report:
    """Collects checks and prints them as TAP; finish() ends the program."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, title, problems):
        problems = list(problems)
        self.count += 1
        self.failed += bool(problems)
        print('%s %d - %s' % ('not ok' if problems else 'ok', self.count, title))
        for problem in problems:
            print('# ' + str(problem).replace('\n', '\n# '))
        sys.stdout.flush()

    def skip(self, title, reason):
        self.count += 1
        print('ok %d - %s # SKIP %s' % (self.count, title, reason))

    def finish(self):
        print('1..%d' % self.count)
        sys.exit(1 if self.failed else 0)
