# SPDX-License-Identifier: Apache-2.0
# calls.py — functions that must not be called: unsafe ones anywhere, host-affecting ones in the library.
import re

import lint

ANYWHERE = ['sprintf', 'vsprintf', 'strcpy', 'strcat', 'strncpy', 'strncat', 'stpcpy', 'gets', 'atoi', 'atol', 'atoll',
            'atof', 'rand', 'srand', 'alloca', 'strtok', 'tmpnam', 'mktemp', 'tempnam', 'vfork']
# Not safe with threads.
PRODUCT = ['asctime', 'ctime', 'localtime', 'gmtime', 'strerror', 'setjmp', 'longjmp']
LIBRARY = ['printf', 'fprintf', 'vprintf', 'vfprintf', 'puts', 'fputs', 'putchar', 'fputc', 'perror', 'fwrite', 'exit',
           '_exit', 'quick_exit', 'atexit', 'abort', 'signal', 'sigaction', 'raise', 'kill', 'fork', 'system', 'popen',
           'getenv', 'setenv', 'setlocale', 'chdir', 'umask', 'sleep', 'usleep', 'nanosleep', 'mmap']
# Why each stands here is said in the file.
MAY = {
    ('engine/io/', 'getenv'),     # FIRN_NO_IO_URING.
    ('engine/io/', 'nanosleep'),  # Where waiting in the ring is forbidden.
}


def calls(path, names):
    pattern = re.compile(r'(?<![\w.>])(%s)\s*\(' % '|'.join(names))
    for number, line in enumerate(lint.code(path).splitlines(), 1):
        for match in pattern.finditer(line):
            yield number, match.group(1)


def banned(folders, names):
    for path in lint.files(*folders, ending=('.c', '.h')):
        for number, name in calls(path, names):
            if not any(path.startswith(place) and name == allowed for place, allowed in MAY):
                yield '%s:%d: %s()' % (path, number, name)


report = lint.Report()
report.check('no unsafe function is called', banned(['engine', 'format', 'tools', 'bench', 'test'], ANYWHERE))
report.check('no function that threads cannot share is called',
             banned(['engine', 'format', 'bench'], PRODUCT))
report.check('the library neither prints, exits, handles signals nor sleeps', banned(['engine', 'format'], LIBRARY))
report.finish()
