# SPDX-License-Identifier: Apache-2.0
# bench.py — firn bench: every case runs and yields figures that can be right; none of them is compared with a time.
import os

import tool

MEMBERS = ['case', 'version', 'kernel', 'seed', 'size', 'batch', 'rate', 'operations', 'records', 'payload_bytes',
           'floor', 'io_path', 'durable_method', 'cpu_ns_per_operation']


class Bench(tool.Case):
    def bench(self, *arguments):
        answer = tool.run('--json', 'bench', '--dir', self.folder, '--seconds', '20ms', '--records', 3000,
                          '--segment-size', '1M', *arguments)
        self.assertEqual(answer.code, 0, answer.err)
        self.assertEqual(os.listdir(self.folder), [], 'something is left behind')
        return answer.json_lines()

    def test_cases(self):
        """Cases by name yield one JSON line each with rate, percentiles in order, floor and I/O path."""
        lines = self.bench('P1', 'P2', 'P4-64', 'P5-10', 'P9', 'P10', 'P11', 'P12')
        self.assertEqual([line['case'] for line in lines],
                         ['P1', 'P2', 'P4-64', 'P5-10', 'P9', 'P9-cold', 'P10', 'P11', 'P11-mixed', 'P12'])
        for line in lines:
            for name in MEMBERS:
                self.assertIn(name, line)
            self.assertGreater(line['rate'], 0)
            self.assertGreater(line['floor']['rate_before'], 0)
            self.assertEqual(line['records'] % line['batch'], 0)
            if 'latency_ns' in line:
                steps = [line['latency_ns'][name] for name in ('p50', 'p90', 'p99', 'p99_9', 'max')]
                self.assertEqual(steps, sorted(steps))
                self.assertGreater(steps[0], 0)
        appends = [line for line in lines if line['work'].startswith('append')]
        for line in appends:
            # Each byte of payload is written, and with it a header.
            self.assertGreater(line['bytes_per_payload_byte'], 1)
            self.assertEqual(line['payload_bytes'], line['records'] * 256)
        # A lone append takes a block of its own.
        self.assertGreaterEqual(lines[0]['bytes_per_payload_byte'], 16)
        self.assertGreaterEqual(lines[4]['records'], 3000)

    def test_open_after_crash(self):
        """A killed writer leaves what was asked for, and all of it is replayed: little of it was worth a merge."""
        line, = self.bench('P12', '--size', 100)
        self.assertEqual(line['replayed_records'], 3000)
        self.assertEqual((line['operations'], line['records'], line['payload_bytes']), (1, 3000, 300000))
        self.assertGreaterEqual(line['log_size'], 300000)
        self.assertEqual(line['open_write_ns'], line['latency_ns']['max'])
        self.assertGreater(line['open_read_ns'], 0)

    def test_rebuild(self):
        """The index is deleted and built again: every record is replayed, of events as of content and runs."""
        raw, mixed = self.bench('P11', '--count', 2)
        self.assertEqual((raw['operations'], raw['records']), (2, 6000))
        # 64 runs, of which each is one record, and 3000 verbs.
        self.assertEqual((mixed['operations'], mixed['records']), (2, 2 * (64 + 3000)))
        for line in (raw, mixed):
            self.assertEqual(2 * line['replayed_records'], line['records'])
            self.assertGreater(line['memory_peak'], 1 << 20)

    def test_own_case(self):
        """A case of one's own runs the operations asked for, waiting or not, on either I/O path."""
        for options in (['--writers', 3], ['--outstanding', 16]):
            line, = self.bench('append', '--count', 60, '--batch', 4, '--size', 100, '--io-path', 'portable', *options)
            self.assertEqual((line['operations'], line['records'], line['payload_bytes']), (60, 240, 24000))
            self.assertEqual(line['io_path'], 'portable')

    def test_burst(self):
        """A burst writes no more than the segments made ahead hold."""
        line, = self.bench('P4-512-burst', '--segment-size', '64K')
        self.assertEqual(line['load'], 'burst')
        self.assertLessEqual(line['payload_bytes'], line['segment_size'] * line['spare_segments'])

    def test_folder_that_is_not_there(self):
        """A folder that is not there is told by name, and nothing is run."""
        answer = tool.run('bench', 'P1', '--dir', self.path('missing'))
        self.assertEqual(answer.code, 2)
        self.assertIn('missing', answer.err)

    def test_table(self):
        """Without --json it is a table with a line a case."""
        answer = tool.run('bench', 'P1', '--dir', self.folder, '--count', 10, '--segment-size', '1M')
        self.assertEqual(answer.code, 0, answer.err)
        self.assertRegex(answer.out, r'(?m)^case .* x floor')
        self.assertRegex(answer.out, r'(?m)^P1 ')


tool.main()
