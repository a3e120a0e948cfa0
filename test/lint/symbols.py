# SPDX-License-Identifier: Apache-2.0
# symbols.py — what each layer's library defines and needs, and what the shared library exports.
#
# A layer's library is "linked" here by hand: each symbol that it needs must be defined in a layer that it may see, or
# stand in the closed list of outside functions for that layer. So the list below is the whole contact of the engine
# with the world: memory in engine/base/heap.c only; disk, clock and randomness in engine/io only, but for the files of
# the LMDB index, which LMDB opens by itself.
import re
import sys

import lint

BELOW = {
    'fmt': [],
    'frn_base': [],
    'frn_io': ['frn_base'],
    'frn_log': ['frn_base', 'frn_io', 'fmt'],
    'frn_index': ['frn_base', 'fmt'],
    'frn_cache': ['frn_base', 'frn_io'],
    'frn_intake': ['frn_base', 'frn_log', 'frn_index', 'fmt'],
    'frn_store': ['frn_base', 'frn_log', 'frn_index', 'frn_intake', 'fmt'],
    'frn_read': ['frn_base', 'frn_log', 'frn_index', 'frn_intake', 'frn_store', 'fmt'],
    'frn_ledger': ['frn_base', 'frn_io', 'frn_log', 'frn_index', 'frn_cache', 'frn_intake', 'frn_store', 'frn_read',
                   'fmt'],
}
# Functions of bytes, and what compilers put in by themselves.
PURE = (r'mem(cpy|move|set|cmp|chr|rchr)|bcmp|str(len|nlen|cmp|ncmp|chr|rchr|spn|cspn)|v?snprintf|__assert_fail'
        r'|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__(asan|tsan|ubsan|sanitizer|gcov|llvm|start|stop)_.*|_Unwind_.*'
        r'|__tls_get_addr|_DYNAMIC|__odr_asan\..*')
THREADS = r'pthread_.*'
OUTSIDE = {
    'fmt': r'__cpu_(model|indicator_init|features2)|msgpack_unpack_.*',
    'frn_base': THREADS + r'|strerrordesc_np|malloc|calloc|realloc|free|posix_memalign|syscall|clock_gettime'
                          r'|__errno_location|sig(fill|empty)set|eventfd|write|close',
    'frn_io': THREADS + r'|.*',
    'frn_log': r'strtoull',
    'frn_index': r'pthread_(rwlock|mutex).*|mdb_.*|open|close|fcntl(64)?|poll'
                 r'|[fl]stat|pread|pwrite|ftruncate|fallocate|fsync|mkdir|rmdir|unlink|unlinkat'
                 r'|rename|renameat2|__errno_location',
    'frn_cache': r'EVP_.*',
    'frn_intake': r'EVP_.*',
    'frn_store': r'EVP_.*',
    'frn_read': r'',
    'frn_ledger': r'EVP_.*|pthread_mutex_(un)?lock',
}
# Which objects alone may need what, within a layer. The lock of frn_ledger is that of the list of ledgers in memory.
ONLY = {
    ('frn_base', r'malloc|calloc|realloc|free|posix_memalign'): ['heap.c'],
    ('frn_base', r'syscall|clock_gettime'): ['thread.c'],
    ('frn_base', r'eventfd|write|close'): ['notify.c'],
    ('frn_ledger', r'pthread_.*'): ['mem.c'],
    ('frn_index', r'pthread_mutex.*'): ['lmdb_pin.c'],
    ('frn_index', r'mdb_.*'): ['lmdb.c', 'lmdb_bulk.c', 'lmdb_check.c', 'lmdb_env.c', 'lmdb_generation.c',
                               'lmdb_mark.c', 'lmdb_merge.c', 'lmdb_pin.c', 'lmdb_row.c', 'lmdb_write.c'],
    ('frn_index', r'open|close|[fl]stat|pread|pwrite|ftruncate|fallocate|fsync|mkdir|rmdir|unlink|unlinkat|rename'
                  r'|renameat2|__errno_location'): ['lmdb_bulk.c', 'lmdb_check.c', 'lmdb_env.c', 'lmdb_meta.c',
                                              'lmdb_page.c', 'lmdb_pin.c', 'lmdb_sort.c'],
}
ALLOCATORS = r'malloc|calloc|realloc|reallocarray|free|posix_memalign|aligned_alloc|memalign|v?asprintf|strn?dup'


def plain(symbol):
    """memcpy for __memcpy_chk and the like, open for open64."""
    symbol = symbol.split('@')[0]
    symbol = re.sub(r'^__(\w+)_chk$', r'\1', symbol)
    symbol = re.sub(r'^__isoc\d+_', '', symbol)
    return re.sub(r'^(open|openat|pread|pwrite|fallocate|ftruncate|lseek|fopen|statx?|[fl]stat)64(v2)?$', r'\1', symbol)


def nm(path):
    """{object: (defined, needed)} of a static library."""
    objects, now = {}, None
    for line in lint.run('nm', '--extern-only', '--format=posix', path).splitlines():
        member = re.search(r'([^/\[\]]+)\.o\]:$', line)
        if member:
            now = member.group(1)
            objects[now] = (set(), set())
        elif line.strip():
            name, kind = line.split()[:2]
            objects[now][kind in 'Uwv'].add(name)
    return objects


def merged(objects):
    defined = set().union(*(d for d, _ in objects.values())) if objects else set()
    needed = set().union(*(n for _, n in objects.values())) if objects else set()
    return defined, needed - defined


def public():
    found = set()
    for path in lint.files('engine/include', ending='.h'):
        found |= set(re.findall(r'FIRN_API[^;]*?\b(firn_\w+)\s*\(', lint.code(path)))
    return found


libraries = {}
shared = None
for argument in sys.argv[1:]:
    match = re.search(r'lib(fmt|frn_\w+)\.a$', argument)
    if match:
        libraries[match.group(1)] = nm(argument)
    elif '.so' in argument:
        shared = argument
assert set(libraries) == set(BELOW) and shared, 'usage: symbols.py LIBRARY…'
defined = {name: merged(objects)[0] for name, objects in libraries.items()}
needed = {name: merged(objects)[1] for name, objects in libraries.items()}
api = public()


def prefixes(layer):
    good = r'fmt_' if layer == 'fmt' else r'(frn|firn)_'
    for symbol in sorted(defined[layer]):
        if not re.match(good, symbol) and not re.fullmatch(PURE, symbol):
            yield '%s defines %s' % (layer, symbol)
        elif symbol.startswith('firn_') and symbol not in api:
            yield '%s defines %s, which no public header declares' % (layer, symbol)


def needs(layer):
    seen = set().union(*(defined[below] for below in BELOW[layer])) if BELOW[layer] else set()
    for symbol in sorted(needed[layer]):
        if symbol in seen or re.fullmatch(PURE, plain(symbol)):
            continue
        homes = [name for name in defined if symbol in defined[name]]
        if homes:
            yield '%s needs %s of %s, which it may not see' % (layer, symbol, homes[0])
        elif re.match(r'(fmt|frn|firn)_', symbol):
            yield '%s needs %s, which nobody defines' % (layer, symbol)
        elif not re.fullmatch(OUTSIDE[layer], plain(symbol)):
            yield '%s needs %s' % (layer, symbol)
        elif layer == 'frn_io' and re.fullmatch(ALLOCATORS, plain(symbol)):
            yield '%s needs %s: memory comes from frn_heap' % (layer, symbol)


def strays():
    for (layer, pattern), homes in ONLY.items():
        for name, (_, wanted) in libraries[layer].items():
            for symbol in sorted(wanted):
                if re.fullmatch(pattern, plain(symbol)) and name not in homes:
                    yield '%s of %s needs %s, which is for %s' % (name, layer, symbol, ', '.join(homes))


def exported():
    lines = lint.run('nm', '--dynamic', '--defined-only', '--format=posix', shared).splitlines()
    return {line.split()[0].split('@')[0] for line in lines}


def soname():
    if not re.search(r'SONAME.*\[libfirn\.so\.0\]', lint.run('readelf', '-d', shared)):
        yield '%s: no soname libfirn.so.0' % shared


report = lint.Report()
for layer in BELOW:
    report.check('%s defines only symbols with its prefix' % layer, prefixes(layer))
    report.check('%s needs only what its layer may see' % layer, needs(layer))
report.check('memory is for heap.c, the clock of waits for thread.c, and the like', strays())
report.check('the shared library exports nothing but the public interface',
             ('%s is exported' % symbol for symbol in sorted(exported() - api)))
report.check('everything that the public headers declare is exported',
             ('%s is declared and not exported' % symbol for symbol in sorted(api - exported())))
report.check('the shared library has its soname', soname())
report.finish()
