# SPDX-License-Identifier: Apache-2.0
# append.py — firn append: what goes in, in which batches, and what is told of it.
import os
import signal

import tool


class Lines(tool.Case):
    def test_every_line_is_an_event(self):
        """Lines come back byte for byte: empty ones, ones with NUL, a last one without a newline."""
        self.make()
        content = b'one\n\ntwo \0 three\n\xff\xfe\nlast without newline'
        self.expect(0, 'append', '--stream', 's', input=content)
        self.assertEqual(self.expect(0, 'log', '--format', 'payload').raw, content + b'\n')

    def test_nothing_in_nothing_out(self):
        """No input is no event and no failure."""
        self.make()
        self.assertIn('nothing appended', self.expect(0, 'append', '--stream', 's', input=b'').out)
        self.assertEqual(self.expect(0, '--json', 'append', '--stream', 's', input=b'').json()['records'], 0)

    def test_files_one_after_the_other(self):
        """Files are read in the order given, - is standard input."""
        self.make()
        a, b = self.write('a', 'a1\na2'), self.write('b', 'b1\n')
        self.expect(0, 'append', '--stream', 's', a, '-', b, input='in\n')
        self.assertEqual(self.payloads(), ['a1', 'a2', 'in', 'b1'])

    def test_whole_files(self):
        """With --whole each file is one event, an empty file one of no bytes."""
        self.make()
        files = [self.write('a', 'x\ny\n'), self.write('b', ''), self.write('c', 'z')]
        self.expect(0, 'append', '--stream', 's', '--whole', *files)
        records = self.expect(0, '--json', 'log').json_lines()
        self.assertEqual([r['payload'] for r in records if r['kind'] == 1], ['x\ny\n', '', 'z'])

    def test_missing_file(self):
        """A file that is not there is exit code 2 with its name; what came before it is appended and told."""
        self.make()
        answer = self.expect(2, '--json', 'append', '--stream', 's', '--batch', 1, self.write('a', 'kept\n'),
                             self.path('missing'))
        self.assertIn('missing', answer.error()['message'])
        self.assertEqual(self.payloads('--stream', 's'), ['kept'])
        self.assertEqual(answer.json()['records'], 1)


class Batches(tool.Case):
    def test_batches_and_seqs(self):
        """--seqs tells first seq, last seq and count of each batch, in order and without a gap."""
        self.make()
        answer = self.expect(0, 'append', '--stream', 's', '--batch', 7, '--seqs', input='x\n' * 100)
        rows = [tuple(map(int, line.split())) for line in answer.out.splitlines()]
        self.assertEqual([row[2] for row in rows], [7] * 14 + [2])
        for (_, last, _), (first, _, _) in zip(rows, rows[1:]):
            self.assertEqual(first, last + 1)
        for first, last, count in rows:
            self.assertEqual(last - first + 1, count)
        records = self.expect(0, '--json', 'log', '--stream', 's').json_lines()
        self.assertEqual({(r['batch_first_seq'], r['batch_count']) for r in records}, {(r[0], r[2]) for r in rows})

    def test_seqs_as_json(self):
        """--json --seqs is one JSON object a batch."""
        self.make()
        answer = self.expect(0, '--json', 'append', '--stream', 's', '--batch', 2, '--seqs', input='a\nb\nc\n')
        rows = answer.json_lines()
        self.assertEqual([row['count'] for row in rows], [2, 1])
        self.assertEqual(rows[1]['first_seq'], rows[0]['last_seq'] + 1)

    def test_batches_by_size(self):
        """A batch is also full at --batch-size bytes, and an event never pushes it above."""
        self.make()
        answer = self.expect(0, 'append', '--stream', 's', '--batch-size', 100, '--seqs', input=('x' * 60 + '\n') * 3)
        self.assertEqual([line.split()[2] for line in answer.out.splitlines()], ['1', '1', '1'])

    def test_atomic(self):
        """With --atomic all of the input is one batch."""
        self.make()
        answer = self.expect(0, 'append', '--stream', 's', '--atomic', '--batch', 3, '--seqs', input='x\n' * 10)
        self.assertEqual(len(answer.out.splitlines()), 1)

    def test_slow_input_is_recorded_promptly(self):
        """A line that comes alone is acknowledged while the input stays open."""
        self.make()
        process = tool.start('-l', self.ledger, 'append', '--stream', 's', '--seqs')
        self.addCleanup(tool.stop, process)
        for text in (b'first\n', b'second\n'):
            process.stdin.write(text)
            process.stdin.flush()
            self.assertEqual(tool.line_of(process).split()[2:], [b'1'])
        process.stdin.close()
        self.assertEqual(process.wait(tool.PATIENCE), 0)

    def interrupt(self, which):
        self.make()
        process = tool.start('-l', self.ledger, 'append', '--stream', 's', '--seqs', '--batch', 1)
        process.stdin.write(b'one\ntwo\n')
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(which)
        out, err = process.communicate(timeout=tool.PATIENCE)
        self.assertEqual(process.returncode, 128 + which, err)
        self.assertIn(b'appended', err)
        stat = self.expect(0, '--json', 'stat').json()
        self.assertTrue(stat['was_clean'], 'the ledger was not closed')
        return out

    def test_interrupt(self):
        """SIGINT ends an append in order: what was sent is told, the ledger is closed, exit code 130."""
        self.interrupt(signal.SIGINT)

    def test_terminate(self):
        """SIGTERM the same, exit code 143."""
        self.interrupt(signal.SIGTERM)

    def test_reader_of_seqs_goes_away(self):
        """A closed standard output ends the append without a message and without harm to the ledger."""
        self.make()
        process = tool.start('-l', self.ledger, 'append', '--stream', 's', '--seqs', '--batch', 1)
        process.stdout.close()
        try:
            process.stdin.write(b'x\n' * 1000)
            process.stdin.close()
        except BrokenPipeError:
            pass
        self.assertEqual(process.wait(tool.PATIENCE), 128 + signal.SIGPIPE)
        self.assertNotIn(b'firn:', process.stderr.read())
        process.stderr.close()
        self.assertTrue(self.expect(0, '--json', 'stat').json()['was_clean'])


class Conditions(tool.Case):
    def test_expected_version(self):
        """--expect-version appends at that version of the stream only; several batches count on."""
        self.make()
        self.expect(0, 'append', '--stream', 's', '--expect-version', 0, '--batch', 2, input='a\nb\nc\nd\ne\n')
        answer = self.expect(5, '--json', 'append', '--stream', 's', '--expect-version', 0, input='no\n')
        self.assertEqual(answer.error()['status'], 'FIRN_ECONFLICT')
        self.expect(0, 'append', '--stream', 's', '--expect-version', 5, input='f\n')
        self.assertEqual(self.payloads('--stream', 's'), list('abcdef'))

    def test_idempotency_key(self):
        """A second append under a key appends nothing and tells the first; other content under it is a conflict."""
        self.make()
        options = ['--json', 'append', '--stream', 's', '--key', 'k', '--scope', 'test']
        first = self.expect(0, *options, input='a\nb\n').json()
        second = self.expect(0, *options, input='a\nb\n').json()
        self.assertEqual((first['existing'], second['existing']), (False, True))
        self.assertEqual(first['first_seq'], second['first_seq'])
        self.assertEqual(self.expect(5, *options, input='other\n').error()['status'], 'FIRN_ECONFLICT')
        self.assertEqual(self.payloads('--stream', 's'), ['a', 'b'])

    def test_no_ledger(self):
        """Appending makes no ledger unless --create says so."""
        answer = self.expect(3, '--json', 'append', '--stream', 's', input='x\n')
        self.assertEqual(answer.error()['detail'], 1)
        self.assertFalse(os.path.exists(self.ledger))
        self.expect(0, 'append', '--create', '--stream', 's', input='x\n')
        self.assertEqual(self.payloads('--stream', 's'), ['x'])


class BadInput(tool.Case):
    def test_malformed_json(self):
        """A line that is no JSON: file, line and column; its batch is not appended, batches before it stay."""
        self.make()
        path = self.write('in.jsonl', '{"n":1}\n{"n":2}\n{"n":3}\n{"n" 4}\n{"n":5}\n')
        answer = self.expect(2, 'append', '--stream', 's', '--jsonl', '--batch', 2, path)
        self.assertIn('in.jsonl:4:6: ', answer.err)
        self.assertIn('appended 2 records', answer.out)
        self.assertEqual(self.payloads('--stream', 's'), ['{"n":1}', '{"n":2}'])

    def test_good_json_is_kept_as_it_is(self):
        """JSON lines are kept to the byte: spaces, order and numbers of any size."""
        self.make()
        lines = ['{"b": 1,  "a": 12345678901234567890123}', '[1e400]', '"text"', 'null']
        self.append(lines, '--jsonl')
        self.assertEqual(self.payloads('--stream', 's'), lines)

    def test_line_above_the_limit(self):
        """A line above the limit: exit code 2 with file and line; lines before it are another batch and stay."""
        self.make()
        path = self.write('long', b'short\n' + b'x' * (tool.EVENT_SIZE_MAX + 1) + b'\nafter\n')
        answer = self.expect(2, '--json', 'append', '--stream', 's', '--batch', 1, path)
        self.assertEqual(answer.error()['status'], 'FIRN_ETOOBIG')
        self.assertIn('long:2: ', answer.error()['message'])
        self.assertEqual(self.payloads('--stream', 's'), ['short'])

    def test_largest_and_smallest(self):
        """An event of the largest size and one of no bytes go in and come out."""
        self.make()
        self.expect(0, 'append', '--stream', 's', input=b'y' * tool.EVENT_SIZE_MAX + b'\n\n')
        back = self.expect(0, 'log', '--stream', 's', '--format', 'payload').raw
        self.assertTrue(back == b'y' * tool.EVENT_SIZE_MAX + b'\n\n', 'it came back changed')

    def test_body_above_16_mib(self):
        """16 MiB and one byte as one event: exit code 2, nothing appended."""
        self.make()
        answer = self.expect(2, 'append', '--stream', 's', '--whole', self.write('big', bytes(16 * 1024 * 1024 + 1)))
        self.assertIn('big: above', answer.err)
        self.assertEqual(self.expect(0, '--json', 'stat').json()['streams_count'], 0)

    def test_bad_stream_names(self):
        """Stream names that are empty, too long or hold control characters are exit code 2."""
        self.make()
        for name in ('', 'x' * 1025, 'a\nb', b'\xff'):
            self.expect(2, 'append', '--stream', os.fsdecode(name), input='x\n')
        self.assertEqual(self.expect(0, '--json', 'stat').json()['streams_count'], 0)

    def test_stdout_is_full(self):
        """A standard output that cannot be written is exit code 4, and what was acknowledged stays."""
        self.make()
        with open('/dev/full', 'wb') as full:
            answer = self.firn('append', '--stream', 's', '--seqs', input='x\n', stdout=full)
        self.assertEqual(answer.code, 4)
        self.assertIn('standard output', answer.err)
        self.assertEqual(self.payloads('--stream', 's'), ['x'])


tool.main()
