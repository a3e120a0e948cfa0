# SPDX-License-Identifier: Apache-2.0
# hostile.py — ledgers from a stranger: links, pipes and devices in place of files lead nowhere; modes are private.
#
# A ledger may come out of an archive that somebody sent. Whatever its names stand for, no command may read or write
# anything outside its folder, wait for ever, or end by a signal.
import hashlib
import os
import shutil
import socket
import stat
import subprocess
import unittest

import tool

READING = [['stat'], ['log'], ['verify'], ['replay'], ['dump'], ['get', '0' * 64], ['run', 'list'],
           ['release', 'history', 'app']]
WRITING = [['append', '--stream', 's'], ['put', '-'], ['replay', '--rebuild'], ['init'],
           ['run', 'create', '--spec-digest', '0' * 64, '--agent', 'a']]
SOME = [['log'], ['verify'], ['dump'], ['append', '--stream', 's'], ['replay', '--rebuild']]


def tree(folder):
    """What is below a folder, by path: kind, mode, and bytes or target. Times are no matter."""
    found = {}
    for at, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(at, name)
            facts = os.lstat(path)
            content = None
            if stat.S_ISLNK(facts.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(facts.st_mode):
                with open(path, 'rb') as f:
                    content = hashlib.sha256(f.read()).hexdigest()
            found[os.path.relpath(path, folder)] = (facts.st_mode, content)
    return found


class Hostile(tool.Case):
    """Each test takes copies of one ledger, and puts something else in the place of one name in each."""

    def setUp(self):
        super().setUp()
        self.make()
        self.append(['line %d' % i for i in range(20)])
        self.expect(0, 'put', '-', input='content')
        self.whole = self.ledger
        self.outside = self.path('outside')
        os.mkdir(self.outside)

    def run_all(self, what, commands):
        """Each command in turn: any exit code but that of a signal, in time, and nothing outside changes."""
        before = tree(self.outside)
        for command in commands:
            answer = self.firn(*command, input='x\n')
            self.assertIn(answer.code, range(6), '%s, %s: %s' % (what, command, answer.err))
            if answer.code > 1:
                self.assertNotEqual(answer.err, '', '%s, %s' % (what, command))
            self.assertEqual(tree(self.outside), before, '%s, %s changed what is outside' % (what, command))

    def over_all_names(self, what, put, commands=SOME):
        """Moves one name of a copy outside at a time, puts something else there, and runs the commands."""
        for name in sorted(tree(self.whole)):
            with self.subTest(name=name):
                self.ledger = self.path('copy')
                shutil.copytree(self.whole, self.ledger)
                moved = os.path.join(self.outside, os.path.basename(name))
                os.rename(self.file(name), moved)
                put(self.file(name), moved)
                self.run_all('%s at %s' % (what, name), commands)
            shutil.rmtree(self.ledger)
            shutil.rmtree(self.outside)
            os.mkdir(self.outside)

    def test_links_to_what_was_there(self):
        """A link in the place of any file or folder is not followed, though it leads to the true one."""
        self.over_all_names('a link', lambda at, moved: os.symlink(moved, at), READING + WRITING)

    def test_links_to_nothing(self):
        """A dangling link in the place of any file creates nothing where it leads."""
        self.over_all_names('a dangling link', lambda at, moved: os.symlink(moved + '.not-there', at))

    def test_links_to_an_empty_folder(self):
        """A link to an empty folder in the place of any file or folder puts nothing in there."""
        def put(at, moved):
            os.mkdir(moved + '.empty')
            os.symlink(moved + '.empty', at)
        self.over_all_names('a link to a folder', put)

    def test_pipes(self):
        """A pipe in the place of any file or folder is not waited for."""
        self.over_all_names('a pipe', lambda at, moved: os.mkfifo(at))

    def test_folders(self):
        """A folder in the place of any file is refused."""
        self.over_all_names('a folder', lambda at, moved: os.mkdir(at))

    def test_sockets(self):
        """A socket in the place of any file or folder is refused."""
        def put(at, moved):
            here = os.getcwd()
            os.chdir(os.path.dirname(at))
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(os.path.basename(at))
            os.chdir(here)
        self.over_all_names('a socket', put)

    @unittest.skipUnless(os.geteuid() == 0, 'only root makes devices')
    def test_devices(self):
        """A device in the place of any file or folder is refused."""
        try:
            os.mknod(self.path('zero'), 0o600 | stat.S_IFCHR, os.makedev(1, 5))
        except PermissionError:
            self.skipTest('no devices can be made here')
        self.over_all_names('a device', lambda at, moved: os.mknod(at, 0o600 | stat.S_IFCHR, os.makedev(1, 5)))

    def test_names_that_will_be_made(self):
        """Links under names that the engine makes for itself: the next segments, temporary files, notes."""
        victim = os.path.join(self.outside, 'victim')
        with open(victim, 'w') as f:
            f.write('precious')
        names = ['%016x.seg' % n for n in range(1, 12)] + ['index.new', 'index.old', 'index.rows', 'index/distrusted',
                 'index/rows.tmp', 'index/lock.mdb', 'positions', 'reach', 'cache', 'calibrate', 'lock']
        for name in names:
            if not os.path.lexists(self.file(name)):
                os.symlink(victim, self.file(name))
        self.run_all('links under names to come', READING + WRITING)
        with open(victim) as f:
            self.assertEqual(f.read(), 'precious')

    def test_links_beside_a_new_ledger(self):
        """Making a ledger in a folder that holds nothing but links writes nothing through them."""
        victim = os.path.join(self.outside, 'victim')
        with open(victim, 'w') as f:
            f.write('precious')
        self.ledger = self.path('fresh')
        os.mkdir(self.ledger)
        for name in ['manifest.0', 'manifest.1', 'lock', 'positions', 'reach', 'index', '%016x.seg' % 1]:
            os.symlink(victim, self.file(name))
        self.run_all('a new ledger among links', READING + WRITING)
        with open(victim) as f:
            self.assertEqual(f.read(), 'precious')

    def test_reading_writes_nothing(self):
        """A ledger that cannot be written to is read, and reading leaves nothing behind in it or elsewhere."""
        before = tree(self.folder)
        digest = hashlib.sha256(b'content').hexdigest()
        for command in (['stat'], ['log'], ['run', 'list'], ['verify'], ['get', digest]):
            self.expect(0, *command)
            after = tree(self.folder)
            # LMDB notes in its lock file who reads.
            for found in (before, after):
                found.pop('ledger/index/lock.mdb', None)
            self.assertEqual(after, before, command)


class Modes(tool.Case):
    def test_private_whatever_the_mask(self):
        """Folders have mode 0700 and files 0600 even where the mask would allow everything."""
        done = subprocess.run(['sh', '-c', 'umask 0; "$@"', 'sh', tool.FIRN, '-l', self.ledger, 'init',
                               '--segment-size', '64K'], env=tool.environment, timeout=tool.PATIENCE, check=False)
        self.assertEqual(done.returncode, 0)
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        for round in range(3):
            self.append(['x' * 4000] * 20)
            self.expect(0, 'put', '-', input='content %d' % round)
            self.expect(0, 'replay', '--rebuild')
        self.assertEqual(stat.S_IMODE(os.lstat(self.ledger).st_mode), 0o700)
        for name, (mode, _) in tree(self.ledger).items():
            wanted = 0o700 if stat.S_ISDIR(mode) else 0o600
            self.assertEqual(stat.S_IMODE(mode), wanted, '%s has mode %o' % (name, stat.S_IMODE(mode)))

    def test_what_get_writes(self):
        """Content written to a file replaces a link there instead of writing through it."""
        self.make()
        self.expect(0, 'put', '-', input='content')
        victim = self.write('victim', 'precious')
        os.symlink(victim, self.path('out'))
        self.expect(0, 'get', hashlib.sha256(b'content').hexdigest(), '--output', self.path('out'))
        with open(victim) as f:
            self.assertEqual(f.read(), 'precious')


tool.main()
