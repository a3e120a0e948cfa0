# SPDX-License-Identifier: Apache-2.0
# record.py — firn run record: output and exit status pass through, and all of it is in the run.
import base64
import hashlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
import unittest

import tool

PYTHON = sys.executable


class Recording(tool.Case):
    def make(self):
        self.expect(0, 'init', '--segment-size', '1M')

    def record(self, *command, options=(), **more):
        return self.firn('run', 'record', '--run', 'R', *options, '--', *command, **more)

    def show(self, run_id='R'):
        return self.expect(0, '--json', 'run', 'show', run_id).json()

    def events(self, run_id='R', *options):
        return self.expect(0, '--json', 'run', 'events', run_id, *options).json_lines()

    def first(self):
        return self.events()[0]['payload']

    def last(self):
        return self.events()[-1]['payload']

    def output(self, stream, run_id='R'):
        """What the command printed, put together again from the run's events."""
        data = b''
        whole = True
        for event in self.expect(0, '--json', 'run', 'events', run_id, '--kind', stream, '--kind',
                                 stream + '_json').out.splitlines():
            kind, payload = json.loads(event)['kind'], json.loads(event)['payload']
            if kind.endswith('_json'):
                data += event[event.index('"payload":') + 10:event.rindex(',"timestamp"')].encode()
            elif 'line_base64' in payload:
                data += base64.b64decode(payload['line_base64'])
            else:
                data += payload['line'].encode()
            whole = not payload.get('more') if not kind.endswith('_json') else True
            data += b'\n' if whole else b''
        ended = json.loads(self.expect(0, '--json', 'run', 'events', run_id, '--tail', 1).out)['payload'][stream]
        return data if ended['newline_at_end'] or not data else data[:-1]

    def same(self, script, *options):
        """Runs a script alone and recorded: outputs and exit code are equal, and so is what the run holds."""
        self.make()
        alone = subprocess.run([PYTHON, '-c', script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        recorded = self.record(PYTHON, '-c', script)
        self.assertEqual(recorded.code, alone.returncode if alone.returncode >= 0 else 128 - alone.returncode)
        self.assertTrue(recorded.raw == alone.stdout, 'standard output differs')
        self.assertTrue(recorded.err.encode() == alone.stderr.decode('utf-8', 'replace').encode(), recorded.err)
        self.assertTrue(self.output('stdout') == alone.stdout, 'the recorded standard output differs')
        self.assertTrue(self.output('stderr') == alone.stderr, 'the recorded standard error differs')

    def test_a_command_as_a_run(self):
        """A command's start, lines and end are the events of a run that is COMPLETED, with its spec as content."""
        self.make()
        answer = self.record('sh', '-c', 'echo one; echo two >&2; echo three', options=['--env', 'HOME', '--env', 'NO'],
                             cwd=self.folder)
        self.assertEqual((answer.code, answer.out, answer.err), (0, 'one\nthree\n', 'two\n'))
        events = self.events()
        self.assertEqual([e['seq'] for e in events], [1, 2, 3, 4, 5])
        self.assertEqual((events[0]['kind'], events[-1]['kind']), ('command_started', 'command_ended'))
        self.assertEqual(sorted((e['kind'], e['payload']['line']) for e in events[1:-1]),
                         [('stderr', 'two'), ('stdout', 'one'), ('stdout', 'three')])
        argv = ['sh', '-c', 'echo one; echo two >&2; echo three']
        self.assertEqual(events[0]['payload'], {'argv': argv, 'cwd': os.path.realpath(self.folder), 'git_sha': None,
                                                'env': {'HOME': os.environ.get('HOME'), 'NO': None}})
        end = events[-1]['payload']
        self.assertEqual((end['exit_code'], end['signal'], end['artifacts']), (0, None, []))
        self.assertEqual(end['stdout'], {'bytes': 10, 'lines': 2, 'newline_at_end': True})
        self.assertGreater(end['max_rss_bytes'], 0)
        self.assertGreater(end['wall_ns'], 0)
        run = self.show()
        summary = run['summary']
        self.assertEqual((run['status'], summary['success'], summary['total_events']), ('COMPLETED', True, 5))
        self.assertEqual(run['metadata']['agent_name'], 'sh')
        spec = self.expect(0, 'get', run['spec_digest']).out
        self.assertEqual(spec, json.dumps({'argv': argv, 'cwd': os.path.realpath(self.folder), 'git_sha': None},
                                          separators=(',', ':'), sort_keys=True))

    def test_output_is_kept_to_the_byte(self):
        """Empty lines, no newline at the end, NUL, bytes that are no UTF-8, carriage returns: all come back."""
        self.same(r'''import os
os.write(1, b'a\n\n\x00\x01\r\n\xff\xfe\n\xc3\xa9 "quoted" \\ \x7f\n{"json": 1}\n{"json" : 2}\r\n')
os.write(1, b'{no json}\n{"a":"\xff"}\nlast')
os.write(2, b'\n\nerr \xe2\x82')''')

    def test_no_output(self):
        """A command without output passes nothing and records only start and end."""
        self.same('pass')
        self.assertEqual(len(self.events()), 2)

    def test_long_lines(self):
        """A line above 1 MiB is cut, its pieces marked and its characters whole; nothing of it is lost."""
        self.same(r'''import os, sys
sys.stdout.buffer.write(b'x' + 'é'.encode() * 1300000 + b'\n' + b'y' * (1 << 20) + b'\n' + b'z' * ((1 << 20) + 1))''')
        rows = self.events('R', '--kind', 'stdout')
        self.assertEqual([row['payload'].get('more', False) for row in rows], [True, True, False, False, True, False])
        self.assertTrue(all('line' in row['payload'] for row in rows), 'a character was cut')

    def test_json_lines(self):
        """A line that is a JSON object is an event with it as payload, to the byte; what only looks like one, not."""
        self.make()
        deep = '{"a":' * 121 + '1' + '}' * 121
        lines = ['{"b" : 1.0,  "a":[1e2]}', '[1]', '{"x":1e400}', '{"s":"\\ud800"}', deep, '{}', '{"n":1,"n":2}',
                 '{"a":1} {}']
        self.assertEqual(self.record('printf', '%s\\n', *lines).code, 0)
        text = self.expect(0, '--json', 'run', 'events', 'R', '--kind', 'stdout_json').out
        self.assertIn('"payload":{"b" : 1.0,  "a":[1e2]},', text)
        self.assertEqual([json.loads(row)['payload'] for row in text.splitlines()],
                         [{'b': 1.0, 'a': [100.0]}, {}, {'n': 2}])
        self.assertEqual([e['payload']['line'] for e in self.events('R', '--kind', 'stdout')],
                         [lines[1], lines[2], lines[3], lines[4], lines[7]])

    def test_exit_codes(self):
        """The exit code is the command's, 128 + n on signal n, and the run is FAILED."""
        self.make()
        for code in (1, 2, 125, 255):
            answer = self.firn('run', 'record', '--run', 'e%d' % code, '--', 'sh', '-c', 'exit %d' % code)
            self.assertEqual(answer.code, code)
            self.assertEqual(self.show('e%d' % code)['status'], 'FAILED')
            self.assertEqual(self.events('e%d' % code)[-1]['payload']['exit_code'], code)
        self.assertEqual(self.record('sh', '-c', 'kill -9 $$').code, 137)
        self.assertEqual((self.show()['status'], self.last()['signal'], self.last()['exit_code']), ('FAILED', 9, None))

    def test_options_of_the_command_are_its_own(self):
        """Options behind the command belong to it, with and without --."""
        self.make()
        self.assertEqual(self.firn('run', 'record', '--run', 'a', 'echo', '--json', '-n', '--run', 'x').out,
                         '--json -n --run x\n')
        show = 'import sys; print(sys.argv[1:])'
        self.assertEqual(self.firn('run', 'record', '--run', 'b', '--', PYTHON, '-c', show, '--help', '--').out,
                         "['--help', '--']\n")

    def test_a_command_that_cannot_start(self):
        """A command that is not there is exit code 127, one that is no program 126; the run is FAILED and says why."""
        self.make()
        answer = self.record(self.path('none'))
        self.assertEqual(answer.code, 127)
        self.assertIn('none', answer.err)
        self.assertEqual(self.show()['status'], 'FAILED')
        self.assertIn('none', self.last()['error'])
        self.assertEqual(self.firn('run', 'record', '--', self.write('data', 'no program')).code, 126)
        answer = self.firn('--json', 'run', 'record', '--run', 'J', '--', self.path('none'))
        self.assertEqual((answer.code, answer.error()['status']), (127, 'FIRN_EINVAL'))
        self.assertEqual(self.events('J')[-1]['payload']['exit_code'], 127)
        self.assertEqual(self.show('J')['summary']['success'], False)
        # Nothing is left waiting to be started.
        self.assertEqual(self.firn('run', 'record', '--run', 'R', '--', 'true').code, 125)
        self.expect(0, 'verify')

    def test_recording_could_not_start(self):
        """No ledger, a wrong option, a spec that is not there, an id that is taken: 125, and nothing is run."""
        mark = self.path('mark')
        self.assertEqual(self.record('touch', mark).code, 125)
        self.make()
        self.assertEqual(self.record('touch', mark, options=['--wrong']).code, 125)
        self.assertEqual(self.firn('run', 'record').code, 125)
        self.assertEqual(self.record('touch', mark, options=['--spec', self.path('none')]).code, 125)
        self.assertEqual(self.record('touch', mark, options=['--tags', '{']).code, 125)
        self.expect(0, 'run', 'create', '--run', 'R', '--spec-digest', 'a' * 64)
        answer = self.firn('--json', 'run', 'record', '--run', 'R', '--', 'touch', mark)
        self.assertEqual((answer.code, answer.error()['status']), (125, 'FIRN_EEXISTS'))
        self.assertFalse(os.path.exists(mark))

    def test_artifacts(self):
        """Files named are content when the command has ended; one that is missing is told and changes no exit code."""
        self.make()
        made = self.path('made')
        os.mkfifo(self.path('fifo'))
        answer = self.record('sh', '-c', 'printf result >"$0"', made,
                             options=['--artifact', made, '--artifact', self.path('none'), '--artifact', self.folder,
                                      '--artifact', self.path('fifo')])
        self.assertEqual(answer.code, 0)
        self.assertIn('none', answer.err)
        rows = self.last()['artifacts']
        self.assertEqual(rows[0], {'path': made, 'digest': hashlib.sha256(b'result').hexdigest(), 'size': 6})
        for row, path in zip(rows[1:], (self.path('none'), self.folder, self.path('fifo'))):
            self.assertEqual((list(row), row['path']), (['path', 'error'], path))
            self.assertIn(path, row['error'])
        self.assertEqual(self.expect(0, 'get', rows[0]['digest']).out, 'result')

    def test_spec_agent_and_tags(self):
        """Spec, agent and tags are as given."""
        self.make()
        self.record('true', options=['--spec', self.write('spec', 'S'), '--agent', 'ci', '--tags', '["x"]'],
                    cwd=self.folder)
        run = self.show()
        self.assertEqual(run['spec_digest'], hashlib.sha256(b'S').hexdigest())
        self.assertEqual(run['metadata'], {'git_sha': None, 'agent_name': 'ci', 'tags': ['x']})

    @unittest.skipUnless(shutil.which('git'), 'no git here')
    def test_git_sha(self):
        """In a repository the commit that is checked out stands in spec, metadata and first event."""
        self.make()
        git = ['git', '-C', self.folder, '-c', 'user.name=n', '-c', 'user.email=e']
        subprocess.run(git + ['init', '-q'], check=True)
        subprocess.run(git + ['commit', '-q', '--allow-empty', '-m', 'm'], check=True)
        sha = subprocess.run(git + ['rev-parse', 'HEAD'], stdout=subprocess.PIPE, text=True).stdout.strip()
        self.record('true', cwd=self.folder)
        self.assertEqual((self.show()['metadata']['git_sha'], self.first()['git_sha']), (sha, sha))
        self.assertIn(sha, self.expect(0, 'get', self.show()['spec_digest']).out)

    def test_standard_input(self):
        """The command reads our standard input."""
        self.make()
        self.assertEqual(self.record('cat', input='through\n').out, 'through\n')

    def test_nothing_of_ours_is_inherited(self):
        """The command has standard input, output and error open, and nothing else of ours."""
        self.make()
        script = 'import os; print(sorted(int(n) for n in os.listdir("/proc/self/fd"))[:-1])'
        self.assertEqual(self.record(PYTHON, '-c', script).out, '[0, 1, 2]\n')

    def test_output_is_prompt(self):
        """A line is passed on, and soon durable, while the command goes on."""
        self.make()
        process = tool.start('-l', self.ledger, 'run', 'record', '--run', 'R', '--', 'sh', '-c', 'echo early; cat')
        try:
            self.assertEqual(tool.line_of(process), b'early\n')
            deadline = time.monotonic() + tool.PATIENCE
            while '"payload":{"line":"early"}' not in self.firn('--json', 'run', 'events', 'R').out:
                self.assertLess(time.monotonic(), deadline, 'it is not recorded')
                time.sleep(0.02)
            process.stdin.close()
            self.assertEqual(process.wait(tool.PATIENCE), 0)
        finally:
            tool.stop(process)

    def passes_on(self, number, name, code):
        """A signal to the recorder reaches the command, which says so and ends with the code."""
        self.make()
        script = 'trap "echo caught; exit %d" %s; echo ready; while :; do sleep 0.02; done' % (code, name)
        process = tool.start('-l', self.ledger, 'run', 'record', '--run', 'R', '--', 'sh', '-c', script)
        try:
            self.assertEqual(tool.line_of(process), b'ready\n')
            process.send_signal(number)
            self.assertEqual(tool.line_of(process), b'caught\n')
            self.assertEqual(process.wait(tool.PATIENCE), code)
        finally:
            tool.stop(process)

    def test_signals_are_forwarded(self):
        """TERM to the recorder reaches the command; what it prints then is recorded, and the run is CANCELLED."""
        self.passes_on(signal.SIGTERM, 'TERM', 7)
        self.assertEqual((self.show()['status'], self.last()['exit_code']), ('CANCELLED', 7))
        self.assertEqual(self.output('stdout'), b'ready\ncaught\n')

    def test_reader_goes_away(self):
        """When nobody reads the output any more the command gets the SIGPIPE that it would have got alone."""
        self.make()
        process = tool.start('-l', self.ledger, 'run', 'record', '--run', 'R', '--', 'yes')
        try:
            self.assertEqual(tool.line_of(process), b'y\n')
            process.stdout.close()
            self.assertEqual(process.wait(tool.PATIENCE), 128 + signal.SIGPIPE)
        finally:
            tool.stop(process)
        self.assertEqual(self.last()['signal'], signal.SIGPIPE)

    def test_killed_recorder(self):
        """After SIGKILL of the recorder the ledger opens, verifies, and holds the run up to a whole batch, RUNNING."""
        self.make()
        script = 'i=0; while :; do i=$((i+1)); echo $i; done'
        process = tool.start('-l', self.ledger, 'run', 'record', '--run', 'R', '--', 'sh', '-c', script)
        try:
            for _ in range(5000):
                self.assertNotEqual(tool.line_of(process), b'')
        finally:
            tool.stop(process)
        deadline = time.monotonic() + tool.PATIENCE
        while self.firn('put', '-', input='x').code == 5 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.expect(0, 'verify')
        self.assertEqual(self.show()['status'], 'RUNNING')
        lines = [int(e['payload']['line']) for e in self.events('R', '--kind', 'stdout')]
        self.assertEqual(lines, list(range(1, len(lines) + 1)))
        self.assertGreater(len(lines), 0)

    def test_what_a_command_took(self):
        """Peak memory and CPU time are those of the command: not less than it sees, and not the recorder's."""
        self.make()
        script = ('import resource; x = bytearray(64 << 20); x[::4096] = b"1" * len(x[::4096]); sum(range(1000000)); '
                  'u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime + u.ru_stime)')
        used = float(self.record(PYTHON, '-c', script).out)
        end = self.last()
        self.assertGreaterEqual(end['max_rss_bytes'], 64 << 20)
        self.assertGreaterEqual(end['user_ns'] + end['system_ns'] + 1000000, int(used * 1e9))
        self.assertEqual(self.show()['summary']['duration_ms'], end['wall_ns'] // 1000000)
        # A shell needs less than half of what a process with an open ledger needs.
        answer = self.firn('run', 'record', '--run', 'small', '--', 'sh', '-c', 'grep VmHWM /proc/$PPID/status')
        recorder = int(answer.out.split()[1]) * 1024
        self.assertLess(self.events('small')[-1]['payload']['max_rss_bytes'], recorder / 2)

    def test_standard_descriptors_that_are_closed(self):
        """Without standard output, input or error nothing of the ledger is taken for them, and all is recorded."""
        self.make()
        for number, closed in enumerate(('<&-', '>&-', '2>&-', '<&- >&- 2>&-')):
            def run(*command):
                return subprocess.run(['sh', '-c', 'exec "$@" ' + closed, 'sh', tool.FIRN, '-l', self.ledger, *command],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=tool.environment).returncode
            code = run('run', 'record', '--run', str(number), '--', 'sh', '-c', 'echo out; echo err >&2; exit 5')
            if closed == '<&-':
                self.assertEqual(code, 5)
            self.assertEqual(self.show(str(number))['status'], 'FAILED')
            # Told nowhere what it is: that is exit code 4, and it is there.
            self.assertEqual(run('put', __file__), 4 if '>&-' in closed.replace('2>&-', '') else 0)
        self.assertEqual(self.output('stdout', '0'), b'out\n')
        self.expect(0, 'verify')

    def test_second_recorder(self):
        """While a recorder runs a second one is refused with 125 and runs nothing; readers see the run grow."""
        self.make()
        process = tool.start('-l', self.ledger, 'run', 'record', '--run', 'R', '--', 'sh', '-c', 'echo ready; cat')
        try:
            self.assertEqual(tool.line_of(process), b'ready\n')
            mark = self.path('mark')
            answer = self.firn('--json', 'run', 'record', '--', 'touch', mark)
            self.assertEqual((answer.code, answer.error()['status']), (125, 'FIRN_EBUSY'))
            self.assertIn('recording could not start', answer.error()['message'])
            self.assertFalse(os.path.exists(mark))
            process.stdin.close()
            self.assertEqual(process.wait(tool.PATIENCE), 0)
        finally:
            tool.stop(process)
        self.assertEqual(self.show()['status'], 'COMPLETED')

    def test_interrupt_from_a_terminal(self):
        """The interrupt key of a terminal reaches the command once, by itself; the run is CANCELLED."""
        self.make()
        script = 'i=0; trap "i=\\$((i + 1))" INT; echo ready; while [ $i = 0 ]; do sleep 0.02; done; sleep 0.2; exit $i'
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(tool.FIRN, [tool.FIRN, '-l', self.ledger, 'run', 'record', '--run', 'R', '--', 'bash', '-c',
                                  script], tool.environment)
        try:
            said = b''
            while b'ready' not in said:
                said += os.read(terminal, 1000)
            os.write(terminal, b'\x03')
            deadline = time.monotonic() + tool.PATIENCE
            while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)
            self.assertEqual(os.waitstatus_to_exitcode(ended[1]), 1, said)
        finally:
            os.close(terminal)
        self.assertEqual((self.show()['status'], self.last()['exit_code']), ('CANCELLED', 1))

    def test_more_signals(self):
        """USR1 reaches the command and asks for no end: the run is COMPLETED."""
        self.passes_on(signal.SIGUSR1, 'USR1', 0)
        self.assertEqual(self.show()['status'], 'COMPLETED')

    def test_signals_stay_as_they_are(self):
        """What is ignored or blocked around the recorder is so in the command, and nothing else is."""
        self.make()
        script = 'grep -E "^Sig(Blk|Ign)" /proc/self/status'
        for ignored in ('', 'trap "" PIPE USR1; '):
            shell = ignored + 'exec "$@"'
            alone = subprocess.run(['sh', '-c', shell, 'sh', 'sh', '-c', script], stdout=subprocess.PIPE)
            recorded = subprocess.run(['sh', '-c', shell, 'sh', tool.FIRN, '-l', self.ledger, 'run', 'record', '--',
                                       'sh', '-c', script], stdout=subprocess.PIPE, env=tool.environment)
            self.assertEqual(recorded.stdout, alone.stdout)

    def test_left_behind(self):
        """A process left behind that holds the output is waited for; TERM ends that, with the command's exit code."""
        self.make()
        script = 'sleep 1000 & echo $!; exit 3'
        process = tool.start('-l', self.ledger, 'run', 'record', '--run', 'R', '--', 'sh', '-c', script)
        left = None
        try:
            left = int(tool.line_of(process))
            # The recorder has seen the end of the shell, at the latest, when it is a zombie no more.
            deadline = time.monotonic() + tool.PATIENCE
            while os.path.exists('/proc/%d/task/%d/children' % (process.pid, process.pid)) and \
                    open('/proc/%d/task/%d/children' % (process.pid, process.pid)).read().strip():
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(tool.PATIENCE), 3)
        finally:
            tool.stop(process)
            if left is not None:
                os.kill(left, signal.SIGKILL)
        self.assertEqual((self.show()['status'], self.last()['exit_code']), ('CANCELLED', 3))

    def goes_on(self, script, lines, *wrap, **options):
        """Records a command whose ledger fails: output and exit code are its own, the failure is told once."""
        done = subprocess.run([*wrap, tool.FIRN, '-l', self.ledger, 'run', 'record', '--run', 'R', '--', PYTHON, '-c',
                               script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=tool.environment,
                              timeout=tool.PATIENCE)
        self.assertEqual(done.returncode, 3, done.stderr[-500:])
        self.assertEqual(len(done.stdout.splitlines()), lines)
        self.assertEqual(done.stderr.count(b'recording stopped, the command goes on'), 1, done.stderr)

    def test_a_limit_on_files(self):
        """A limit on the size of files, whose signal would end the recorder, is a failing ledger like any other."""
        self.expect(0, 'init', '--segment-size', '64K')
        self.goes_on('import sys\nfor i in range(60000): print(i, "x" * 40)\nsys.exit(3)', 60000,
                     'bash', '-c', 'ulimit -f 100; exec "$@"', 'bash')
        self.assertEqual(self.show()['status'], 'RUNNING')
        self.expect(0, 'verify')

    def test_ledger_removed(self):
        """The ledger's folder is removed under the recorder: the command goes on to its end."""
        self.expect(0, 'init', '--segment-size', '64K')
        script = ('import shutil, sys\nshutil.rmtree(%r)\nfor i in range(60000): print(i, "x" * 40)\nsys.exit(3)'
                  % self.ledger)
        self.goes_on(script, 60000)

    @unittest.skipUnless(os.geteuid() == 0, 'mounting needs root')
    def test_full_disk(self):
        """The disk of the ledger fills up: the command goes on, and what was durable before is there."""
        place = self.path('place')
        os.mkdir(place)
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', place], stderr=subprocess.PIPE)
        if done.returncode != 0:
            self.skipTest('mounting is not possible here: ' + done.stderr.decode().strip())
        self.addCleanup(subprocess.run, ['umount', '--lazy', place], check=False)
        self.ledger = os.path.join(place, 'ledger')
        self.make()
        self.goes_on('import sys\nfor i in range(60000): print(i, "x" * 40)\nsys.exit(3)', 60000)
        self.assertEqual(self.show()['status'], 'RUNNING')
        lines = [e['payload']['line'] for e in self.events('R', '--kind', 'stdout')]
        self.assertEqual(lines, ['%d %s' % (i, 'x' * 40) for i in range(len(lines))])
        self.assertGreater(len(lines), 0)
        self.expect(0, 'verify')
        subprocess.run(['mount', '-o', 'remount,ro', place], check=True)
        mark = self.path('mark')
        answer = self.firn('--json', 'run', 'record', '--', 'touch', mark)
        self.assertEqual((answer.code, answer.error()['status']), (125, 'FIRN_EACCES'))
        self.assertFalse(os.path.exists(mark))

    def test_failing_ledger(self):
        """A ledger that fails under way is told once; the command goes on to its end and its exit code is kept."""
        self.expect(0, 'init', '--segment-size', '64K')
        # No file may grow above 100 KiB: a segment that is made for a large batch cannot be, nor could the profile of a
        # build for coverage.
        limit = 'ulimit -f 100; trap "" XFSZ; exec "$@"'
        script = 'import sys\nfor i in range(60000): print(i, "x" * 40)\nsys.exit(3)'
        done = subprocess.run(['bash', '-c', limit, 'bash', tool.FIRN, '-l', self.ledger, 'run', 'record', '--run', 'R',
                               '--', PYTHON, '-c', script], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=dict(tool.environment, LLVM_PROFILE_FILE='/dev/null'), timeout=tool.PATIENCE)
        self.assertEqual(done.returncode, 3, done.stderr[-500:])
        self.assertEqual(len(done.stdout.splitlines()), 60000)
        self.assertEqual(done.stderr.count(b'\n'), 1, done.stderr)
        self.assertIn(b'recording stopped, the command goes on', done.stderr)
        self.assertEqual(self.show()['status'], 'RUNNING')
        self.assertEqual(self.first()['argv'][0], PYTHON)
        self.expect(0, 'verify')

    def test_many_lines(self):
        """Twenty thousand lines on each output: none is lost, each output in its order."""
        self.make()
        script = ('import sys\nfor i in range(20000):\n print(i)\n print(i, file=sys.stderr)')
        self.assertEqual(self.record(PYTHON, '-c', script).code, 0)
        for stream in ('stdout', 'stderr'):
            self.assertTrue(self.output(stream) == b''.join(b'%d\n' % i for i in range(20000)), stream)
        self.assertEqual(self.show()['event_count'], 40002)


tool.main()
