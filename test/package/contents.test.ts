import assert from 'node:assert/strict';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { assets } from '../../src/admin/assets.ts';
import { LicenceError, readComponent, renderCopyright } from '../../systemd/package/licences.ts';
import { exchange } from '../helpers/client.ts';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { startCollector } from '../timeline/collector.ts';
import { FIRST, packagesOf } from './packages.ts';

/** rpmbuild and lintian have files beside their programs, which are found where they are installed. */
const IS_ROOT = process.getuid?.() === 0;

async function output(t: TestContext, program: string, words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runProgram(t, program, words);
  assert.equal(status, 0, stderr + stdout);
  return stdout;
}

test('a package without a file of its licence is refused, unless its licence is supplied', (t) => {
  const folder = tempDirectory(t);
  writeFileSync(join(folder, 'package.json'), '{"version":"1.0.0","license":"MIT"}');
  assert.throws(() => readComponent('some-package', folder), LicenceError);
  assert.match(readComponent('saxes', folder).text, /The ISC License/);
});

test('whose something is, is what its licence says of that, and no other line of it', (t) => {
  const folder = tempDirectory(t);
  writeFileSync(join(folder, 'package.json'), '{"version":"1.0.0","license":"MIT"}');
  const holdersIn = (licence: string): string => {
    writeFileSync(join(folder, 'LICENSE'), licence);
    const own = readComponent('some-package', folder);
    return /^Copyright: ((?:.*\n )*.*)\nLicense/m.exec(renderCopyright(own, []))?.[1] ?? '';
  };
  assert.equal(
    holdersIn('MIT License\n\nCopyright (c) 2020 Some One\n(C) 2012-2022 by others\n© Third One\n'),
    '(c) 2020 Some One\n (C) 2012-2022 by others\n © Third One',
  );
  const apache = `  (c) You must retain, in the Source form of any Derivative Works
    Copyright [yyyy] [name of copyright owner]\n`;
  assert.equal(holdersIn(apache), 'the authors of some-package');
  assert.equal(
    holdersIn('COPYRIGHT AND PERMISSION NOTICE\n\nCopyright notices are kept\n'),
    'the authors of some-package',
  );
});

if (IS_ROOT) {
  let deb = '';
  let rpm = '';
  before(async () => {
    [deb = '', rpm = ''] = await packagesOf(FIRST, 'contents');
  });

  const unpacked = async (t: TestContext): Promise<string> => {
    const root = join(tempDirectory(t), 'root');
    mkdirSync(root);
    await output(t, 'dpkg-deb', ['-x', deb, root]);
    return root;
  };

  test('the same source makes the same packages, also later and with another umask', async (t) => {
    const umask = process.umask(0o077);
    t.after(() => process.umask(umask));
    const again = await packagesOf(FIRST, 'again');
    assert.deepEqual(
      again.map((path) => basename(path)),
      [deb, rpm].map((path) => basename(path)),
    );
    for (const [at, path] of [deb, rpm].entries()) {
      assert.ok(readFileSync(path).equals(readFileSync(again[at] ?? '')), basename(path));
    }
  });

  test('lintian has nothing to say that is not explained', async (t) => {
    const words = ['--allow-root', '--fail-on=error,warning', '--tag-display-limit=0', deb];
    assert.equal(await output(t, 'lintian', words), '');
  });

  test('what is in the programs has its licence and stands in the list of parts, and nothing else does', async (t) => {
    const root = await unpacked(t);
    const documents = join(root, 'usr/share/doc/datapathd');
    const bom = JSON.parse(readFileSync(join(documents, 'sbom.cdx.json'), 'utf8'));
    const listed: string[] = bom.components.map(({ name }: { name: string }) => name);
    const programs = globSync(join(root, 'usr/lib/datapathd/**/*.mjs'));
    const bundled = programs.flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(/^(?:\/\/ | {2}")node_modules\/((?:@[^/]+\/)?[^/]+)\//gm)].map(
        ([, name = '']) => name,
      ),
    );
    assert.ok(bundled.includes('pino') && bundled.includes('commander'));
    const native = ['@koromix/koffi-linux-', 'node-linux-'].map((name) => `${name}${process.arch}`);
    assert.deepEqual([...new Set(listed)].sort(), [...new Set([...bundled, ...native, 'node'])].sort());
    const copyright = readFileSync(join(documents, 'copyright'), 'utf8');
    const withLicence = [...copyright.matchAll(/^Files: node_modules\/(.*)\/\*$/gm)].map(
      ([, name = '']) => name,
    );
    assert.deepEqual([...new Set([...withLicence, 'node'])].sort(), [...new Set(listed)].sort());
  });

  test('neither the sources nor a tree of npm packages are in it', async (t) => {
    const root = await unpacked(t);
    const paths = globSync(join(root, '**/*'));
    assert.deepEqual(
      paths.filter((path) => path.includes('node_modules') || path.endsWith('.ts')),
      [],
    );
  });

  test('what the pages show and lead to is in it', async (t) => {
    const documents = join(await unpacked(t), 'usr/share/doc/datapathd');
    const links = globSync(join(documents, '**/*.md')).flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+\.\w+)/g)].map(([, link = '']) =>
        join(dirname(page), link),
      ),
    );
    assert.ok(links.some((link) => link.endsWith('.png')));
    assert.deepEqual(
      links.filter((link) => !existsSync(link)),
      [],
    );
  });

  test('there are manual pages of both programs and of the settings', async (t) => {
    const root = await unpacked(t);
    const pages = globSync(join(root, 'usr/share/man/**/*.gz')).map((path) => basename(path));
    assert.deepEqual(pages.sort(), ['datapathctl.1.gz', 'datapathd.8.gz', 'datapathd.toml.5.gz']);
  });

  test('the package for rpm has the files of that for Debian', async (t) => {
    const root = await unpacked(t);
    const listed = (await output(t, 'rpm', ['-qlp', rpm])).trim().split('\n');
    const own = globSync(join(root, '**/*'), { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
      .filter((path) => !/lintian|changelog\.Debian/.test(path))
      .map((path) => path.replace('vendor-completions', 'site-functions'))
      .map((path) => path.replace('doc/datapathd/copyright', 'licenses/datapathd/copyright'));
    assert.deepEqual(
      own.filter((path) => !listed.includes(path)),
      [],
    );
    assert.deepEqual(
      await output(t, 'rpm', ['-qp', '--configfiles', rpm]),
      '/etc/datapathd/datapathd.toml\n',
    );
  });

  test('the scripts for rpm stop it when it is removed and restart it when it is upgraded', async (t) => {
    const scripts = await output(t, 'rpm', ['-qp', '--scripts', rpm]);
    const [post = '', preun = '', postun = ''] = scripts.split(/^(?=preuninstall|postuninstall)/m);
    assert.match(post, /systemctl daemon-reload/);
    assert.doesNotMatch(post, /systemctl (start|enable|preset)/);
    assert.match(
      preun,
      /"\$1" -eq 0 \][\s\S]*systemctl stop datapathd\.socket datapathd\.service[\s\S]* disable /,
    );
    assert.match(postun, /"\$1" -ge 1 \][\s\S]*systemctl try-restart datapathd\.service/);
    for (const script of [post, preun, postun]) {
      const { status, stderr } = await runProgram(t, 'sh', ['-n'], {
        input: script.replace(/^.*scriptlet.*$/m, ''),
      });
      assert.equal(status, 0, stderr);
    }
  });

  test('what it needs of the C library is what its pages say', async (t) => {
    const needed = await output(t, 'rpm', ['-qp', '--requires', rpm]);
    const minors = [...needed.matchAll(/GLIBC_2\.([0-9]+)\b/g)].map(([, minor]) => Number(minor));
    assert.equal(Math.max(...minors), 28);
    assert.match(await output(t, 'dpkg-deb', ['-f', deb, 'Depends']), /libc6 \(>= 2\.28\)/);
    assert.match(readFileSync(join(import.meta.dirname, '../../docs/hosts.md'), 'utf8'), /glibc 2\.28/);
  });

  test('the page is in it as it is here, and so is what traces are sent with', async (t) => {
    const folder = join(await unpacked(t), 'usr/lib/datapathd');
    const collector = await startCollector(t);
    const { switchSocket, socket } = await startDaemonProcess(t, {
      program: [join(folder, 'node'), join(folder, 'daemon/main.mjs')],
      flags: [`--traces.endpoint=${collector.endpoint}`, '--traces.interval=1ms'],
    });
    for (const [name, { body }] of assets()) {
      const get = `GET /admin/${name} HTTP/1.1\r\nconnection: close\r\n\r\n`;
      const [head = '', served] = (await exchange(t, switchSocket, get)).split('\r\n\r\n');
      assert.match(head, /^HTTP\/1\.1 200 /, name);
      assert.equal(served, body, name);
    }
    const dbg = 'me\\n00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01';
    await exchange(t, socket, `{"method":"Plugin.Query","params":[{"dbg":"${dbg}"}],"id":1}`);
    await collector.received(({ name }) => name === 'Plugin.Query');
  });

  test('rpm installs it into an empty root, without its scripts and documents, with its licences', async (t) => {
    const root = join(tempDirectory(t), 'root');
    mkdirSync(root);
    const into = ['--root', root, '--dbpath=/rpmdb'];
    await output(t, 'rpm', ['-i', ...into, '--nodeps', '--noscripts', '--excludedocs', rpm]);
    assert.equal(existsSync(join(root, 'usr/share/doc/datapathd')), false);
    assert.match(readFileSync(join(root, 'usr/share/licenses/datapathd/copyright'), 'utf8'), /^Files: /m);
    const node = join(root, 'usr/lib/datapathd/node');
    assert.equal(
      await output(t, node, [join(root, 'usr/lib/datapathd/daemon/main.mjs'), '--version']),
      `${FIRST}\n`,
    );
  });
}
