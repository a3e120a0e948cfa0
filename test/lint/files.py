# SPDX-License-Identifier: Apache-2.0
# files.py — heads, lengths, white space and names of the source files.
import json
import os
import re
import sys

import lint

FILE_LINES_MAX = 700
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 120
C = ('.c', '.h', '.def')
SPDX = 'SPDX-License-Identifier: Apache-2.0'


def allowed():
    """{(path, function or None): reason} of test/lint/long.txt."""
    found = {}
    for line in lint.text('test/lint/long.txt').splitlines():
        if line and not line.startswith('#'):
            place, reason = line.split(None, 1)
            path, _, name = place.partition(':')
            found[path, name or None] = reason
    return found


def scripts():
    for path in lint.files('tools', 'test', 'bench', '.ci'):
        full = os.path.join(lint.ROOT, path)
        with open(full, 'rb') as f:
            shebang = f.read(2) == b'#!'
        if shebang or path.endswith(('.py', '.sh')):
            yield path, shebang


def bad_head_c():
    for path in lint.files(ending=C):
        lines = lint.text(path).splitlines()[:3] + ['', '', '']
        job = lines[2] if lines[1].strip() == '/*' else lines[1]
        if lines[0] != '/* %s */' % SPDX:
            yield '%s:1: must be /* %s */' % (path, SPDX)
        elif not re.match(r'(/\*| \*) %s — \S' % re.escape(os.path.basename(path)), job):
            yield '%s: the first comment must begin with "%s — job"' % (path, os.path.basename(path))


def bad_head_script():
    for path, shebang in scripts():
        lines = lint.text(path).splitlines()[int(shebang):][:2] + ['', '']
        if lines[0] != '# ' + SPDX:
            yield '%s: the first line must be # %s' % (path, SPDX)
        elif not re.match(r'# %s — \S' % re.escape(os.path.basename(path)), lines[1]):
            yield '%s: then must come "# %s — job"' % (path, os.path.basename(path))
    for path in lint.files(ending='meson.build') + ['meson.build', 'meson_options.txt']:
        if path != 'meson_options.txt' and not lint.text(path).startswith('# ' + SPDX):
            yield '%s:1: must be # %s' % (path, SPDX)


def too_long():
    fine = allowed()
    for path in lint.files(ending=C + ('.py', '.sh')):
        count = len(lint.text(path).splitlines())
        if count > FILE_LINES_MAX and (path, None) not in fine:
            yield '%s: %d lines, at most %d' % (path, count, FILE_LINES_MAX)


def functions(path):
    """(name, first line, lines) of each function: its braces stand alone in the first column."""
    start = None
    lines = lint.code(path).splitlines()
    for number, line in enumerate(lines, 1):
        if line.rstrip() == '{':
            start = number
        elif line.startswith('}') and start is not None:
            head = ' '.join(lines[max(0, start - 8):start - 1]).replace(';', '}').split('}')[-1]
            names = re.findall(r'(\w+)\s*\(', head)
            names = [n for n in names if n not in ('__attribute__',)]
            yield (names[0] if names else '?'), start, number - start + 1
            start = None


def function_too_long():
    fine = allowed()
    for path in lint.files(ending=C):
        for name, line, count in functions(path):
            if count > FUNCTION_LINES_MAX and (path, name) not in fine:
                yield '%s:%d: %s() has %d lines, at most %d' % (path, line, name, count, FUNCTION_LINES_MAX)


def allowed_for_nothing():
    for (path, name), _ in allowed().items():
        if not os.path.exists(os.path.join(lint.ROOT, path)):
            yield 'long.txt: %s is not there' % path
        elif name is None and len(lint.text(path).splitlines()) <= FILE_LINES_MAX:
            yield 'long.txt: %s is short enough' % path
        elif name is not None and not any(n == name and c > FUNCTION_LINES_MAX for n, _, c in functions(path)):
            yield 'long.txt: %s() of %s is short enough' % (name, path)


def white_space():
    paths = lint.files(ending=C + ('.py', '.sh', 'meson.build')) + ['meson.build', 'meson_options.txt']
    for path in paths:
        content = lint.text(path)
        for number, line in enumerate(content.split('\n'), 1):
            if '\t' in line:
                yield '%s:%d: tab' % (path, number)
            if line != line.rstrip():
                yield '%s:%d: white space at the end' % (path, number)
            if len(line) > COLUMNS_MAX:
                yield '%s:%d: %d columns, at most %d' % (path, number, len(line), COLUMNS_MAX)
        if not content.endswith('\n') or content.endswith('\n\n'):
            yield '%s: must end with one newline' % path


def left_over():
    for path in lint.files(ending=C + ('.py', '.sh')):
        for number, line in enumerate(lint.text(path).splitlines(), 1):
            if re.search(r'\b(TO' r'DO|FIX' r'ME|XX' r'X)\b', line):
                yield '%s:%d: unfinished' % (path, number)
        if path.endswith('.c') or path.endswith('.h'):
            for number, line in enumerate(lint.text(path).splitlines(), 1):
                if re.match(r'\s*//', line):
                    yield '%s:%d: // comment' % (path, number)


def unbuilt(build):
    """A source file that is part of no target is built, and tested, by nobody but the analyser that it is for."""
    built = {'test/eva/drive.c'}
    with open(os.path.join(build, 'meson-info', 'intro-targets.json'), encoding='utf-8') as f:
        for target in json.load(f):
            for sources in target['target_sources']:
                built |= {os.path.relpath(path, lint.ROOT) for path in sources['sources']}
    for path in lint.files('engine', 'format', 'tools', 'bench', 'test', ending='.c'):
        if path not in built:
            yield '%s: no target has it' % path


report = lint.Report()
report.check('C files begin with licence, name and job', bad_head_c())
report.check('scripts and build files begin with the licence, scripts with name and job', bad_head_script())
report.check('files have at most %d lines' % FILE_LINES_MAX, too_long())
report.check('functions have at most %d lines' % FUNCTION_LINES_MAX, function_too_long())
report.check('long.txt names only what is too long', allowed_for_nothing())
report.check('no tabs, no white space at line ends, at most %d columns' % COLUMNS_MAX, white_space())
report.check('nothing is left unfinished, and comments are /* */', left_over())
report.check('every C file is part of the build', unbuilt(sys.argv[1]))
report.finish()
