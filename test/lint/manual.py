# SPDX-License-Identifier: Apache-2.0
# manual.py — help, manual page, completion, source files and pages name the same commands.
import os
import re
import sys

import lint

# What DESIGN calls for; the command table may hold more.
NEEDED = ['init', 'append', 'log', 'stat', 'dump', 'replay', 'verify', 'bench', 'help', 'put', 'get', 'has',
          'run create', 'run append', 'run complete', 'run fail', 'run cancel', 'run show', 'run events', 'run list',
          'run record',
          'release promote', 'release current', 'release history', 'import git']
tool, page = sys.argv[1:]
commands = lint.run(tool, 'help', '--commands').splitlines()
groups = {name.split()[0] for name in commands if ' ' in name}
with open(page, encoding='utf-8') as f:
    manual = f.read()


def difference(here, there, said):
    for name in sorted(set(here) ^ set(there)):
        yield said % (name, 'the command table' if name in here else 'the other')


def sections():
    found = re.findall(r'^\.SS firn ([a-z-]+(?: [a-z-]+)?)', manual, flags=re.M)
    yield from difference(commands, found, '%s is only in %s (manual page)')
    if lint.run(tool, 'help', '--man') != manual:
        yield 'firn help --man prints another page than the one that is installed'


def sources():
    """A command `a b` is the function tool_cmd_a_b() of a file cmd_a….c."""
    found = {}
    for path in lint.files('tools', 'bench', ending='.c'):
        for name in re.findall(r'^int tool_cmd_(\w+)\(', lint.text(path), flags=re.M):
            found[name] = os.path.basename(path)
    named = {name.replace(' ', '_').replace('-', '_') for name in commands}
    yield from difference(named, found, '%s is only in %s (functions tool_cmd_…)')
    for name, leaf in sorted(found.items()):
        if not leaf.startswith('cmd_' + name.split('_')[0]):
            yield 'tool_cmd_%s() stands in %s' % (name, leaf)


def helps():
    overview = lint.run(tool, 'help')
    for name in commands:
        if not re.search(r'^\s+%s\b' % name, overview, flags=re.M):
            yield 'firn help does not list %s' % name
        if lint.run(tool, 'help', *name.split()) != lint.run(tool, *name.split(), '--help'):
            yield 'firn help %s and firn %s --help differ' % (name, name)


def completion():
    said = lint.run(tool, 'help', '--completion')
    for name in commands:
        if not re.search(r"'%s'\)" % name, said):
            yield 'completion does not know %s' % name


def in_pages():
    tops = [name for name in sorted(os.listdir(lint.ROOT)) if name.endswith('.md')]
    for path in tops + lint.files('docs', ending='.md'):
        for name in re.findall(r'(?:`|^|\| )firn ([a-z][a-z-]*(?: [a-z][a-z-]*)?)', lint.text(path), flags=re.M):
            if not {name, name.split()[0]} & set(commands) and name not in groups:
                yield '%s: there is no firn %s' % (path, name)


def options_in_manual():
    """Each option that a command's help lists stands in its section of the manual page, or outside of all sections."""
    plain = re.sub(r'\\f[BIR]', '', manual.replace('\\-', '-'))
    parts = re.split(r'^(?=\.S[SH] )', plain, flags=re.M)
    own = {name: ''.join(p for p in parts if re.match(r'\.SS firn %s( [^a-z]|$)' % name, p, flags=re.M))
           for name in commands}
    shared = ''.join(p for p in parts if not p.startswith('.SS firn '))
    for name in commands:
        for option in re.findall(r'^\s+(?:-\w, )?(--[a-z-]+)', lint.run(tool, 'help', *name.split()), flags=re.M):
            if option not in own[name] + shared:
                yield 'the manual page does not tell %s of firn %s' % (option, name)


report = lint.Report()
report.check('the commands that the design names are there', ('no ' + n for n in NEEDED if n not in commands))
report.check('the manual page has a section for every command', sections())
report.check('every command has its source file', sources())
report.check('help lists and explains every command', helps())
report.check('the manual page tells every option', options_in_manual())
report.check('completion knows every command', completion())
report.check('the pages name only commands that exist', in_pages())
report.finish()
