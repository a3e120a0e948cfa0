# SPDX-License-Identifier: Apache-2.0
# tool.py — what the tests of the tool share: run it on a ledger in a folder of its own, and report as TAP.
import json
import os
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest

FIRN = os.path.abspath(sys.argv[1])
# Long enough for a busy machine under sanitizers; only a hang meets it.
PATIENCE = 60
EVENT_SIZE_MAX = 16 * 1024 * 1024 - 16

environment = {name: value for name, value in os.environ.items() if name != 'FIRN_LEDGER'}


class Answer:
    """What a run of the tool said."""

    def __init__(self, code, out, err):
        self.code, self.raw = code, out
        self.out, self.err = out.decode('utf-8', 'replace'), err.decode('utf-8', 'replace')

    def json(self):
        return json.loads(self.out)

    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def error(self):
        return json.loads(self.err.splitlines()[-1])['error']


def run(*arguments, input=b'', **options):
    """Runs the tool to its end; input is bytes or text."""
    if isinstance(input, str):
        input = input.encode()
    if 'stdin' not in options:
        options['input'] = input
    done = subprocess.run([FIRN, *map(str, arguments)], stdout=options.pop('stdout', subprocess.PIPE),
                          stderr=subprocess.PIPE, env=environment, timeout=PATIENCE, **options)
    return Answer(done.returncode, done.stdout or b'', done.stderr)


def start(*arguments, **options):
    """Starts the tool; pipes to all three of its ends, unbuffered, so that waiting for them tells the truth."""
    return subprocess.Popen([FIRN, *map(str, arguments)], stdin=options.pop('stdin', subprocess.PIPE),
                            stdout=options.pop('stdout', subprocess.PIPE), stderr=subprocess.PIPE, env=environment,
                            bufsize=0, **options)


def stop(process):
    """Ends a process that was started, whatever state it is in; returns what it had said on standard error."""
    process.kill()
    process.wait(PATIENCE)
    said = process.stderr.read().decode('utf-8', 'replace') if not process.stderr.closed else ''
    for end in (process.stdin, process.stdout, process.stderr):
        if end is not None:
            end.close()
    return said


def line_of(process):
    """The next line that a process prints; b'' if it prints none in PATIENCE seconds or has ended."""
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
    return process.stdout.readline() if ready else b''


class Case(unittest.TestCase):
    """A test with a folder of its own, and a ledger in it once make() is called."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='firn-tool-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.ledger = os.path.join(self.folder, 'ledger')

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), 'wb') as f:
            f.write(content.encode() if isinstance(content, str) else content)
        return self.path(name)

    def make(self, *options):
        """A ledger of small segments: it is there at once."""
        self.expect(0, 'init', '--segment-size', '64K', *options)

    def firn(self, *arguments, **options):
        return run('-l', self.ledger, *arguments, **options)

    def expect(self, code, *arguments, **options):
        """Runs the tool on the ledger and wants this exit code."""
        answer = self.firn(*arguments, **options)
        self.assertEqual(answer.code, code, '%s said: %s%s' % (' '.join(map(str, arguments)), answer.out[-2000:],
                                                              answer.err[-2000:]))
        return answer

    def append(self, lines, *options, stream='s'):
        """Appends lines and returns their first and last seq."""
        said = self.expect(0, '--json', 'append', '--stream', stream, *options,
                           input=''.join(line + '\n' for line in lines)).json()
        return said['first_seq'], said['last_seq']

    def payloads(self, *options):
        return self.expect(0, 'log', '--format', 'payload', *options).out.split('\n')[:-1]

    def file(self, name):
        return os.path.join(self.ledger, name)

    def patch(self, path, offset, data):
        with open(path, 'r+b') as f:
            f.seek(offset)
            f.write(data)

    def flip(self, path, offset):
        with open(path, 'r+b') as f:
            f.seek(offset)
            byte = f.read(1)[0]
            f.seek(offset)
            f.write(bytes([byte ^ 1]))

    def segments(self):
        """Files of segments that hold records, in the order of their numbers."""
        return sorted(self.file(name) for name in os.listdir(self.ledger) if name.endswith('.seg'))


def crc32c(data, crc=0):
    crc ^= 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def forge(path, size, offset, value):
    """Changes a u32 of a header of `size` bytes whose crc stands at 8 and covers the rest, and makes the crc good."""
    with open(path, 'r+b') as f:
        header = bytearray(f.read(size))
        struct.pack_into('<I', header, offset, value)
        struct.pack_into('<I', header, 8, crc32c(header[:8] + header[12:]))
        f.seek(0)
        f.write(header)


class TapResult(unittest.TestResult):
    """Prints one line a test; its title is the sentence in the test's docstring."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def line(self, test, good, more=''):
        self.number += 1
        print('%sok %d - %s%s' % ('' if good else 'not ', self.number, test.shortDescription() or test.id(), more),
              flush=True)

    def bad(self, test, err):
        self.line(test, False)
        for row in self._exc_info_to_string(err, test).splitlines():
            print('# ' + row, flush=True)

    def addSuccess(self, test):
        self.line(test, True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.bad(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.bad(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.bad(subtest, err)

    def addSkip(self, test, reason):
        self.line(test, True, ' # SKIP ' + reason)


def main():
    import __main__
    suite = unittest.defaultTestLoader.loadTestsFromModule(__main__)
    print('1..%d' % suite.countTestCases(), flush=True)
    result = TapResult()
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
