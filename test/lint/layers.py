# SPDX-License-Identifier: Apache-2.0
# layers.py — includes go downward only and are written from the root.
import os

import lint

# What each folder may include besides itself and the public headers; the picture is in docs/architecture.md.
MAY = {
    'format': [],
    'engine/base': [],
    'engine/io': ['engine/base'],
    'engine/log': ['engine/base', 'engine/io', 'format'],
    'engine/index': ['engine/base', 'format'],
    'engine/cache': ['engine/base', 'engine/io'],
    'engine/intake': ['engine/base', 'engine/log', 'engine/index', 'format'],
    'engine/store': ['engine/base', 'engine/log', 'engine/index', 'engine/intake', 'format'],
    'engine/read': ['engine/base', 'engine/log', 'engine/index', 'engine/intake', 'engine/store', 'format'],
    'engine/ledger': ['engine/base', 'engine/io', 'engine/log', 'engine/index', 'engine/cache', 'engine/intake',
                      'engine/store', 'engine/read', 'format'],
    'engine/include': [],
    'tools': ['bench'],
    'bench': ['tools'],
}
# Programs that look at bytes rather than at a ledger.
FORMAT_READERS = ('tools/cmd_dump.c', 'tools/cmd_verify.c', 'tools/dump')
PUBLIC_SYSTEM = ('stddef.h', 'stdint.h')


def folder_of(path):
    parts = path.split('/')
    return '/'.join(parts[:2]) if parts[0] == 'engine' else parts[0]


def upward():
    for path in lint.files(*MAY, ending=('.c', '.h', '.def')):
        folder = folder_of(path)
        for line, name, quoted in lint.includes(path):
            if not quoted or name == 'firn.h' or name.startswith('firn/'):
                continue
            target = folder_of(name)
            allowed = target == folder or target in MAY[folder]
            if target == 'format' and path.startswith(FORMAT_READERS):
                allowed = True
            if not allowed:
                yield '%s:%d: %s may not include %s' % (path, line, folder, name)


def rootless():
    for path in lint.files(ending=('.c', '.h')):
        for line, name, quoted in lint.includes(path):
            public = os.path.exists(os.path.join(lint.ROOT, 'engine/include', name))
            if quoted and not public and not os.path.exists(os.path.join(lint.ROOT, name)):
                yield '%s:%d: "%s" is not written from the root' % (path, line, name)
            if not quoted and (public or os.path.exists(os.path.join(lint.ROOT, name))):
                yield '%s:%d: <%s> is a file of the project' % (path, line, name)


def own_header_second():
    for path in lint.files('engine', 'format', 'tools', 'bench', ending='.c'):
        own = path[:-2] + '.h'
        names = [name for _, name, _ in lint.includes(path)]
        if os.path.exists(os.path.join(lint.ROOT, own)) and names[:1] != [own]:
            yield '%s: the first include must be "%s"' % (path, own)


def stores_together():
    for path in lint.files('engine/store', ending=('.c', '.h')):
        noun = os.path.basename(path).split('.')[0].split('_')[0]
        for line, name, _ in lint.includes(path):
            other = os.path.basename(name).split('.')[0].split('_')[0]
            if name.startswith('engine/store/') and other not in (noun, 'store'):
                yield '%s:%d: stores do not include one another (%s)' % (path, line, name)


def public_system():
    for path in lint.files('engine/include', ending='.h'):
        for line, name, quoted in lint.includes(path):
            if not quoted and name not in PUBLIC_SYSTEM:
                yield '%s:%d: <%s> in a public header' % (path, line, name)


def top_level():
    known = {'meson.build', 'meson_options.txt', 'engine', 'format', 'tools', 'bench', 'test', 'docs', 'README.md',
             'LICENSE', 'NOTICE', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'}
    for name in sorted(os.listdir(lint.ROOT)):
        if name not in known and not name.startswith(('.', 'build')):
            yield '%s: nothing else stands at the top level' % name


report = lint.Report()
report.check('includes go downward only', upward())
report.check('includes are written from the root', rootless())
report.check('a file includes its own header first', own_header_second())
report.check('stores do not include one another', stores_together())
report.check('public headers need only stddef.h and stdint.h', public_system())
report.check('the top level is the one that the design names', top_level())
report.finish()
