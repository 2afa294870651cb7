import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Product } from './product.ts';
import { run } from './run.ts';
import { ARCHITECTURES } from './runtime.ts';
import { CONFIGURATION, DOCUMENTS, LIBRARY, SHARE, settle, write } from './tree.ts';

/** A package for distributions with rpm, by rpmbuild. */

const SCRIPTS = join(import.meta.dirname, 'scripts');
const RELEASE = 1;

const LICENCES = '/usr/share/licenses/datapathd';
export const ZSH_COMPLETIONS = 'usr/share/zsh/site-functions';

/** Makes the package of a tree; gives its path. */
export async function makeRpm(root: string, product: Product, into: string): Promise<string> {
  const { version, seconds } = product;
  const architecture = ARCHITECTURES[product.architecture].rpm;
  settle(root, seconds);
  const top = `${root}-build`;
  const specification = join(top, 'datapathd.spec');
  mkdirSync(join(top, 'files'), { recursive: true });
  write(specification, specificationOf(product));
  const name = `datapathd-${version}-${RELEASE}.${architecture}.rpm`;
  const macros = {
    _topdir: top,
    _rpmdir: top,
    _rpmfilename: name,
    _dbpath: join(top, 'database'),
    tree: root,
  };
  const defines = Object.entries(macros).flatMap(([macro, value]) => ['--define', `${macro} ${value}`]);
  await run('rpmbuild', ['-bb', '--quiet', `--target=${architecture}-linux`, ...defines, specification], {
    cwd: top,
    env: { ...process.env, SOURCE_DATE_EPOCH: `${seconds}`, LC_ALL: 'C.UTF-8' },
  });
  const path = join(into, name);
  renameSync(join(top, name), path);
  rmSync(top, { recursive: true });
  return path;
}

const script = (name: string): string => readFileSync(join(SCRIPTS, `rpm-${name}`), 'utf8').trimEnd();

/** xz is read by every rpm that there is. */
const PAYLOAD: Readonly<Record<Product['compression'], string>> = { small: 'w6.xzdio', fast: 'w1.gzdio' };

/** What its native files need of the C library rpm finds out by itself: a host whose one is too old refuses the package. */
const specificationOf = ({ version, maintainer, seconds, compression }: Product): string => `
# The files are as they are meant to be: nothing is stripped, compressed or compiled once more.
%global __os_install_post %{nil}
%global debug_package %{nil}
%global _build_id_links none
# The plugins are there to be copied, and need Python where they are.
%global __requires_exclude_from ^${SHARE}/
%global __provides_exclude_from ^${LIBRARY}/
# The same source makes the same bytes.
%global _buildhost packages.invalid
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%global _binary_payload ${PAYLOAD[compression]}

Name: datapathd
Version: ${version}
Release: ${RELEASE}
Summary: Message switch and storage interfaces of a Xen host
License: MIT
Packager: ${maintainer}

%description
datapathd switches messages in the wire protocol of xapi, serves its storage
interfaces on Unix sockets named for their queues, carries storage calls out
by plugins, and chooses how each virtual disk gets to its domain, from a view
of xenstore that watches keep fresh.

The package has the Node that runs it, and needs nothing else.

%install
cp -a %{tree}/. %{buildroot}/
# It is there as well where documents are left out, as on hosts with tsflags=nodocs.
mkdir -p %{buildroot}${LICENCES}
mv %{buildroot}${DOCUMENTS}/copyright %{buildroot}${LICENCES}/copyright

%post
${script('post')}

%preun
${script('preun')}

%postun
${script('postun')}

%files
%defattr(-,root,root,-)
%dir /etc/datapathd
%config(noreplace) ${CONFIGURATION}
${LIBRARY}
${SHARE}
%doc ${DOCUMENTS}
%dir ${LICENCES}
%license ${LICENCES}/copyright
/usr/bin/datapathd
/usr/bin/datapathctl
/usr/lib/systemd/system/datapathd.service
/usr/lib/systemd/system/datapathd.socket
/usr/share/bash-completion/completions/datapathctl
/usr/share/fish/vendor_completions.d/datapathctl.fish
/${ZSH_COMPLETIONS}/_datapathctl
/usr/share/man/man*/datapath*

%changelog
* ${changelogDate(seconds)} ${maintainer} - ${version}-${RELEASE}
- Version ${version}: what has changed is in changelog.gz.
`;

/** `Fri Nov 27 2026` */
function changelogDate(seconds: number): string {
  const [weekday = '', day = '', month = '', year = ''] = new Date(seconds * 1000)
    .toUTCString()
    .replace(',', '')
    .split(' ');
  return `${weekday} ${month} ${day} ${year}`;
}
