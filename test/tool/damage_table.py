# SPDX-License-Identifier: Apache-2.0
# damage_table.py — whatever is damaged: what firn verify, log, get, run events and append say of it, word for word.
#
# One ledger is made; each row of the tables does one thing to a copy of it and tells the findings and notes of
# `firn verify`, and how the other commands end. Every text of verify must stand in docs/damage.md, with … for numbers
# and names: that page tells what to do.
import hashlib
import json
import os
import re
import shutil
import struct
import time
import unittest

import tool

DOCS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), 'docs', 'damage.md')
SEGMENT, ALIGNMENT, HEADER, FOOTER = 65536, 4096, 128, 65536 - 4096
VERSION, NUMBER, INCARNATION = 12, 56, 64  # In the header of a segment.
LINES = 3600  # Events of stream s, the last that is written.
EARLY, LATE = b'early content', b'late content'


def digest(content):
    return hashlib.sha256(content).hexdigest()


class Place:
    """A copy of the ledger to do something to; its segments by their part in it."""

    def __init__(self, folder, roles, other):
        self.folder, self.other = folder, other
        self.sealed, self.second, self.active, self.spare = roles

    def file(self, name):
        return os.path.join(self.folder, name)

    def segment(self, number):
        return self.file('%016x.seg' % number)

    def flip(self, path, offset):
        with open(path, 'r+b') as f:
            f.seek(offset)
            byte = f.read(1)[0]
            f.seek(offset)
            f.write(bytes([byte ^ 0x40]))

    def forge(self, path, size, offset, value, form='<I'):
        """A number in a header that is good for all else."""
        with open(path, 'r+b') as f:
            header = bytearray(f.read(size))
            struct.pack_into(form, header, offset, value)
            struct.pack_into('<I', header, 8, tool.crc32c(header[:8] + header[12:]))
            f.seek(0)
            f.write(header)

    def manifest_length(self):
        with open(self.file('manifest.0'), 'rb') as f:
            return struct.unpack_from('<I', f.read(64), 20)[0]

    def replace(self, name, kind):
        """Something else than a file in the place of one."""
        path = self.file(name)
        if os.path.exists(path):
            shutil.move(path, self.folder + '.kept')
        if kind == 'folder':
            os.mkdir(path)
        elif kind == 'pipe':
            os.mkfifo(path)
        else:
            os.symlink({'link': self.folder + '.kept', 'dead link': 'nowhere', 'device': '/dev/zero'}[kind], path)


def row(title, change, lines=(), code=None, log=None, append=None, get=(0, 0), error=None):
    """lines: findings and notes of verify, … for any more; error: what verify says instead. log, append: what they end
    with, None: all is well. get: exit codes for content of the first and of the last segment."""
    if code is None:
        code = 3 if error else 1 if any(line.startswith('finding') for line in lines) else 0
    return title, change, list(lines), code, log, append, get, error


def bad(text, get=(0, 3)):
    """Damage that ends what can be read: verify, log and append all say the same."""
    return dict(lines=['finding: ' + text], log=text, append=text, get=get)


def refused(text):
    return dict(error=text, log=text, append=text, get=(3, 3))


# What is in a segment.
SEGMENTS = [
    row('nothing', lambda p: None),
    row('a group of a sealed segment', lambda p: p.flip(p.segment(p.sealed), ALIGNMENT + 16),
        ['finding: segment {sealed}: group at 4096: checksum mismatch'],
        log='tail: segment {sealed}: group at 4096: checksum mismatch'),
    row('the last group of a clean log', lambda p: p.flip(p.segment(p.active), ALIGNMENT + 16),
        **bad('segment {active} ({active:016x}.seg): group at 4096 with seq #: checksum mismatch, '
              'but seq # was durable')),
    row('the padding of a group', lambda p: p.flip(p.segment(p.sealed), 2 * ALIGNMENT - 1),
        ['finding: segment {sealed}: group at #: padding is not zero']),
    row('the header of a segment', lambda p: p.flip(p.segment(p.second), 40),
        **bad('segment {second}: header: checksum mismatch')),
    row('the header of a segment, all zero', lambda p: tool.Case.patch(None, p.segment(p.second), 0, bytes(HEADER)),
        **bad('segment {second}: header: all zero')),
    row('the footer of a segment', lambda p: p.flip(p.segment(p.sealed), FOOTER + 40),
        ['finding: segment {sealed}: footer at 61440: checksum mismatch']),
    row('the place of a footer', lambda p: p.flip(p.segment(p.active), FOOTER + 40),
        ['note: segment {active}: footer at 61440: no such thing here; the groups tell what it should']),
    row('the header of a spare', lambda p: p.flip(p.segment(p.spare), 40),
        ['note: {spare:016x}.seg: checksum mismatch; it held no record']),
    row('bytes that nobody relies on', lambda p: [p.flip(p.segment(n), at) for n, at in
                                                ((p.sealed, HEADER + 9), (p.active, SEGMENT - 9), (p.spare, 9999))]),
    row('two segments at once', lambda p: (p.flip(p.segment(p.sealed), 40), p.flip(p.segment(p.active), ALIGNMENT + 16),
                                           p.flip(p.segment(p.active), 40)),
        ['finding: segment {sealed}: header: checksum mismatch',
         'finding: segment {active}: header: checksum mismatch'],
        log='segment {sealed}: header: checksum mismatch', append='segment {sealed}: header: checksum mismatch',
        get=(3, 3)),
]

# Files of segments.
FILES = [
    row('the first segment is missing', lambda p: os.remove(p.segment(p.sealed)),
        **bad('segment {sealed}: the file {sealed:016x}.seg is missing', (3, 3))),
    row('the last segment is missing', lambda p: os.remove(p.segment(p.active)),
        **bad('segment {active}: the file {active:016x}.seg is missing')),
    row('a spare is missing', lambda p: os.remove(p.segment(p.spare)),
        ['note: {spare:016x}.seg: missing or empty; it held no record']),
    row('a segment is cut short', lambda p: os.truncate(p.segment(p.second), 3 * ALIGNMENT),
        **bad('segment {second} ({second:016x}.seg): group at # with seq #: ends too early, but seq # was durable')),
    row('a segment is empty', lambda p: os.truncate(p.segment(p.second), 0),
        **bad('segment {second} ({second:016x}.seg): group at 4096 with seq #: ends too early, '
              'but seq # was durable')),
    row('a segment is longer', lambda p: open(p.segment(p.second), 'ab').write(b'more')),
    row('two segments are exchanged', lambda p: (os.rename(p.segment(p.sealed), p.file('k')),
                                                 os.rename(p.segment(p.second), p.segment(p.sealed)),
                                                 os.rename(p.file('k'), p.segment(p.second))),
        ['finding: segment {sealed}: header: belongs elsewhere',
         'finding: segment {second}: header: belongs elsewhere'],
        log='segment {sealed}: header: belongs elsewhere', append='segment {sealed}: header: belongs elsewhere',
        get=(3, 3)),
    row('a segment is there twice', lambda p: shutil.copyfile(p.segment(p.sealed), p.segment(p.active)),
        **bad('segment {active}: header: belongs elsewhere')),
    row("another ledger's segment", lambda p: shutil.copyfile(p.other.segment(p.other.sealed), p.segment(p.sealed)),
        **bad('segment {sealed}: header: belongs elsewhere', (3, 3))),
    row('a segment of an incarnation to come', lambda p: p.forge(p.segment(p.second), HEADER, INCARNATION, 9, '<Q'),
        **bad('segment {second}: header: belongs elsewhere')),
    row('a segment of a newer version', lambda p: p.forge(p.segment(p.second), HEADER, VERSION, 2),
        **refused('segment {second}: header: version 2, incompatible features 0')),
    row('a segment beyond the highest number', lambda p: (shutil.copyfile(p.segment(p.spare), p.segment(99)),
                                                          p.forge(p.segment(99), HEADER, NUMBER, 99, '<Q')),
        ['finding: manifest: older than segment 99, which it does not name'],
        log='manifest: older than segment 99, which it does not name',
        append='manifest: older than segment 99, which it does not name'),
    row('a copy under a number that is free', lambda p: shutil.copyfile(p.segment(p.sealed), p.segment(99)),
        ['finding: segment 99, which the manifest does not name: header: belongs elsewhere'],
        log='segment 99, which the manifest does not name: header: belongs elsewhere',
        append='segment 99, which the manifest does not name: header: belongs elsewhere'),
    row("another ledger's segment under a number that is free", lambda p: (
        shutil.copyfile(p.other.segment(p.other.sealed), p.segment(99)),
        p.forge(p.segment(99), HEADER, NUMBER, 99, '<Q')),
        ['finding: segment 99, which the manifest does not name: header: belongs elsewhere'],
        log='segment 99, which the manifest does not name: header: belongs elsewhere',
        append='segment 99, which the manifest does not name: header: belongs elsewhere'),
    row('noise under a number that is free', lambda p: p_write(p.segment(99), bytes(range(256)) * 256),
        ['note: 0000000000000063.seg: no such thing here; the manifest does not name it, '
         'and the next writer removes it']),
    row('names in another spelling', lambda p: [shutil.copyfile(p.segment(p.sealed), p.file(name)) for name in
                                                ('1.seg', '0000000000000001.SEG', '000000000000000001.seg')],
        ["note: 000000000000000001.seg: not a file of a ledger's, nor are 2 more; left alone"]),
    row('a name with odd bytes', lambda p: p_write(p.file(b'\x1b[31m\n\xff'.decode('utf-8', 'surrogateescape')), b''),
        ["note: \\x1b[31m\\x0a\\xff: not a file of a ledger's; left alone"]),
    row('ten thousand files', lambda p: [p_write(p.file('stray-%05d' % i), b'') for i in range(10000)],
        ["note: stray-00000: not a file of a ledger's, nor are 9999 more; left alone"]),
    row('a folder in the place of a segment', lambda p: p.replace('%016x.seg' % p.second, 'folder'),
        **refused('open {second:016x}.seg: not a regular file')),
    row('a pipe in the place of a segment', lambda p: p.replace('%016x.seg' % p.second, 'pipe'),
        **refused('open {second:016x}.seg: not a regular file')),
    row('a link in the place of a segment', lambda p: p.replace('%016x.seg' % p.second, 'link'),
        **refused('open {second:016x}.seg: not a regular file')),
]


def p_write(path, content):
    with open(path, 'wb') as f:
        f.write(content)


def hints(name, size):
    """Positions and reach: done without, whatever is there."""
    def note(what):
        return ['note: %s: %s; it is done without' % (name, what)]

    def other(what):
        text = 'open %s: not a regular file' % name
        return row('%s: %s' % (name, what), lambda p: p.replace(name, what), note(text),
                   append=None if name == 'positions' else text)
    return [
        row(name + ' is missing', lambda p: os.remove(p.file(name))),
        row(name + ' is empty', lambda p: os.truncate(p.file(name), 0)),
        row(name + ' is cut short', lambda p: os.truncate(p.file(name), 40), note('ends too early')),
        row(name + ' is longer', lambda p: open(p.file(name), 'ab').write(b'more' * 3000)),
        row(name + ' is damaged', lambda p: p.flip(p.file(name), 50), note('checksum mismatch')),
        row(name + " is another ledger's", lambda p: shutil.copyfile(p.other.file(name), p.file(name)),
            note('belongs elsewhere')),
        row(name + ' of a newer version', lambda p: p.forge(p.file(name), size, VERSION, 2),
            note('written by a newer version')),
        row(name + ' of an earlier incarnation', lambda p: p.forge(p.file(name), size, 32, 0, '<Q')),
        other('folder'), other('dead link'), other('pipe'), other('device'),
    ]


def slots():
    note = 'note: manifest.1: %s; the other slot holds all of it'
    wrong = 'open manifest.1: not a regular file'
    return [
        row('a slot is damaged', lambda p: p.flip(p.file('manifest.1'), 60), [note % 'checksum mismatch']),
        row('a slot is empty', lambda p: os.truncate(p.file('manifest.1'), 0), [note % 'ends too early']),
        row('a slot is cut short', lambda p: os.truncate(p.file('manifest.1'), 100), [note % 'ends too early']),
        row('a slot is longer', lambda p: open(p.file('manifest.1'), 'ab').write(b'more')),
        row('a slot is all zero', lambda p: tool.Case.patch(None, p.file('manifest.1'), 0, bytes(4096)),
            [note % 'all zero']),
        row('a slot is missing', lambda p: os.remove(p.file('manifest.1')),
            ['finding: manifest.1: missing; the other slot is good']),
        row('a slot is of the past', lambda p: p.forge(p.file('manifest.1'), p.manifest_length(), 56, 3, '<Q'),
            ['finding: manifest.1: older than a crash can leave it; the other slot is good']),
        row("a slot is another ledger's", lambda p: shutil.copyfile(p.other.file('manifest.1'), p.file('manifest.1')),
            **refused('manifest: the two slots belong to different ledgers')),
        row("both slots are another ledger's", lambda p: [shutil.copyfile(p.other.file(n), p.file(n)) for n in
                                                          ('manifest.0', 'manifest.1')],
            ['finding: segment 1: header: belongs elsewhere', 'finding: segment #: header: belongs elsewhere', '…'],
            log='segment 1: header: belongs elsewhere', append='segment 1: header: belongs elsewhere', get=(3, 3)),
        row('both slots are damaged', lambda p: [p.flip(p.file(n), 60) for n in ('manifest.0', 'manifest.1')],
            **refused('manifest: slot 0: checksum mismatch; slot 1: checksum mismatch')),
        row('both slots are missing', lambda p: [os.remove(p.file(n)) for n in ('manifest.0', 'manifest.1')],
            **refused('manifest: slot 0: missing; slot 1: missing')),
        row('a slot of a newer version', lambda p: p.forge(p.file('manifest.1'), p.manifest_length(), VERSION, 2),
            **refused('manifest.1: written by a newer version')),
    ] + [row('a slot: ' + what, lambda p, what=what: p.replace('manifest.1', what), **refused(wrong))
         for what in ('folder', 'link', 'pipe', 'device')]


def locks():
    wrong = 'open lock: not a regular file'
    return [
        row('lock is missing', lambda p: os.remove(p.file('lock'))),
        row('lock is longer', lambda p: p_write(p.file('lock'), b'more')),
        row('a mark of distrust', lambda p: p_write(p.file('index/distrusted'), b'why\x1b[2J'),
            ['finding: damage was met before: why?[2J']),
    ] + [row('lock: ' + what, lambda p, what=what: p.replace('lock', what), **refused(wrong))
         for what in ('folder', 'dead link', 'pipe', 'device')]


class Table(tool.Case):
    @classmethod
    def setUpClass(cls):
        cls.docs = ''
        if os.path.exists(DOCS):
            with open(DOCS, encoding='utf-8') as f:
                cls.docs = f.read()

    def build(self, name):
        self.ledger = self.path(name)
        self.make()
        self.expect(0, 'put', '-', input=EARLY)
        self.expect(0, 'run', 'create', '--run', 'r', '--spec-digest', digest(EARLY))
        self.expect(0, 'release', 'promote', 'app', digest(EARLY))
        for part in range(3):
            self.append(['line %d' % i for i in range(part * 1200, part * 1200 + 1200)], '--batch', 100)
        self.expect(0, 'put', '-', input=LATE)
        self.wait_for_spare()
        with open(self.file('manifest.0'), 'rb') as f:
            active = struct.unpack_from('<Q', f.read(256), 112)[0]
        holding = self.headed(True)
        self.assertGreater(len(holding), 2)
        return Place(self.ledger, (holding[0], holding[1], active, self.headed(False)[0]), None)

    def headed(self, holding):
        """Numbers of segments with a header, and with or without records."""
        numbers = [int(os.path.basename(path)[:16], 16) for path in self.segments()]
        data = {n: self.read('%016x.seg' % n) for n in numbers}
        return [n for n in numbers if data[n].startswith(b'firn.seg') and any(data[n][ALIGNMENT:]) == holding]

    def wait_for_spare(self):
        """A writer that writes nothing stays until there is one."""
        writer = tool.start('-l', self.ledger, 'append', '--stream', 's')
        self.addCleanup(tool.stop, writer)
        deadline = time.monotonic() + tool.PATIENCE
        while not self.headed(False):
            self.assertLess(time.monotonic(), deadline, 'no spare is made')
            time.sleep(0.01)
        writer.stdin.close()
        self.assertEqual(writer.wait(tool.PATIENCE), 0)

    def read(self, name):
        with open(self.file(name), 'rb') as f:
            return f.read()

    def setUp(self):
        super().setUp()
        other = self.build('other')
        self.good = self.build('good')
        self.good.other = other

    def say(self, text, place):
        return text.format(sealed=place.sealed, second=place.second, active=place.active, spare=place.spare)

    def same(self, said, wanted, place, title):
        """The texts are equal; # in the wanted one stands for any number."""
        pattern = re.escape(self.say(wanted, place)).replace(r'\#', r'\d+').replace('#', r'\d+')
        self.assertRegex(said, '^(?:%s)$' % pattern, title)

    def documented(self, text):
        """The page for operators has the text, with … for what differs."""
        plain = re.sub(r'\{[^}]*\}|#|[0-9]+', '…', text)
        plain = re.sub('open (positions|reach)', 'open …', plain)
        plain = re.sub('why.*', '…', plain)
        plain = re.sub(r'^(note|finding): (….seg|positions|reach|manifest.…|stray-…|\\x[^:]*):', r'\1: …:', plain)
        self.assertTrue(plain in self.docs, 'docs/damage.md does not have: ' + plain)

    def check_verify(self, place, title, lines, code, error):
        text = self.firn('verify')
        self.assertEqual(text.code, code, '%s: %s%s' % (title, text.out, text.err))
        if error:
            self.same(text.err.strip(), 'firn: verify %s: %s' % (self.ledger, error), place, title)
            told = self.firn('--json', 'verify').error()['message']
            self.same(told, 'verify %s: %s' % (self.ledger, error), place, title)
            return
        said = [line for line in text.out.splitlines() if re.match('finding|note', line)]
        if lines[-1:] == ['…']:
            lines, said = lines[:-1], said[:len(lines) - 1]
        self.assertEqual(len(said), len(lines), '%s: %s' % (title, said))
        told = self.firn('--json', 'verify').json_lines()
        for line, wanted, entry in zip(said, lines, told):
            self.same(line, wanted, place, title)
            self.documented(wanted)
            kind, message = line.split(': ', 1)
            self.assertEqual(entry[kind]['message'], message, title)
            named = re.search(r'segment (\d+)', message)
            self.assertEqual(entry[kind]['segment'], int(named.group(1)) if named else entry[kind]['segment'], title)
            at = re.search(r' at (\d+)', message)
            self.assertEqual(entry[kind]['offset'], int(at.group(1)) if at else 0, title)
        if code == 1 and len(told) - 1 > len(lines):
            return
        findings = sum(line.startswith('finding') for line in lines)
        self.assertEqual((told[-1]['good'], told[-1]['findings'], told[-1]['notes']),
                         (findings == 0, findings, len(lines) - findings), title)

    def check_reading(self, place, title, log, get):
        answer = self.firn('log', '--format', 'payload', '--stream', 's')
        read = answer.out.split('\n')[:-1]
        self.assertEqual(read, ['line %d' % i for i in range(len(read))], title)
        self.assertEqual(answer.code, 3 if log else 0, title + answer.err)
        if log:
            said = answer.err.strip().split('\n')[-1].replace('open ledger %s: ' % self.ledger, '')
            self.same(said, 'firn: ' + log, place, title)
        else:
            self.assertEqual(len(read), LINES, title)
        for content, code in zip((EARLY, LATE), get):
            answer = self.firn('get', '--check', digest(content))
            self.assertEqual(answer.code, code, '%s: get: %s' % (title, answer.err))
            self.assertEqual(answer.raw, content if code == 0 else b'', title)

    def check_append(self, place, title, append):
        answer = self.firn('append', '--stream', 's', input='line %d\n' % LINES)
        if append:
            self.assertEqual(answer.code, 3, title + answer.err)
            self.same(answer.err.strip(), 'firn: open ledger %s: %s' % (self.ledger, append), place, title)
        else:
            self.assertEqual(answer.code, 0, title + answer.err)

    def go(self, rows):
        for title, change, lines, code, log, append, get, error in rows:
            self.ledger = self.path('copy')
            shutil.copytree(self.good.folder, self.ledger)
            good = self.good
            place = Place(self.ledger, (good.sealed, good.second, good.active, good.spare), good.other)
            change(place)
            self.check_verify(place, title, lines, code, error)
            self.check_reading(place, title, log, get)
            self.check_append(place, title, append)
            for path in (self.ledger, self.ledger + '.kept'):
                shutil.rmtree(path, ignore_errors=True)
                if os.path.lexists(path):
                    os.remove(path)

    def test_segments(self):
        """Bytes of segments: header, group, padding, footer, and those that nobody relies on."""
        self.go(SEGMENTS)

    def test_files(self):
        """Files of segments: missing, cut, exchanged, foreign, newer, of names and numbers that do not belong."""
        self.go(FILES)

    def test_manifest(self):
        """Slots of the manifest in every state; one good slot is enough, unless the other tells another truth."""
        self.go(slots())

    def test_hints(self):
        """Positions and reach in every state: readers and recovery do without."""
        self.go(hints('positions', 64) + hints('reach', 96))

    def test_lock(self):
        """The lock carries nothing, but it must be a file; distrust of the index is told."""
        self.go(locks())


@unittest.skipUnless(os.geteuid() == 0, 'only root can become somebody who may not read')
class Unreadable(tool.Case):
    NOBODY = 65534

    def setUp(self):
        super().setUp()
        self.make()
        self.append(['line %d' % i for i in range(40)])
        os.chmod(self.folder, 0o755)
        for folder, _, names in os.walk(self.ledger):
            for path in [folder] + [os.path.join(folder, name) for name in names]:
                os.chown(path, self.NOBODY, self.NOBODY)
        try:
            tool.run('--version', user=self.NOBODY, group=self.NOBODY, extra_groups=[])
        except PermissionError:
            self.skipTest('the tool is where nobody else may run it')

    def as_nobody(self, *arguments, **options):
        return self.firn(*arguments, user=self.NOBODY, group=self.NOBODY, extra_groups=[], **options)

    def test_mode_000(self):
        """A file that may not be read is exit code 5 and named; hints and the index are done without."""
        wrong = 'open %s: Permission denied'
        for name, read, write in (('manifest.0', True, True), ('manifest.1', True, True), ('lock', True, True),
                                  ('0000000000000001.seg', True, True), ('positions', False, False),
                                  ('reach', False, True), ('index/data.mdb', False, True)):
            os.chmod(self.file(name), 0)
            log = self.as_nobody('log', '--format', 'payload', '--stream', 's')
            verify = self.as_nobody('verify')
            append = self.as_nobody('append', '--stream', 't', input='x\n')
            self.assertEqual([answer.code for answer in (log, verify, append)], [5 * read, 5 * read, 5 * write],
                             name + log.err + verify.err + append.err)
            for answer in [log, verify] * read + [append] * (write and not name.startswith('index')):
                self.assertIn(wrong % name, answer.err)
            if name in ('positions', 'reach'):
                self.assertIn('note: %s: %s; it is done without' % (name, wrong % name), verify.out)
            self.assertEqual(log.out.split('\n')[:-1], [] if read else ['line %d' % i for i in range(40)], name)
            os.chmod(self.file(name), 0o600)
        self.assertEqual(self.as_nobody('append', '--stream', 't', input='x\n').code, 0)
        self.assertEqual(self.as_nobody('verify').code, 0)


class BesideWriter(tool.Case):
    def test_verify_beside_writer(self):
        """Damage in the log of a living writer is found with its place, not called busy; readers go up to it."""
        self.make()
        self.append(['line %d' % i for i in range(40)], '--batch', 10)
        writer = tool.start('-l', self.ledger, 'append', '--stream', 't', '--seqs')
        self.addCleanup(tool.stop, writer)
        for text in (b'first\n', b'second\n', b'third\n'):
            writer.stdin.write(text)
            writer.stdin.flush()
            self.assertTrue(tool.line_of(writer))
        path = self.segments()[0]
        with open(path, 'rb') as f:
            at = f.read().find(b'line 20')
        self.flip(path, at)
        answer = self.expect(1, '--json', 'verify')
        finding = answer.json_lines()[0]['finding']
        self.assertEqual((finding['segment'], finding['detail']), (1, 6))
        self.assertLessEqual(finding['offset'], at)
        self.assertGreater(finding['offset'] + ALIGNMENT, at)
        self.assertFalse(answer.json_lines()[-1]['good'])
        log = self.expect(3, 'log', '--format', 'payload', '--stream', 's').out.split('\n')[:-1]
        self.assertEqual(log, ['line %d' % i for i in range(len(log))])
        self.assertIn('segment 1', self.firn('log').err)
        self.flip(path, at)
        self.expect(0, 'verify')
        writer.stdin.close()
        self.assertEqual(writer.wait(tool.PATIENCE), 0)
        self.expect(0, 'verify')


if __name__ == '__main__':
    tool.main()
