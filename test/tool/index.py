# SPDX-License-Identifier: Apache-2.0
# index.py — the index on disk as an operator meets it: harmed, foreign, too small, out of reach; the answers stay.
import os
import shutil
import subprocess
import unittest

import tool

SPEC = 'a' * 64
INDEX = 16
READERS = (['log'], ['run', 'list'], ['run', 'events', 'R'], ['release', 'history', 'app'])


class Index(tool.Case):
    def setUp(self):
        super().setUp()
        self.fill()

    def fill(self):
        """A ledger with something in every store, closed, so that its index holds all of it."""
        self.make()
        self.append(['line %d' % i for i in range(300)], '--batch', 50)
        self.digest = self.expect(0, 'put', '-', input='content of ' + self.ledger).out.strip()
        self.expect(0, 'run', 'create', '--run', 'R', '--spec-digest', SPEC)
        self.expect(0, 'run', 'append', 'R', input=''.join(
            '{"kind":"k","payload":%d,"timestamp":"2024-06-01T12:00:00Z"}\n' % i for i in range(200)))
        self.expect(0, 'run', 'complete', 'R')
        self.expect(0, 'release', 'promote', 'app', self.digest, '--label', '1')

    def answers(self):
        """What readers say about everything."""
        return [self.expect(0, '--json', *command).out for command in READERS] + \
            [self.expect(0, 'get', '--check', self.digest).out]

    def stat(self, *options):
        return self.expect(0, '--json', *options, 'stat').json()

    def data(self):
        return self.file('index/data.mdb')

    def harmed(self, harm, note=None):
        """Harms the index: readers answer as before and change nothing; the next writer builds it again."""
        before = self.answers()
        harm()
        self.assertTrue(self.answers() == before, 'a reader answers otherwise')
        if note is not None:
            self.assertIn(note, self.stat()['index_note'])
            self.assertIn('on disk is not used', self.expect(0, 'stat').out)
            found = self.expect(1, '--json', 'verify').json_lines()[0]['finding']
            self.assertEqual((found['status'], found['detail']), ('FIRN_ECORRUPT', INDEX))
        else:
            self.expect(0, 'verify')
        # What is put is there already: nothing is appended, the index alone is made.
        self.expect(0, 'put', '-', input='content of ' + self.ledger)
        facts = self.stat()
        self.assertEqual((facts['index_note'], facts['replayed_records'], facts['merged_seq']),
                         ('', 0, facts['durable_seq']))
        self.assertGreater(facts['index_file_rows'], 0)
        self.assertTrue(self.answers() == before, 'the index that was built again answers otherwise')
        self.expect(0, 'replay')

    def test_stat_tells_of_the_index(self):
        """stat tells size, rows and mark of the index on disk, as text and as JSON."""
        facts = self.stat()
        self.assertEqual(facts['index_file_size'] % 4096, 0)
        self.assertEqual((facts['merged_seq'], facts['delta_records'], facts['delta_rows'], facts['index_note']),
                         (facts['durable_seq'], 0, 0, ''))
        text = self.expect(0, 'stat').out
        for label in ('on disk', 'rows on disk', 'merged up to seq', 'rows in memory', 'replayed at open'):
            self.assertIn(label, text)

    def test_missing(self):
        """An index that was deleted, or whose file was: readers replay, the next writer builds it again."""
        self.harmed(lambda: shutil.rmtree(self.file('index')))
        os.remove(self.data())
        self.assertEqual(self.stat()['index_file_size'], 0)
        self.expect(0, 'put', '-', input='x')
        self.assertEqual(self.stat()['merged_seq'], self.stat()['durable_seq'])

    def test_rebuild(self):
        """replay --rebuild makes the index anew, good as it may be, and tells of it; beside a writer it is refused."""
        before = self.answers()
        good = self.stat()
        made = os.stat(self.data()).st_ctime_ns
        told = self.expect(0, '--json', 'replay', '--rebuild').json()
        self.assertEqual((told['records'], told['last_seq'], told['rows']),
                         (good['durable_seq'], good['durable_seq'], good['index_file_rows']))
        self.assertGreater(told['duration_ns'], 0)
        self.assertGreater(os.stat(self.data()).st_ctime_ns, made)
        self.assertTrue(self.answers() == before, 'the index that was built again answers otherwise')
        with open(self.data(), 'r+b') as file:
            file.seek(8192)
            file.write(bytes(os.stat(self.data()).st_size - 8192))
        self.expect(1, 'verify')
        self.assertIn('rebuilt', self.expect(0, 'replay', '--rebuild').out)
        self.expect(0, 'verify')
        self.assertTrue(self.answers() == before, 'the index that was built again answers otherwise')
        writer = tool.start('-l', self.ledger, 'append', '--stream', 's', '--seqs', '--batch', 1)
        try:
            writer.stdin.write(b'one\n')
            self.assertTrue(writer.stdout.readline(), 'the writer says that it has appended')
            self.assertIn('held elsewhere', self.expect(5, 'replay', '--rebuild').err)
        finally:
            writer.communicate()
        self.expect(0, 'replay')

    def test_garbage(self):
        """An index full of other bytes is not used, and built again."""
        def garbage():
            size = os.path.getsize(self.data())
            self.patch(self.data(), 0, bytes(i * 7 & 255 for i in range(size)))
        self.harmed(garbage, 'on disk is not used')

    def test_truncated(self):
        """An index that was cut, to some pages or to nothing, is not used, and built again."""
        self.harmed(lambda: os.truncate(self.data(), 2 * 4096), 'on disk is not used')
        self.harmed(lambda: os.truncate(self.data(), 0))

    def test_table_of_readers(self):
        """Garbage in, or nothing of, the table of readers: it is made anew, and the index is used."""
        before = self.answers()
        for content in (b'\xa5' * 131072, b''):
            self.write('ledger/index/lock.mdb', content)
            self.assertTrue(self.answers() == before, 'a reader answers otherwise')
            self.append(['more'], stream='more')
            before = self.answers()
            self.assertEqual(self.stat()['index_note'], '')

    @unittest.skipUnless(os.geteuid() == 0, 'mounting needs root')
    def test_no_room_to_open(self):
        """On a disk that is full to the last page writers are refused, exit code 4, and readers read."""
        before = self.answers()
        place = self.path('place')
        os.mkdir(place)
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', place], stderr=subprocess.PIPE)
        if done.returncode != 0:
            self.skipTest('mounting is not possible here: ' + done.stderr.decode().strip())
        self.addCleanup(subprocess.run, ['umount', '--lazy', place], check=False)
        origin, self.ledger = self.ledger, os.path.join(place, 'ledger')
        shutil.copytree(origin, self.ledger, ignore=shutil.ignore_patterns('index'))
        with open(os.path.join(place, 'filler'), 'wb', buffering=0) as filler:
            with self.assertRaises(OSError):
                while True:
                    filler.write(bytes(4096))
        self.assertTrue(self.answers() == before, 'a reader answers otherwise')
        answer = self.expect(4, '--json', 'put', '-', input='x')
        self.assertEqual(answer.error()['status'], 'FIRN_ENOSPC')
        os.remove(os.path.join(place, 'filler'))
        self.expect(0, 'put', '-', input='content of ' + origin)
        self.assertTrue(self.answers() == before, 'what was there is there no more')
        self.expect(0, 'verify')

    def test_not_a_file(self):
        """A folder in the place of the index's file is not used; a writer names it, and goes on once it is gone."""
        before = self.answers()
        os.remove(self.data())
        os.mkdir(self.data())
        self.assertTrue(self.answers() == before, 'a reader answers otherwise')
        self.assertIn('on disk is not used', self.stat()['index_note'])
        answer = self.firn('put', '-', input='x')
        if answer.code != 0:
            self.assertIn(self.data(), answer.err)
            shutil.rmtree(self.file('index'))
            self.expect(0, 'put', '-', input='x')
        self.assertEqual(self.stat()['merged_seq'], self.stat()['durable_seq'])
        self.expect(0, 'verify')

    def test_foreign(self):
        """The index of another ledger is not used, and built again."""
        ours, self.ledger = self.ledger, self.path('stranger')
        self.fill()
        strangers, self.ledger = self.data(), ours
        self.digest = self.expect(0, 'put', '-', input='content of ' + ours).out.strip()
        self.harmed(lambda: shutil.copyfile(strangers, self.data()), 'on disk is not used')

    def test_stale(self):
        """An index of an earlier moment costs the replay of what came since, and nothing else."""
        shutil.copyfile(self.data(), self.path('earlier'))
        earlier = self.stat()['merged_seq']
        self.append(['later'] * 10)
        before = self.answers()
        shutil.copyfile(self.path('earlier'), self.data())
        facts = self.stat()
        self.assertEqual((facts['merged_seq'], facts['delta_records'], facts['index_note']), (earlier, 10, ''))
        self.assertTrue(self.answers() == before, 'a reader answers otherwise')
        self.append(['last'])
        self.assertEqual(self.stat()['delta_records'], 0)

    def test_map_too_small(self):
        """An index that its map has no room for: appending goes on, all is there, and with room it is merged."""
        rows = 12000
        self.expect(0, 'run', 'create', '--run', 'M', '--spec-digest', SPEC)
        said = self.expect(0, '--index-map-size', '1M', '--verbose', 'run', 'append', 'M', input=''.join(
            # Numbers far apart: a row each.
            '{"seq":%d,"kind":"k","payload":%d,"timestamp":"2024-06-01T12:00:00Z"}\n' % (i << 10, i)
            for i in range(rows)))
        self.assertIn('the map of the index is full', said.err)
        facts = self.stat()
        self.assertGreater(facts['delta_records'], 0)
        self.assertEqual(self.expect(0, '--json', 'run', 'show', 'M').json()['event_count'], rows)
        # Also the next writers: what is behind is replayed.
        self.expect(0, '--index-map-size', '1M', 'run', 'complete', 'M')
        self.assertGreater(self.stat()['delta_records'], 0)
        self.expect(0, 'replay')
        self.expect(0, 'put', '-', input='x')
        self.assertEqual(self.stat()['delta_records'], 0)
        self.assertEqual(self.expect(0, '--json', 'run', 'show', 'M').json()['status'], 'COMPLETED')
        self.expect(0, 'verify')

    def test_wrong_map_size(self):
        """A map size that is none, or below what can work, is exit code 2 and touches nothing."""
        for text in ('many', '0', '1X'):
            answer = self.expect(2, '--json', '--index-map-size', text, 'put', '-', input='x')
            self.assertIn("--index-map-size: '%s' is not a size" % text, answer.error()['message'])
        answer = self.expect(2, '--json', '--index-map-size', '4K', 'put', '-', input='x')
        self.assertIn('option index_map_size is 4096: out of range', answer.error()['message'])

    @unittest.skipIf(os.geteuid() == 0, 'root may read and write everywhere')
    def test_no_rights(self):
        """A reader that may not read the index replays; a writer that may not write it is refused, exit code 5."""
        before = self.answers()
        os.chmod(self.file('index'), 0)
        self.addCleanup(os.chmod, self.file('index'), 0o700)
        self.assertTrue(self.answers() == before, 'a reader answers otherwise')
        self.assertEqual(self.expect(5, '--json', 'put', '-', input='x').error()['status'], 'FIRN_EACCES')

    @unittest.skipUnless(os.geteuid() == 0, 'mounting needs root')
    def test_read_only_place(self):
        """On a read-only file system readers use the index, or replay without one; writers are refused, exit code 5."""
        before = self.answers()
        place = self.path('place')
        os.mkdir(place)
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', place], stderr=subprocess.PIPE)
        if done.returncode != 0:
            self.skipTest('mounting is not possible here: ' + done.stderr.decode().strip())
        self.addCleanup(subprocess.run, ['umount', '--lazy', place], check=False)
        origin = self.ledger
        shutil.copytree(origin, os.path.join(place, 'whole'))
        shutil.copytree(origin, os.path.join(place, 'bare'), ignore=shutil.ignore_patterns('index'))
        subprocess.run(['mount', '-o', 'remount,ro', place], check=True)
        for name in ('whole', 'bare'):
            self.ledger = os.path.join(place, name)
            self.assertTrue(self.answers() == before, 'a reader answers otherwise: ' + name)
            answer = self.expect(5, '--json', 'put', '-', input='x')
            self.assertEqual(answer.error()['status'], 'FIRN_EACCES')
            self.expect(0, 'verify')


tool.main()
