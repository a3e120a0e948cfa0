# SPDX-License-Identifier: Apache-2.0
# damage.py — ledgers that are none, newer, damaged, foreign, busy or out of reach: exit codes, texts, nothing lost.
import os
import shutil
import signal
import struct
import subprocess
import unittest

import tool

MANIFEST_LENGTH, MANIFEST_VERSION, MANIFEST_INCOMPATIBLE = 20, 12, 32
SEGMENT_HEADER, SEGMENT_VERSION = 128, 12
NOT_A_LEDGER, MANIFEST, SEGMENT_HEADER_BAD, SEGMENT_FOREIGN, SEGMENT_MISSING, GROUP = range(1, 7)
ALIGNMENT = 4096


class NoLedger(tool.Case):
    def test_not_a_ledger(self):
        """A missing path, an empty folder, a folder of other things: exit code 3, and nothing is touched."""
        def refused(ledger):
            self.ledger = ledger
            for command in (['stat'], ['log'], ['verify'], ['replay'], ['append', '--stream', 's']):
                answer = self.expect(3, '--json', *command, input='x\n')
                self.assertEqual(answer.error()['detail'], NOT_A_LEDGER)
        refused(self.path('missing'))
        self.assertFalse(os.path.exists(self.ledger))
        os.mkdir(self.path('empty'))
        refused(self.path('empty'))
        os.mkdir(self.path('other'))
        self.write('other/notes.txt', 'hello')
        refused(self.path('other'))
        self.assertEqual(os.listdir(self.path('other')), ['notes.txt'])

    def test_a_file_is_no_ledger(self):
        """A file where a folder should be is refused, and stays as it is."""
        self.ledger = self.write('file', 'content')
        for command in (['stat'], ['init'], ['append', '--stream', 's']):
            self.assertIn(self.expect(self.firn(*command).code, *command).code, (2, 3, 4, 5))
        with open(self.ledger) as f:
            self.assertEqual(f.read(), 'content')

    def test_path_too_long(self):
        """A path that no file system takes is exit code 2."""
        for self.ledger in ('/' + 'x' * 300 + '/y', '/'.join(['x' * 100] * 60)):
            for command in (['init'], ['stat'], ['append', '--stream', 's']):
                self.assertEqual(self.expect(2, '--json', *command).error()['status'], 'FIRN_ETOOBIG')


class Damaged(tool.Case):
    def setUp(self):
        super().setUp()
        self.make()
        self.first, self.last = self.append(['line %d' % i for i in range(40)], '--batch', 10)

    def kept(self, count=40):
        self.assertEqual(self.payloads('--stream', 's'), ['line %d' % i for i in range(count)])

    def forge_manifests(self, offset, value):
        for name in ('manifest.0', 'manifest.1'):
            with open(self.file(name), 'rb') as f:
                length = struct.unpack_from('<I', f.read(64), MANIFEST_LENGTH)[0]
            tool.forge(self.file(name), length, offset, value)

    def test_newer_version(self):
        """A manifest of a newer version is exit code 3 for every command; nothing is guessed, nothing written."""
        self.forge_manifests(MANIFEST_VERSION, 2)
        for command in (['stat'], ['log'], ['replay'], ['verify'], ['append', '--stream', 's']):
            answer = self.expect(3, '--json', *command, input='x\n')
            self.assertEqual(answer.error()['status'], 'FIRN_ENEWER')
        self.forge_manifests(MANIFEST_VERSION, 1)
        self.kept()

    def test_unknown_feature(self):
        """An unknown incompatible feature is the same."""
        self.forge_manifests(MANIFEST_INCOMPATIBLE, 1 << 31)
        self.assertEqual(self.expect(3, '--json', 'log').error()['status'], 'FIRN_ENEWER')

    def test_newer_segment(self):
        """A segment of a newer version is exit code 3, and the text names the segment."""
        tool.forge(self.segments()[0], SEGMENT_HEADER, SEGMENT_VERSION, 2)
        answer = self.expect(3, '--json', 'append', '--stream', 's', input='x\n')
        self.assertEqual((answer.error()['status'], answer.error()['segment']), ('FIRN_ENEWER', 1))

    def test_one_manifest_slot(self):
        """One damaged slot of the manifest, or one that is gone, costs nothing: the other one holds all."""
        for number, harm in enumerate((lambda path: self.flip(path, 60), os.remove)):
            harm(self.file('manifest.%d' % number))
            self.kept()
            self.append(['more'], stream='other')
            self.kept()
            self.expect(0, 'verify')

    def test_both_manifest_slots(self):
        """Both slots damaged: exit code 3, the text names the manifest; verify says so too."""
        for name in ('manifest.0', 'manifest.1'):
            self.flip(self.file(name), 60)
        answer = self.expect(3, '--json', 'append', '--stream', 's', input='x\n')
        self.assertEqual((answer.error()['status'], answer.error()['detail']), ('FIRN_ECORRUPT', MANIFEST))
        self.assertIn('manifest', answer.error()['message'])
        self.assertIn(self.firn('verify').code, (1, 3))
        self.expect(0, 'dump')

    def test_segment_header(self):
        """A damaged segment header: exit code 3 with the segment's number; verify finds it, exit code 1."""
        self.flip(self.segments()[0], 60)
        answer = self.expect(3, '--json', 'append', '--stream', 's', input='x\n')
        self.assertEqual((answer.error()['detail'], answer.error()['segment']), (SEGMENT_HEADER_BAD, 1))
        self.assertIn('segment 1', answer.error()['message'])
        found = self.expect(1, '--json', 'verify').json_lines()
        self.assertEqual(found[0]['finding']['segment'], 1)
        self.assertFalse(found[-1]['good'])
        self.expect(0, 'dump', 1)

    def test_damaged_group(self):
        """A flipped bit in an acknowledged group: writing is refused with its place; reading goes up to it."""
        path = self.segments()[0]
        with open(path, 'rb') as f:
            at = f.read().find(b'line 20')
        self.flip(path, at)
        answer = self.expect(3, '--json', 'append', '--stream', 's', input='x\n')
        error = answer.error()
        self.assertEqual((error['detail'], error['segment']), (GROUP, 1))
        self.assertLessEqual(error['offset'], at)
        self.assertLess(at - error['offset'], 65536)
        self.assertLessEqual(self.first, error['seq'])
        self.assertLessEqual(error['seq'], self.first + 20)
        log = self.expect(3, 'log', '--format', 'payload', '--stream', 's')
        self.assertEqual(log.out.split('\n')[:-1], ['line %d' % i for i in range(error['seq'] - self.first)])
        self.assertEqual(self.expect(0, '--json', 'stat').json()['damage']['segment'], 1)
        self.assertEqual(self.expect(1, '--json', 'verify').json_lines()[0]['finding']['segment'], 1)
        self.assertIn('finding: ', self.expect(1, 'verify').out)
        self.expect(3, 'replay')
        self.flip(path, at)
        self.kept()

    def test_missing_segment(self):
        """A segment that is gone is exit code 3 and named."""
        os.remove(self.segments()[0])
        answer = self.expect(3, '--json', 'append', '--stream', 's', input='x\n')
        self.assertEqual((answer.error()['detail'], answer.error()['segment']), (SEGMENT_MISSING, 1))
        self.expect(1, 'verify')

    def test_foreign_segment(self):
        """A segment of another ledger in the place of ours is exit code 3 and named, never read as ours."""
        ours, self.ledger = self.ledger, self.path('stranger')
        self.make()
        self.append(['stranger'] * 40)
        strangers = self.segments()[0]
        self.ledger = ours
        shutil.copyfile(strangers, self.segments()[0])
        answer = self.expect(3, '--json', 'append', '--stream', 's', input='x\n')
        self.assertEqual((answer.error()['detail'], answer.error()['segment']), (SEGMENT_FOREIGN, 1))
        self.assertNotIn('stranger', self.firn('log', '--format', 'payload').out)
        self.expect(1, 'verify')


class Index(tool.Case):
    PAGE, LEAF, STREAM_BY_NAME, DETAIL = 4096, 2, 1, 16

    def setUp(self):
        super().setUp()
        self.make()
        for stream in ('s', 't'):
            self.append(['line %d' % i for i in range(40)], '--batch', 10, stream=stream)
        self.data = self.file('index/data.mdb')

    def spoil(self, table, key):
        """The row of a table is another one than its checksum says; wherever it lies in LMDB's leaves."""
        with open(self.data, 'rb') as f:
            data = bytearray(f.read())
        found = 0
        for page in range(2 * self.PAGE, len(data), self.PAGE):
            number, _, flags, lower = struct.unpack_from('<QHHH', data, page)
            if number * self.PAGE != page or flags != self.LEAF:
                continue
            for node in struct.unpack_from('<%dH' % ((lower - 16) // 2), data, page + 16):
                size, big, key_size = struct.unpack_from('<IHH', data, page + node)
                begin = page + node + 8
                if not big and data[begin:begin + key_size] == bytes([table]) + key:
                    data[begin + key_size + size - 1] ^= 1
                    found += 1
        self.assertGreater(found, 0)
        self.write(self.data, bytes(data))

    def whole(self):
        """Everything is there, and the index is what the log gives."""
        for stream in ('s', 't'):
            self.assertEqual(self.payloads('--stream', stream)[:40], ['line %d' % i for i in range(40)])
        report = self.expect(0, '--json', 'verify').json()
        self.assertEqual((report['index_findings'], report['index_note']), (0, ''))
        self.assertGreater(report['index_rows'], 0)
        self.expect(0, 'replay')

    def test_verify_then_replay(self):
        """verify tells a spoilt row, exit code 1, and changes nothing; so does replay, and the next writer cures."""
        self.spoil(self.STREAM_BY_NAME, b's')
        for _ in range(2):
            found = self.expect(1, '--json', 'verify').json_lines()
            self.assertEqual(found[0]['finding']['detail'], self.DETAIL)
            self.assertGreaterEqual(found[0]['finding']['offset'], 2 * self.PAGE)
            self.assertIn('a row of table stream_by_name is damaged', found[0]['finding']['message'])
            self.assertEqual((found[-1]['good'], found[-1]['findings'], found[-1]['index_findings']), (False, 1, 1))
        self.assertIn('firn replay', self.expect(1, 'verify').out)
        answer = self.expect(1, '--json', 'replay')
        self.assertEqual(answer.json_lines()[0]['finding']['detail'], self.DETAIL)
        self.assertEqual((answer.error()['status'], answer.error()['detail']), ('FIRN_ECORRUPT', self.DETAIL))
        self.assertEqual(self.payloads('--stream', 's'), ['line %d' % i for i in range(40)])
        self.append(['more'])
        self.whole()

    def test_reader_then_writer(self):
        """A command that meets a spoilt row is exit code 3 with the cure in its text; the next ones go without."""
        self.spoil(self.STREAM_BY_NAME, b's')
        self.assertEqual(len(self.payloads('--stream', 't')), 40)
        answer = self.expect(3, '--json', 'log', '--stream', 's')
        self.assertEqual((answer.error()['status'], answer.error()['detail']), ('FIRN_ECORRUPT', self.DETAIL))
        self.assertIn('opening again builds it anew', answer.error()['message'])
        self.assertIn('damage was met before', self.expect(1, '--json', 'verify').json_lines()[0]['finding']['message'])
        self.assertEqual(len(self.payloads('--stream', 's')), 40)
        self.append(['more'])
        self.whole()

    def test_writer(self):
        """A writer that meets it writes nothing, exit code 3; the next one builds the index anew."""
        self.spoil(self.STREAM_BY_NAME, b's')
        answer = self.expect(3, '--json', 'append', '--stream', 's', input='x\n')
        self.assertEqual((answer.error()['status'], answer.error()['detail']), ('FIRN_ECORRUPT', self.DETAIL))
        self.append(['more'])
        self.assertEqual(self.payloads('--stream', 's'), ['line %d' % i for i in range(40)] + ['more'])
        self.whole()

    def test_spoilt_pages(self):
        """Pages of noise: verify tells it, readers do without, and the next writer builds the index anew."""
        with open(self.data, 'r+b') as f:
            f.seek(2 * self.PAGE)
            rest = len(f.read())
            f.seek(2 * self.PAGE)
            f.write(os.urandom(rest))
        found = self.expect(1, '--json', 'verify').json_lines()
        self.assertEqual(found[0]['finding']['detail'], self.DETAIL)
        self.expect(0, 'replay')
        self.append(['more'])
        self.whole()

    def test_in_the_way(self):
        """A file in the place of the index is left alone: exit code 5 for writers, readers do without it."""
        shutil.rmtree(self.file('index'))
        self.write(self.file('index'), 'mine')
        answer = self.expect(5, '--json', 'append', '--stream', 's', input='x\n')
        self.assertEqual(answer.error()['status'], 'FIRN_EEXISTS')
        self.assertIn('index: not a folder, and in the way of the index', answer.error()['message'])
        self.assertEqual(len(self.payloads('--stream', 's')), 40)
        report = self.expect(0, '--json', 'verify').json()
        self.assertNotEqual(report['index_note'], '')
        with open(self.file('index')) as f:
            self.assertEqual(f.read(), 'mine')
        os.remove(self.file('index'))
        self.append(['more'])
        self.whole()


class InTheWay(tool.Case):
    def test_second_writer(self):
        """A second writer is exit code 5; the first goes on, readers too."""
        self.make()
        writer = tool.start('-l', self.ledger, 'append', '--stream', 's', '--seqs')
        self.addCleanup(tool.stop, writer)
        for text in (b'first\n', b'second\n'):
            writer.stdin.write(text)
            writer.stdin.flush()
            self.assertTrue(tool.line_of(writer))
        answer = self.expect(5, '--json', 'append', '--stream', 's', input='another\n')
        self.assertEqual(answer.error()['status'], 'FIRN_EBUSY')
        self.assertEqual(self.payloads('--stream', 's')[:1], ['first'])
        self.expect(0, 'verify')
        writer.stdin.write(b'third\n')
        writer.stdin.close()
        self.assertEqual(writer.wait(tool.PATIENCE), 0)
        self.assertEqual(self.payloads('--stream', 's'), ['first', 'second', 'third'])

    @unittest.skipIf(os.geteuid() == 0, 'root may write everywhere')
    def test_permissions(self):
        """A folder without write permission is exit code 5 for writers."""
        self.make()
        os.chmod(self.ledger, 0o500)
        self.expect(5, 'append', '--stream', 's', input='x\n')

    def killed(self, delay_lines):
        """Kills a writer after some acknowledgements; everything acknowledged must be there, in order, no gap."""
        process = tool.start('-l', self.ledger, 'append', '--stream', 's', '--batch', 3, '--seqs', '--outstanding', 8,
                             stdin=subprocess.PIPE)
        feeder = subprocess.Popen(['sh', '-c', 'i=0; while echo line $i; do i=$((i + 1)); done'], stdout=process.stdin,
                                  stderr=subprocess.DEVNULL)
        process.stdin.close()
        rows = []
        try:
            while len(rows) < delay_lines:
                line = process.stdout.readline()
                self.assertTrue(line, 'the writer ended by itself')
                rows.append(line)
            process.send_signal(signal.SIGKILL)
            rows += process.stdout.read().splitlines(keepends=True)
        finally:
            process.kill()
            process.wait(tool.PATIENCE)
            feeder.kill()
            feeder.wait(tool.PATIENCE)
            process.stdout.close()
            process.stderr.close()
        return [tuple(map(int, row.split())) for row in rows if row.endswith(b'\n')]

    def test_killed_writer(self):
        """After SIGKILL at several moments all that was acknowledged is there, batches are whole, writing goes on."""
        self.make()
        version = 0
        for round_number, lines in enumerate((1, 5, 30)):
            rows = self.killed(lines)
            code, tries = 5, 0
            while code == 5 and tries < 100:
                answer = self.firn('append', '--stream', 'marks', input='opened again\n')
                code, tries = answer.code, tries + 1
            self.assertEqual(code, 0, answer.err)
            records = self.expect(0, '--json', 'log', '--stream', 's').json_lines()
            seqs = {record['seq'] for record in records}
            for first, last, _ in rows:
                self.assertTrue(all(seq in seqs for seq in range(first, last + 1)), 'lost: %d to %d' % (first, last))
            self.assertEqual([r['version'] for r in records], list(range(1, len(records) + 1)))
            new = records[version:]
            self.assertEqual([r['payload'] for r in new], ['line %d' % i for i in range(len(new))])
            self.assertEqual(len(new) % 3, 0, 'a batch is not whole')
            version = len(records)
            self.assertEqual(self.expect(0, '--json', 'stat').json()['incarnations_count'], round_number + 2)
            self.expect(0, 'verify')
            self.expect(0, 'replay')


@unittest.skipUnless(os.geteuid() == 0, 'mounting needs root')
class FileSystems(tool.Case):
    def mount(self, options):
        self.place = self.path('mount')
        os.makedirs(self.place, exist_ok=True)
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', self.place], stderr=subprocess.PIPE)
        if done.returncode != 0:
            self.skipTest('mounting is not possible here: ' + done.stderr.decode().strip())
        self.addCleanup(subprocess.run, ['umount', '--lazy', self.place], check=False)
        self.ledger = os.path.join(self.place, 'ledger')

    def test_read_only_file_system(self):
        """On a read-only file system reading works, writing is exit code 5."""
        self.mount('size=16m')
        self.make()
        self.append(['kept'])
        subprocess.run(['mount', '-o', 'remount,ro', self.place], check=True)
        answer = self.expect(5, '--json', 'append', '--stream', 's', input='x\n')
        self.assertEqual(answer.error()['status'], 'FIRN_EACCES')
        self.assertEqual(self.payloads('--stream', 's'), ['kept'])
        self.expect(0, 'verify')
        self.ledger = os.path.join(self.place, 'other')
        self.expect(5, 'init')

    def test_full_disk(self):
        """A full disk is exit code 4; what was acknowledged is told and stays, and with room appending goes on."""
        self.mount('size=4m')
        self.make()
        answer = self.expect(4, '--json', 'append', '--stream', 's', '--seqs', '--batch', 1,
                             input=b''.join(b'%06d %s\n' % (i, b'x' * 3000) for i in range(3000)))
        self.assertEqual(answer.error()['status'], 'FIRN_ENOSPC')
        count = sum(row['count'] for row in answer.json_lines())
        self.assertGreater(count, 0)
        numbers = [int(line[:6]) for line in self.payloads('--stream', 's')]
        self.assertEqual(numbers, list(range(count)))
        subprocess.run(['mount', '-o', 'remount,size=16m', self.place], check=True)
        self.append(['%06d more' % count])
        self.expect(0, 'verify')

    def test_no_room_for_a_ledger(self):
        """No room for the first segment is exit code 4, and what is left there is no ledger that opens."""
        self.mount('size=256k')
        self.expect(4, 'init')
        self.assertNotEqual(self.firn('stat').code, 0)


tool.main()
