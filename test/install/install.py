# SPDX-License-Identifier: Apache-2.0
# install.py — install into an empty folder, then use it as a stranger would: headers, libraries, tool, manual.
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lint'))
import lint  # noqa: E402

STRICT = ['-std=c11', '-pedantic', '-Wall', '-Wextra', '-Werror']
# What the static library needs beside itself; docs and pkg-config file must say the same.
STATIC = ['-luring', '-lcrypto', '-lmsgpackc', '-llmdb', '-lpthread']
build, version = sys.argv[1:]
place = tempfile.mkdtemp(prefix='firn-install-')
report = lint.Report()


def output(*command, **options):
    """(problems, output) of a command: no problem if it succeeds."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        return ['%s: status %d' % (shlex.join(command), done.returncode), done.stdout], done.stdout
    return [], done.stdout


def installed(pattern):
    """The one installed file whose path ends so; the pattern itself if there is none or are several."""
    found = [os.path.join(at, leaf) for at, _, leaves in os.walk(place) for leaf in leaves]
    found = [path for path in found if re.search(pattern + '$', path)]
    return found[0] if len(found) == 1 else pattern


def everything():
    expected = {'bin/firn', 'libfirn.a', 'libfirn.so', 'libfirn.so.0', 'libfirn.so.' + version, 'pkgconfig/firn.pc',
                'share/man/man1/firn.1', 'share/bash-completion/completions/firn.bash'}
    expected |= {path[len('engine/'):] for path in lint.files('engine/include', ending='.h')}
    for wanted in sorted(expected):
        if not os.path.exists(installed('/' + re.escape(wanted))):
            yield '%s is not installed' % wanted
    for at, _, leaves in os.walk(place):
        for leaf in leaves:
            path = os.path.join(at, leaf)
            known = any(path.endswith('/' + wanted) for wanted in expected)
            if not known:
                yield '%s is installed and nobody knows it' % os.path.relpath(path, place)


def fenced(page, language, number):
    """A fenced block of a page in a language, counted from 0."""
    found = re.findall(r'```%s\n(.*?)```' % language, lint.text(page), flags=re.S)
    return found[number] if number < len(found) else ''


def pkg_config(*arguments):
    folder = os.path.dirname(installed(r'/pkgconfig/firn\.pc'))
    environment = dict(os.environ, PKG_CONFIG_PATH=folder, PKG_CONFIG_SYSROOT_DIR=place)
    return shlex.split(lint.run('pkg-config', *arguments, env=environment))


def example(title, arguments, dynamic, number=0, page='README.md'):
    """Compile an example of a page in a folder of its own, run it there, and compare what it prints."""
    folder = tempfile.mkdtemp(prefix='firn-example-')
    source = os.path.join(folder, 'example.c')
    with open(source, 'w', encoding='utf-8') as f:
        f.write(fenced(page, 'c', number))
    library = os.path.dirname(installed(r'/libfirn\.a'))
    environment = dict(os.environ, LD_LIBRARY_PATH=library) if dynamic else dict(os.environ)
    problems, _ = output('cc', *STRICT, source, '-o', os.path.join(folder, 'example'), *arguments)
    if not problems:
        problems, said = output('./example', cwd=folder, env=environment)
        if said != fenced(page, 'text', number):
            problems.append('it printed:\n%s\n%s says:\n%s' % (said, page, fenced(page, 'text', number)))
    if not problems:
        needed = 'libfirn.so.0' in lint.run('readelf', '-d', os.path.join(folder, 'example'))
        if needed != dynamic:
            problems.append('it %s libfirn.so.0' % ('needs' if needed else 'does not need'))
    shutil.rmtree(folder)
    report.check(title, problems)


def manual():
    problems, said = output('groff', '-man', '-ww', '-z', '-Tutf8', installed(r'/man1/firn\.1'))
    return problems or ([said] if said else [])


def tool():
    path = installed('/bin/firn')
    environment = dict(os.environ, LD_LIBRARY_PATH=os.path.dirname(installed(r'/libfirn\.a')))
    problems, said = output(path, '--version', env=environment) if os.path.exists(path) else (['no tool'], '')
    if version not in said:
        problems.append('firn --version says %r' % said)
    return problems


def hardening():
    """What an attacker would have to do without: see SECURITY.md."""
    for pattern in ('/bin/firn', r'/libfirn\.so\.' + re.escape(version)):
        path = installed(pattern)
        headers = lint.run('readelf', '--wide', '--file-header', '--program-headers', '--dynamic', '--dyn-syms', path)
        wanted = {'position-independent code': r'Type: +DYN', 'read-only relocations': r'GNU_RELRO',
                  'relocations done at the start': r'\(FLAGS(_1)?\) .*NOW', 'stack protection': r'__stack_chk_fail',
                  'checked library functions': r'__\w+_chk'}
        for what, sign in wanted.items():
            if not re.search(sign, headers):
                yield '%s: without %s' % (os.path.basename(path), what)
        if re.search(r'GNU_STACK.* RWE ', headers):
            yield '%s: with an executable stack' % os.path.basename(path)
        if re.search(r'\((RPATH|RUNPATH)\)|\(TEXTREL\)', headers):
            yield '%s: with a search path or relocations in code' % os.path.basename(path)


try:
    report.check('meson install succeeds',
                 output('meson', 'install', '-C', build, '--no-rebuild', '--destdir', place)[0])
    report.check('exactly the expected files are installed', everything())
    report.check('the pkg-config file tells the version',
                 [] if pkg_config('--modversion', 'firn') == [version] else ['another version'])
    cflags = pkg_config('--cflags', 'firn')
    example('the example works with the shared library', cflags + pkg_config('--libs', 'firn'), True)
    archive = installed(r'/libfirn\.a')
    example('the example works with the static library alone', cflags + [archive] + STATIC, False)
    private = [flag for flag in pkg_config('--static', '--libs', 'firn') if flag != '-lfirn']
    example('the pkg-config file names what the static library needs', cflags + [archive] + private, False)
    example('the example of a run works', cflags + pkg_config('--libs', 'firn'), True, 1)
    example('the example of a batch works', cflags + pkg_config('--libs', 'firn'), True, 0, 'docs/stores.md')
    report.check('the installed tool runs', tool())
    report.check('tool and library are hardened', hardening())
    if shutil.which('groff') is None:
        report.skip('the manual page has no errors', 'no groff')
    else:
        report.check('the manual page has no errors', manual())
finally:
    shutil.rmtree(place)
report.finish()
