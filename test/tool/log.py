# SPDX-License-Identifier: Apache-2.0
# log.py — firn log, stat, dump, replay and verify on good ledgers.
import base64
import re
import subprocess

import tool


class Log(tool.Case):
    def setUp(self):
        super().setUp()
        self.make()

    def test_text(self):
        """A line a record, fields parted by tabs; what a terminal would obey is escaped."""
        self.append(['a\tb\x1b[31m\\'], '--kind', 9, stream='one two')
        fields = self.expect(0, 'log', '--stream', 'one two').out.rstrip('\n').split('\t')
        self.assertRegex(fields[1], r'^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$')
        self.assertEqual(fields[2:], ['one two', '1', '9', 'a\\tb\\x1b[31m\\\\'])

    def test_json(self):
        """JSON lines hold all of a record; a payload that is no text stands in base64."""
        self.expect(0, 'append', '--stream', 's', input=b'text\n\xff\x00\n')
        text, raw = self.expect(0, '--json', 'log', '--stream', 's').json_lines()
        self.assertEqual((text['stream'], text['version'], text['kind'], text['payload']), ('s', 1, 1, 'text'))
        self.assertEqual(base64.b64decode(raw['payload_base64']), b'\xff\x00')
        self.assertEqual((raw['seq'], raw['batch_first_seq'], raw['batch_count']),
                         (text['seq'] + 1, text['seq'], 2))

    def test_formats(self):
        """--format hex and seq print only that."""
        first, _ = self.append(['az'])
        self.assertEqual(self.expect(0, 'log', '--stream', 's', '--format', 'hex').out, '617a\n')
        self.assertEqual(self.expect(0, 'log', '--stream', 's', '--format', 'seq').out, '%d\n' % first)

    def test_ranges(self):
        """--from, --to, --last, --stream and --kind choose what is printed, alone and together."""
        first, last = self.append(['a%d' % i for i in range(10)], '--kind', 1, stream='a')
        self.append(['b%d' % i for i in range(10)], '--kind', 2, stream='b')
        self.append(['c'], '--kind', 2, stream='a')
        self.assertEqual(self.payloads('--from', first + 8, '--to', last + 2), ['a8', 'a9', 'b0', 'b1'])
        self.assertEqual(self.payloads('--last', 2), ['b9', 'c'])
        self.assertEqual(self.payloads('--last', 3, '--stream', 'a'), ['a8', 'a9', 'c'])
        self.assertEqual(self.payloads('--last', 99, '--stream', 'b'), ['b%d' % i for i in range(10)])
        self.assertEqual(self.payloads('--kind', 2, '--from', last + 9), ['b8', 'b9', 'c'])
        self.assertEqual(self.payloads('--kind', 2, '--stream', 'a'), ['c'])
        self.assertEqual(self.payloads('--from', last + 1000), [])

    def test_no_such_stream(self):
        """A stream that does not exist is exit code 1."""
        self.append(['x'])
        self.assertEqual(self.expect(1, '--json', 'log', '--stream', 'none').error()['status'], 'FIRN_ENOTFOUND')

    def test_reader_goes_away(self):
        """firn log or dump into a reader that stops early ends silently."""
        self.expect(0, 'append', '--stream', 's', input='some text that fills a pipe\n' * 20000)
        for command in (['log'], ['dump', '--records']):
            process = tool.start('-l', self.ledger, *command, stdin=subprocess.DEVNULL)
            process.stdout.readline()
            process.stdout.close()
            self.assertEqual(process.wait(tool.PATIENCE), 141)
            self.assertEqual(process.stderr.read(), b'')
            process.stderr.close()

    def test_output_is_full(self):
        """A standard output that cannot be written is exit code 4."""
        self.append(['x'])
        with open('/dev/full', 'wb') as full:
            answer = self.firn('log', stdout=full)
        self.assertEqual(answer.code, 4)
        self.assertIn('No space left', answer.err)

    def test_follow(self):
        """--follow prints what is there and what another process appends later, each record once, without a gap."""
        self.append(['0', '1'])
        follower = tool.start('-l', self.ledger, 'log', '--follow', '--format', 'payload', '--stream', 's',
                              stdin=subprocess.DEVNULL)
        self.addCleanup(tool.stop, follower)
        writer = tool.start('-l', self.ledger, 'append', '--stream', 's', '--batch', 1, '--seqs')
        self.addCleanup(tool.stop, writer)
        seen = []
        for number in range(2, 8):
            writer.stdin.write(b'%d\n' % number)
            writer.stdin.flush()
            self.assertTrue(tool.line_of(writer), 'nothing was acknowledged')
            # What is acknowledged can be read by others at the latest when the next batch is: waits for the one
            # before, so that the follower must look again and again.
            while len(seen) < number:
                line = tool.line_of(follower)
                if not line:
                    self.fail('the follower printed %s, then ended or fell silent: %s' % (seen, tool.stop(follower)))
                seen.append(line.decode().strip())
        writer.stdin.close()
        self.assertEqual(writer.wait(tool.PATIENCE), 0)
        seen.append(tool.line_of(follower).decode().strip())
        self.assertEqual(seen, [str(number) for number in range(8)])

    def test_follow_to_an_end(self):
        """--follow --to ends by itself when that record has come."""
        _, last = self.append(['a', 'b'])
        self.assertEqual(self.payloads('--follow', '--stream', 's', '--to', last), ['a', 'b'])


class LogOfSettings(tool.Case):
    def test_follow_a_stream_to_come(self):
        """--follow of a stream that does not exist yet prints no records of the ledger's own."""
        self.expect(0, 'init', '--key-age', '1d')
        self.assertEqual(self.expect(0, 'log', '--follow', '--stream', 'later', '--to', 1).out, '')
        self.assertIn('\t-\t', self.expect(0, 'log').out)


class Facts(tool.Case):
    def setUp(self):
        super().setUp()
        self.make()

    def test_stat(self):
        """stat tells positions, streams, and how bytes reach the disk, as text and as JSON."""
        _, last = self.append(['x'] * 3, stream='a')
        self.append(['y'], stream='b')
        facts = self.expect(0, '--json', 'stat', '--streams').json()
        self.assertEqual((facts['durable_seq'], facts['streams_count'], facts['was_clean']), (last + 1, 2, True))
        self.assertEqual([(s['name'], s['version'], s['last_seq']) for s in facts['streams']],
                         [('a', 3, last), ('b', 1, last + 1)])
        self.assertIn(facts['io_path'], ('uring', 'portable'))
        self.assertEqual(facts['cuts'], [])
        text = self.expect(0, 'stat', '--streams').out
        for word in (facts['ledger_id'], facts['io_path'], facts['durable_method'], 'layout guarantee', 'cuts'):
            self.assertIn(word, text)

    def test_init_refuses_what_exists(self):
        """A second init is exit code 5 and leaves the ledger as it is."""
        self.append(['x'])
        self.assertEqual(self.expect(5, '--json', 'init').error()['status'], 'FIRN_EEXISTS')
        self.assertEqual(self.payloads('--stream', 's'), ['x'])

    def test_replay_and_verify(self):
        """replay and verify of a good ledger agree on records and digest, exit code 0."""
        _, last = self.append(['x'] * 250)
        replayed = self.expect(0, '--json', 'replay').json()
        verified = self.expect(0, '--json', 'verify').json()
        self.assertEqual((replayed['good'], verified['good'], verified['findings']), (True, True, 0))
        self.assertEqual((replayed['records'], verified['last_seq']), (last, last))
        self.assertEqual(replayed['digest'], verified['digest'])
        self.assertIn('verified: 0 findings', self.expect(0, 'verify').out)
        self.assertIn('replayed', self.expect(0, 'replay').out)

    def test_reading_changes_nothing(self):
        """log, stat, dump, replay and verify leave every file of the ledger as it was."""
        def content():
            found = {}
            for name in tool.os.listdir(self.ledger) + ['index/data.mdb']:
                if tool.os.path.isfile(self.file(name)):
                    with open(self.file(name), 'rb') as f:
                        found[name] = f.read()
            return found
        self.append(['x'] * 10)
        before = content()
        for command in ('log', 'stat', 'dump', 'replay', 'verify'):
            self.expect(0, command)
        self.assertTrue(content() == before, 'something changed')

    def test_dump(self):
        """dump prints every file of a ledger, one segment by number, or a file by name, down to records."""
        self.append(['x'], stream='needle-stream')
        path = self.segments()[0]
        number = int(re.match(r'[0-9a-f]+', tool.os.path.basename(path)).group(), 16)
        self.assertIn('manifest', self.expect(0, 'dump').out)
        for operand in (number, path):
            said = self.expect(0, 'dump', '--records', operand).out
            self.assertIn('needle-stream', said)
            self.assertIn('record seq=1', said)
        self.assertTrue(any(line.get('type') for line in self.expect(0, '--json', 'dump', number).json_lines()))
        self.expect(1, 'dump', 999999)
        self.expect(1, 'dump', self.path('missing'))
        self.expect(2, 'dump', self.write('text', 'no ledger'))

    def test_memory_ledger(self):
        """mem: works as a ledger that is gone at the end; schemes of later are refused by name."""
        self.ledger = 'mem:'
        self.assertIn('appended 2 records', self.expect(0, 'append', '--create', '--stream', 's', input='a\nb\n').out)
        self.ledger = 'sqlite:' + self.path('x')
        self.assertIn('not built in', self.expect(2, 'stat').err)
        self.ledger = 'gopher:x'
        self.assertIn('unknown URL scheme', self.expect(2, 'stat').err)


tool.main()
