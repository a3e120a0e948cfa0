# SPDX-License-Identifier: Apache-2.0
# history.py — firn dump --digest: the digest that docs/format.md defines, computed here once more, and what it is for.
import base64
import hashlib
import shutil
import struct

import tool

NO_TIME = 1


def event_body(payload):
    """The msgpack map of an event: {0: 1, 1: bin}."""
    size = len(payload)
    head = b'\xc4' + bytes([size]) if size < 256 else b'\xc5' + struct.pack('>H', size)
    return b'\x82\x00\x01\x01' + head + payload


class Case(tool.Case):
    def digests(self, *options, code=0):
        """The lines that are printed: pairs of digest and seqs."""
        return [tuple(line.split('  ')) for line in self.expect(code, 'dump', '--digest', *options).out.splitlines()]

    def batches(self):
        """By first seq: time, and digest, scope and key if it has one."""
        found, last = {}, None
        for line in self.expect(0, '--json', 'dump', '--batches').json_lines():
            if line['type'] == 'batch':
                last = line['first_seq']
                found[last] = (line['time'], None)
            elif line['type'] == 'key':
                found[last] = (found[last][0], tuple(bytes.fromhex(line['digest']) if name == 'digest' else
                                                     line[name].encode() for name in ('digest', 'scope', 'key')))
        return found

    def defined(self, first=1, last=1 << 64, flags=0):
        """The digest of a part, as the page on the format defines it, out of what other commands print."""
        sha, batches, batch = hashlib.sha256(b'firn.his' + struct.pack('<II', 1, flags)), self.batches(), None
        for record in self.expect(0, '--json', 'log').json_lines():
            if not first <= record['seq'] <= last:
                continue
            if record['batch_first_seq'] != batch:
                batch = record['batch_first_seq']
                time, key = batches[batch]
                sha.update(b'B' + struct.pack('<QIq', batch, record['batch_count'], 0 if flags & NO_TIME else time))
                sha.update(struct.pack('<HH', len(key[1]), len(key[2])) + b''.join(key) if key else bytes(4))
            name = record.get('stream', '').encode()
            field = 'body' if record['kind'] > 32767 else 'payload'
            raw = record.get(field + '_base64')
            body = record[field].encode() if raw is None else base64.b64decode(raw)
            body = body if field == 'body' else event_body(body)
            sha.update(b'R' + struct.pack('<QHQHI', record['seq'], record['kind'], record['version'], len(name),
                                          len(body)) + name + body)
        return sha.hexdigest()


class Digest(Case):
    def setUp(self):
        super().setUp()
        self.make('--key-age', '1d')
        self.append(['line %d' % i for i in range(50)], '--batch', 7)
        self.append(['x' * 300], '--key', 'k', '--scope', 'sc\u017c', '--kind', 9, stream='other \u017c')
        self.append(['no scope'], '--key', 'k')
        self.expect(0, 'append', '--stream', 'raw', '--whole', input=b'\xff\x00\n')
        self.records = len(self.expect(0, '--json', 'log').json_lines())

    def test_definition(self):
        """The digest is the one that the page on the format defines: of all, of parts, with times and without."""
        self.assertEqual(self.digests(), [(self.defined(), '1-%d' % self.records)])
        self.assertEqual(self.digests('--no-time'), [(self.defined(flags=NO_TIME), '1-%d' % self.records)])
        self.assertEqual(self.digests('--from', 5, '--to', 40), [(self.defined(5, 40), '5-40')])
        self.assertEqual(self.digests('--from', self.records), [(self.defined(self.records), '%d-%d' % (self.records,
                                                                                                      self.records))])

    def test_json(self):
        """With --json the same is told, and how many records and batches there are."""
        told = self.expect(0, '--json', 'dump', '--digest', '--from', 2).json()
        self.assertEqual(told, {'digest': self.defined(2), 'first_seq': 2, 'last_seq': self.records, 'batches': 11,
                                'records': self.records - 1, 'time': True})

    def test_parts(self):
        """--every cuts into parts of so many seqs, each of which has the digest that --from and --to give it."""
        lines = self.digests('--every', 20)
        self.assertEqual([part for _, part in lines], ['1-20', '21-40', '41-%d' % self.records])
        for digest, part in lines:
            first, last = part.split('-')
            self.assertEqual(self.digests('--from', first, '--to', last), [(digest, part)])
        self.assertEqual(self.digests('--every', 20, '--from', 35, '--to', 45), [(self.defined(35, 45), '35-45')])

    def test_nothing(self):
        """Where there is no record, the digest is that of the start alone."""
        nothing = hashlib.sha256(b'firn.his' + struct.pack('<II', 1, 0)).hexdigest()
        self.assertEqual(self.digests('--from', self.records + 1), [(nothing, '-')])
        self.assertEqual(self.digests('--from', 9, '--to', 8), [(nothing, '-')])
        self.ledger = self.path('empty')
        self.make()
        self.assertEqual(self.digests(), [(nothing, '-')])
        self.assertEqual(self.digests('--every', 5), [(nothing, '-')])

    def test_wherever_it_lies(self):
        """A copy, an index built anew, and a reopened ledger do not change it; a record more does."""
        before = self.digests()
        self.expect(0, 'replay', '--rebuild')
        self.assertEqual(self.digests(), before)
        shutil.copytree(self.ledger, self.path('copy'))
        shutil.rmtree(self.path('copy/index'))
        original, self.ledger = self.ledger, self.path('copy')
        self.assertEqual(self.digests(), before)
        self.append(['more'])
        self.assertNotEqual(self.digests(), before)
        self.assertEqual(self.digests('--to', self.records), before)
        self.ledger = original

    def test_usage(self):
        """Options that need --digest, and files beside it, are exit code 2."""
        for options in (['--from', 1], ['--to', 1], ['--every', 1], ['--no-time']):
            self.assertIn('need --digest', self.expect(2, 'dump', *options).err)
        self.assertIn('takes no files', self.expect(2, 'dump', '--digest', 1).err)
        self.expect(2, 'dump', '--digest', '--every', 0)


class Compare(Case):
    def fill(self, name, changed, *options):
        self.ledger = self.path(name)
        self.expect(0, 'init', *options)
        self.append(['changed' if i == changed else 'line %d' % i for i in range(400)], '--batch', 3)

    def test_two_ledgers(self):
        """Ledgers written at different times into other segments differ by times alone; a changed record is found."""
        self.fill('one', -1, '--segment-size', '64K')
        one, parts = self.digests('--no-time'), self.digests('--no-time', '--every', 50)
        timed = self.digests()
        self.fill('two', -1, '--segment-size', '1M', '--durable-method', 'buffered-sync')
        self.assertEqual(self.digests('--no-time'), one)
        self.assertNotEqual(self.digests(), timed)
        self.fill('three', 222, '--segment-size', '64K')
        self.assertEqual([line for line in self.digests('--no-time', '--every', 50) if line not in parts],
                         [(self.defined(201, 250, NO_TIME), '201-250')])


class Damaged(Case):
    def test_damage(self):
        """Of a ledger with damage what is before it is printed, and then the damage is told with exit code 3."""
        self.make()
        _, last = self.append(['line %d' % i for i in range(40)], '--batch', 10)
        whole = self.digests('--to', last)
        self.append(['more'])
        self.append(['and more'])
        place = next(line for line in self.expect(0, '--json', 'dump').json_lines()
                     if line['type'] == 'group' and line['first_seq'] == last + 1)
        self.flip(self.segments()[0], place['offset'] + 64 + 28)
        answer = self.expect(3, '--json', 'dump', '--digest')
        self.assertEqual(answer.error()['status'], 'FIRN_ECORRUPT')
        self.assertEqual(self.digests('--to', last, code=3), whole)


tool.main()
