# SPDX-License-Identifier: Apache-2.0
# import.py — firn import git: compared with git itself, run again, after rewriting and moved tags.
import base64
import hashlib
import json
import os
import shutil
import subprocess
import unittest

import tool


@unittest.skipUnless(shutil.which('git'), 'no git here')
class Import(tool.Case):
    def setUp(self):
        super().setUp()
        self.repo = self.path('repo')
        os.mkdir(self.repo)
        self.clock = 1700000000
        self.blobs = {}  # Digests of git's blobs, by name: neither changes.
        self.checked = set()  # Digests whose content was read and recomputed in this ledger.
        self.git('init', '-q', '-b', 'main')
        self.make()

    def git(self, *arguments, input=None):
        environment = dict(os.environ, GIT_AUTHOR_NAME='Ann', GIT_AUTHOR_EMAIL='ann@example.org',
                           GIT_COMMITTER_NAME='Cem', GIT_COMMITTER_EMAIL='cem@example.org',
                           GIT_AUTHOR_DATE='%d +0200' % self.clock, GIT_COMMITTER_DATE='%d -0330' % (self.clock + 7),
                           GIT_CONFIG_GLOBAL='/dev/null', GIT_CONFIG_SYSTEM='/dev/null')
        done = subprocess.run(['git', '-C', self.repo, *arguments], input=input, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout

    def commit(self, message, **files):
        self.clock += 60
        for name, data in files.items():
            path = os.path.join(self.repo, name.replace('__', '/'))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'wb') as f:
                f.write(data)
        self.git('add', '-A')
        self.git('commit', '-q', '--allow-empty', '-m', message)
        return self.git('rev-parse', 'HEAD').decode().strip()

    def bring(self, *options):
        return self.expect(0, '--json', 'import', 'git', self.repo, *options).json()

    def events(self, run_id='git:main', *options):
        return self.expect(0, '--json', 'run', 'events', run_id, *options).json_lines()

    def commits(self):
        """The line of commits that the events give when they are replayed."""
        line = []
        for event in self.events():
            if event['kind'] == 'branch_rewritten':
                del line[event['payload']['kept']:]
            else:
                line.append(event['payload']['sha'])
        return line

    def content(self, digest):
        return self.expect(0, 'get', '--check', digest).raw

    def manifest(self, digest):
        """A manifest, checked to be what docs/format.md says."""
        data = self.content(digest)
        tree = json.loads(data)
        self.assertEqual(json.dumps(tree, separators=(',', ':'), sort_keys=True, ensure_ascii=False).encode(), data)
        self.assertEqual(tree['format'], 'firn-tree-1')
        return tree['entries']

    def compare_tree(self, digest, treeish):
        """Every path below a manifest against git ls-tree and git cat-file, byte for byte."""
        found = {}

        def walk(manifest, prefix):
            names = []
            for entry in self.manifest(manifest):
                name = entry['name'].encode() if 'name' in entry else base64.b64decode(entry['name_base64'])
                names.append(name)
                if entry['mode'] == '040000':
                    walk(entry['digest'], prefix + name + b'/')
                else:
                    found[prefix + name] = (entry['mode'], entry.get('digest') or entry['commit'])
            self.assertEqual(names, sorted(names))
        walk(digest, b'')
        wanted = {}
        for row in self.git('ls-tree', '-r', '-z', treeish).split(b'\0')[:-1]:
            head, name = row.split(b'\t', 1)
            mode, kind, oid = head.decode().split()
            if kind == 'blob':
                if oid not in self.blobs:
                    self.blobs[oid] = hashlib.sha256(self.git('cat-file', 'blob', oid)).hexdigest()
                oid = self.blobs[oid]
            wanted[name] = (mode, oid)
        self.assertEqual(found, wanted)
        for mode, digest in found.values():
            if mode != '160000' and (self.ledger, digest) not in self.checked:
                self.assertEqual(hashlib.sha256(self.content(digest)).hexdigest(), digest)
                self.checked.add((self.ledger, digest))

    def compare(self):
        """The whole run against git rev-list and git cat-file."""
        self.assertEqual(self.commits(), self.git('rev-list', '--first-parent', '--reverse', 'main').decode().split())
        for event in self.events('git:main', '--kind', 'commit'):
            payload = event['payload']
            raw = self.git('cat-file', 'commit', payload['sha'])
            self.assertTrue(self.content(payload['object']) == raw, 'the commit object differs')
            self.assertEqual(payload['tree'], self.git('rev-parse', payload['sha'] + '^{tree}').decode().strip())
            self.assertEqual(payload['parents'], self.git('rev-parse', payload['sha'] + '^@').decode().split())
            self.compare_tree(payload['manifest'], payload['sha'])

    def fill(self):
        os.symlink('a.txt', os.path.join(self.repo, 'link'))
        self.commit('first', **{'a.txt': b'a\n', 'dir__b': bytes(range(256)), 'dir__sub__empty': b'',
                                'dir.txt': b'sorted'})
        os.chmod(os.path.join(self.repo, 'a.txt'), 0o755)
        with open(os.path.join(os.fsencode(self.repo), b'na\xefve'), 'wb') as f:
            f.write(b'no UTF-8 name')
        self.commit('second: \u00e9 "quoted"\n\nbody\n', big=os.urandom(5 << 20))
        self.git('checkout', '-q', '-b', 'side', 'HEAD~1')
        self.commit('beside', side=b'side')
        self.git('checkout', '-q', 'main')
        self.clock += 60
        self.git('merge', '-q', '--no-ff', '-m', 'merge', 'side')
        self.git('update-index', '--add', '--cacheinfo', '160000,%s,module' % ('1' * 40))
        self.clock += 60
        self.git('commit', '-q', '-m', 'submodule')

    def test_history_equals_git(self):
        """Commits, trees, blobs, links, modes, merges, odd names: equal to git's, and again adds no record."""
        self.fill()
        self.git('tag', 'v1', 'HEAD~1')
        said = self.bring()
        self.assertEqual((said['run_id'], said['commits'], said['releases']), ('git:main', 4, 1))
        self.compare()
        first = self.events()[0]
        self.assertEqual(first['timestamp'], '2023-11-14T22:14:27Z')
        self.assertEqual(first['payload']['author'], {'name': 'Ann', 'email': 'ann@example.org',
                                                      'time': '2023-11-14T22:14:20Z', 'offset': '+0200'})
        self.assertEqual(self.events()[1]['payload']['message'], 'second: \u00e9 "quoted"\n\nbody\n')
        before = self.expect(0, '--json', 'stat').json()['records_count']
        self.assertEqual(self.bring()['commits'], 0)
        self.assertEqual(self.expect(0, '--json', 'stat').json()['records_count'], before)
        self.commit('more', **{'dir__b': b'changed'})
        self.assertEqual(self.bring()['commits'], 1)
        self.compare()
        self.expect(0, 'verify')

    def count(self):
        return self.expect(0, '--json', 'stat').json()['records_count']

    def test_odd_names_and_a_large_blob(self):
        """Names with newline, tab, space, quote, any letters and no UTF-8, a dangling link, 20 MiB: all equal."""
        place = os.fsencode(self.repo)
        for number, name in enumerate((b'new\nline', b'tab\t', b' space ', b'"quo\\ted"', 'gr\u00fc\u00df'.encode(),
                                       b'\xff\xfe', b'-dash', b'.hidden', b'dir\n/in side', b'dir.x', b'dir0')):
            path = os.path.join(place, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'wb') as f:
                f.write(b'%d' % number)
        os.chmod(os.path.join(place, b'-dash'), 0o755)
        os.symlink(b'no\nwhere \xff', os.path.join(place, b'dangling'))
        os.symlink(b'/', os.path.join(place, b'root'))
        large = os.urandom(1 << 20) * 20 + b'end'
        self.commit('m\n\n  \tbody "with" \\ all\n', large=large)
        self.bring()
        self.compare()
        entries = {e.get('name'): e for e in self.manifest(self.events()[0]['payload']['manifest'])}
        self.assertEqual((entries['-dash']['mode'], entries['dangling']['mode']), ('100755', '120000'))
        self.assertEqual(entries['large']['digest'], hashlib.sha256(large).hexdigest())
        before = self.count()
        self.bring()
        self.assertEqual(self.count(), before)
        self.expect(0, 'replay')

    def test_bare_and_elsewhere(self):
        """A bare repository, one whose path has spaces and a newline, and one of SHA-256 are taken in all the same."""
        self.commit('one', a=b'1')
        odd = self.path('odd place\nand "name".git')
        self.git('clone', '-q', '--bare', self.repo, odd)
        said = self.expect(0, '--json', 'import', 'git', odd).json()
        self.assertEqual((said['run_id'], said['commits']), ('git:main', 1))
        self.compare()
        self.ledger = self.path('second')
        self.make()
        self.repo = self.path('sha256')
        os.mkdir(self.repo)
        self.git('init', '-q', '-b', 'main', '--object-format=sha256')
        self.commit('one', a=b'1', dir__b=b'2')
        self.bring()
        self.compare()
        self.assertEqual(len(self.events()[0]['payload']['sha']), 64)

    def test_nothing_to_take(self):
        """A repository without a commit has no branch yet: exit code 1, and nothing is appended."""
        before = self.count()
        answer = self.expect(1, '--json', 'import', 'git', self.repo)
        self.assertEqual(answer.error()['status'], 'FIRN_ENOTFOUND')
        self.assertIn('branch not found: main', answer.error()['message'])
        self.assertEqual(self.count(), before)

    def test_detached_head(self):
        """With a detached head --branch says what to take, also beside commits that are on no branch."""
        self.commit('one', a=b'1')
        self.git('checkout', '-q', '--detach')
        self.commit('away', a=b'2')
        self.assertEqual(self.bring('--branch', 'main')['commits'], 1)
        self.compare()

    def test_a_damaged_repository(self):
        """A repository that lacks an object is exit code 1 with its name; once it is whole all is taken in."""
        self.commit('one', a=b'1')
        self.commit('two', a=b'to be lost')
        name = self.git('rev-parse', 'HEAD:a').decode().strip()
        path = os.path.join(self.repo, '.git', 'objects', name[:2], name[2:])
        os.rename(path, path + '.away')
        answer = self.expect(1, 'import', 'git', self.repo)
        self.assertIn('git object %s not found' % name, answer.err)
        self.expect(0, 'verify')
        os.rename(path + '.away', path)
        self.bring()
        self.compare()

    def test_killed_import(self):
        """An import that was killed is run again and comes to the same end."""
        for number in range(5):
            self.commit('commit %d' % number, **{'f%d' % number: os.urandom(300000)})
        process = tool.start('-l', self.ledger, 'import', 'git', self.repo)
        # The first file of the log that holds more than its header.
        deadline = tool.time.monotonic() + tool.PATIENCE
        while process.poll() is None and not any(os.path.getsize(p) > 4096 for p in self.segments()):
            self.assertLess(tool.time.monotonic(), deadline)
        tool.stop(process)
        while self.firn('put', '-', input='x').code == 5:
            self.assertLess(tool.time.monotonic(), deadline)
        self.bring()
        self.compare()
        before = self.count()
        self.bring()
        self.assertEqual(self.count(), before)

    def test_spec(self):
        """The spec of the run is {"branch","git"} as content: the origin without name and password."""
        self.commit('one', a=b'a')
        self.git('remote', 'add', 'origin', 'https://user:secret@example.org/x/project.git')
        self.assertEqual(self.bring()['release'], 'project')
        spec = self.expect(0, '--json', 'run', 'show', 'git:main').json()['spec_digest']
        self.assertEqual(self.content(spec), b'{"branch":"main","git":"https://example.org/x/project.git"}')

    def test_rewritten_branch(self):
        """A rewritten branch adds one branch_rewritten event and then what is new; a branch set back only the event."""
        self.commit('one', a=b'1')
        two = self.commit('two', a=b'2')
        self.commit('three', a=b'3')
        self.bring()
        self.git('reset', '-q', '--hard', two)
        other = self.commit('other', a=b'4')
        said = self.bring()
        self.assertEqual((said['rewritten'], said['commits'], said['head']), (True, 1, other))
        self.compare()
        rewritten = self.events('git:main', '--kind', 'branch_rewritten')[0]['payload']
        self.assertEqual([rewritten[name] for name in ('kept', 'dropped', 'base', 'to')], [2, 1, two, other])
        self.git('reset', '-q', '--hard', two)
        self.assertEqual(self.bring()['commits'], 0)
        self.compare()
        before = self.expect(0, '--json', 'stat').json()['records_count']
        self.bring()
        self.assertEqual(self.expect(0, '--json', 'stat').json()['records_count'], before)

    def test_tags(self):
        """Tags promote the manifests of their trees, oldest first; a moved tag again; a tag of a blob is left out."""
        one = self.commit('one', a=b'1')
        self.git('tag', '-a', '-m', 'annotated', 'v1')
        two = self.commit('two', a=b'2')
        self.git('tag', 'v2')
        self.git('tag', 'blob', self.git('rev-parse', 'HEAD:a').decode().strip())
        self.assertEqual(self.bring('--name', 'app')['releases'], 2)

        def history():
            return [(r['metadata']['version_label'], r['metadata']['notes']) for r in
                    self.expect(0, '--json', 'release', 'history', 'app').json_lines()]
        self.assertEqual(history(), [('v2', 'commit ' + two), ('v1', 'commit ' + one)])
        manifests = {e['payload']['sha']: e['payload']['manifest'] for e in self.events()}
        self.assertEqual(self.expect(0, '--json', 'release', 'current', 'app').json()['spec_digest'], manifests[two])
        self.git('tag', '-f', 'v1', two)
        self.git('checkout', '-q', '--detach')
        away = self.commit('away', a=b'away')
        self.git('tag', 'v3')
        self.git('checkout', '-q', 'main')
        self.assertEqual(self.bring('--name', 'app')['releases'], 2)
        self.assertEqual(sorted(history()[:2]), [('v1', 'commit ' + two), ('v3', 'commit ' + away)])
        self.compare_tree(self.expect(0, '--json', 'release', 'history', 'app', '--limit', 1).json()['spec_digest'],
                          'v3' if history()[0][0] == 'v3' else 'v1')
        self.assertEqual(self.bring('--name', 'app')['releases'], 0)

    def test_other_branch(self):
        """--branch takes another branch into a run of its own; equal content is not stored again."""
        self.commit('one', a=b'1')
        self.git('branch', 'side/line')
        self.bring()
        self.assertEqual(self.bring('--branch', 'side/line')['run_id'], 'git:side/line')
        self.assertEqual(len(self.events('git:side/line')), 1)

    def test_wrong_repositories(self):
        """A folder that is no repository is exit code 2, a branch that is not there 1, a detached head asks for one."""
        os.mkdir(self.path('plain'))
        for path in (self.path('plain'), self.path('none')):
            tool.environment['GIT_CEILING_DIRECTORIES'] = self.folder
            answer = self.expect(2, '--json', 'import', 'git', path)
            del tool.environment['GIT_CEILING_DIRECTORIES']
            self.assertIn('%s is not a git repository' % path, answer.error()['message'])
        self.assertIn('branch not found: main', self.expect(1, 'import', 'git', self.repo).err)
        self.commit('one', a=b'1')
        self.assertIn('branch not found: none', self.expect(1, 'import', 'git', self.repo, '--branch', 'none').err)
        self.git('checkout', '-q', '--detach')
        self.assertIn('--branch is needed', self.expect(2, 'import', 'git', self.repo).err)
        self.assertEqual(self.expect(0, '--json', 'run', 'list').out, '')

    def test_two_repositories(self):
        """Another repository with a branch of the same name is refused, exit code 5: its history is another run's."""
        self.commit('one', a=b'1')
        self.bring()
        shutil.copytree(self.repo, self.path('copy'), symlinks=True)
        answer = self.expect(5, 'import', 'git', self.path('copy'))
        self.assertIn('run git:main already exists with different content', answer.err)


tool.main()
