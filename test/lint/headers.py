# SPDX-License-Identifier: Apache-2.0
# headers.py — each public header compiles alone, as C and as C++; each inner header compiles alone as C.
import os
import shutil
import subprocess

import lint

PUBLIC = [
    ('gcc', ['-x', 'c', '-std=c11', '-pedantic']),
    ('clang', ['-x', 'c', '-std=c11', '-pedantic']),
    ('g++', ['-x', 'c++', '-std=c++11', '-pedantic']),
    ('clang++', ['-x', 'c++', '-std=c++11', '-pedantic']),
]
STRICT = ['-fsyntax-only', '-Wall', '-Wextra', '-Werror']


def compile_alone(compiler, flags, name):
    """The compiler's complaints about a file that does nothing but include name, twice."""
    source = '#include "%s"\n#include "%s"\n' % (name, name)
    done = subprocess.run([compiler, *flags, *STRICT, '-I' + os.path.join(lint.ROOT, 'engine/include'), '-'],
                          input=source, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return [done.stdout.rstrip()] if done.returncode != 0 else []


report = lint.Report()
headers = [path[len('engine/include/'):] for path in lint.files('engine/include', ending='.h')]
for compiler, flags in PUBLIC:
    title = 'public headers compile alone: %s %s' % (compiler, flags[2])
    if shutil.which(compiler) is None:
        report.skip(title, 'no ' + compiler)
    else:
        report.check(title, (p for name in headers for p in compile_alone(compiler, flags, name)))
inner = [path for path in lint.files('engine', 'format', 'tools', 'test', ending='.h')
         if not path.startswith('engine/include')]
report.check('inner headers compile alone',
             (p for name in inner
              for p in compile_alone('cc', ['-x', 'c', '-std=gnu11', '-D_GNU_SOURCE', '-I' + lint.ROOT], name)))
report.finish()
