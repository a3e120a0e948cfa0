# SPDX-License-Identifier: Apache-2.0
# beside.py — the reading commands beside a live writer in another process, and after it was killed.
import json
import os
import re
import signal
import time

import tool

SPEC = 'b' * 64


class Beside(tool.Case):
    def start(self, *command):
        """Starts a recorder: a writer that lives as long as its command."""
        process = tool.start('-l', self.ledger, 'run', 'record', '--run', 'W', '--', *command)
        self.addCleanup(tool.stop, process)
        return process

    def show(self):
        return self.expect(0, '--json', 'run', 'show', 'W').json()

    def until(self, what, message):
        """Asks again until it is so: a reader may be some milliseconds behind."""
        deadline = time.monotonic() + tool.PATIENCE
        while not what():
            self.assertLess(time.monotonic(), deadline, message)
            time.sleep(0.01)

    def lines(self):
        return [e['payload']['line'] for e in
                self.expect(0, '--json', 'run', 'events', 'W', '--kind', 'stdout').json_lines()]

    def test_every_reading_command(self):
        """Beside a writer every reading command answers, sees what it appends, and what it was before stays."""
        self.make()
        content = self.expect(0, 'put', '-', input='kept').out.strip()
        self.expect(0, 'run', 'create', '--run', 'old', '--spec-digest', SPEC)
        self.expect(0, 'release', 'promote', 'app', content, '--label', '1')
        follower = tool.start('-l', self.ledger, 'log', '--follow', '--format', 'payload', '--stream', 'run:W')
        self.addCleanup(tool.stop, follower)
        before = self.expect(0, '--json', 'stat').json()
        writer = self.start('sh', '-c', 'while read line; do echo "$line"; done')
        for number in range(5):
            writer.stdin.write(b'line %d\n' % number)
            writer.stdin.flush()
            self.assertEqual(tool.line_of(writer), b'line %d\n' % number)
            self.until(lambda: len(self.lines()) == number + 1, 'events do not come')
            self.assertEqual(self.lines(), ['line %d' % i for i in range(number + 1)])
        self.assertEqual(self.expect(5, '--json', 'put', '-', input='x').error()['status'], 'FIRN_EBUSY')
        run = self.show()
        self.assertEqual((run['status'], run['event_count']), ('RUNNING', 6))
        self.assertEqual([r['run_id'] for r in self.expect(0, '--json', 'run', 'list').json_lines()], ['W', 'old'])
        # The spec is content that this writer has put.
        self.assertEqual(json.loads(self.expect(0, 'get', '--check', run['spec_digest']).out)['argv'][0], 'sh')
        self.expect(0, 'has', run['spec_digest'], content)
        self.expect(1, 'has', SPEC)
        self.assertEqual(self.expect(0, 'get', content).out, 'kept')
        self.assertEqual(self.expect(0, '--json', 'release', 'current', 'app').json()['spec_digest'], content)
        self.assertEqual(len(self.expect(0, '--json', 'release', 'history', 'app').json_lines()), 1)
        facts = self.expect(0, '--json', 'stat').json()
        self.assertGreaterEqual(facts['durable_seq'], before['durable_seq'] + 8)
        self.expect(0, 'replay')
        self.expect(0, 'verify')
        self.expect(0, 'dump')
        writer.stdin.close()
        self.assertEqual(writer.wait(tool.PATIENCE), 0)
        self.assertEqual(self.show()['status'], 'COMPLETED')

    def test_merges_under_readers(self):
        """A writer merges its index several times while readers ask: every answer is whole and none goes back."""
        self.expect(0, 'init', '--segment-size', '4M')
        writer = self.start('sh', '-c', 'seq 150000; echo done >&2; cat')
        os.set_blocking(writer.stdout.fileno(), False)
        seen, passed = 0, b''
        while seen < 150002:
            passed += writer.stdout.read(1 << 20) or b''
            answer = self.firn('--json', 'run', 'show', 'W')
            if answer.code == 1 and seen == 0:
                continue
            self.assertEqual(answer.code, 0, answer.err)
            count = answer.json()['event_count']
            self.assertGreaterEqual(count, seen, 'a reader went back')
            seen = count
            if count > 2:
                last = self.expect(0, '--json', 'run', 'events', 'W', '--kind', 'stdout', '--tail', 1).json_lines()[0]
                self.assertGreaterEqual(int(last['payload']['line']), count - 2)
                self.assertLessEqual(abs(int(last['payload']['line']) - last['seq'] + 1), 1)
        writer.stdin.close()
        self.assertEqual(writer.wait(tool.PATIENCE), 0)
        self.expect(0, 'replay')

    def test_killed_writer(self):
        """What a reader saw beside a writer is there when the writer was killed, before and after another one came."""
        self.make()
        writer = self.start('sh', '-c', 'i=0; while :; do i=$((i + 1)); echo $i; done')
        for _ in range(3000):
            self.assertNotEqual(tool.line_of(writer), b'')
        self.until(lambda: self.firn('run', 'show', 'W').code == 0 and len(self.lines()) > 0, 'nothing is there')
        seen = self.lines()
        self.assertEqual(seen, [str(i + 1) for i in range(len(seen))])
        writer.send_signal(signal.SIGKILL)
        tool.stop(writer)
        self.assertEqual(self.lines()[:len(seen)], seen)
        found = self.lines()
        self.until(lambda: self.firn('put', '-', input='x').code == 0, 'the ledger stays busy')
        self.assertEqual(self.lines()[:len(found)], found)
        self.assertEqual(self.show()['status'], 'RUNNING')
        self.assertTrue(re.search(r'incarnation +2\n', self.expect(0, 'stat').out))


tool.main()
