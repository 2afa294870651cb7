import { createHash } from 'node:crypto';
import type { Component } from './licences.ts';
import { run } from './run.ts';

/** What the package is made of, for machines: CycloneDX, as npm writes it. */

/** The parts of npm's document that are read here; the others stay as they are. */
interface Bom {
  readonly metadata: object;
  readonly components: readonly {
    readonly name: string;
    readonly version: string;
    readonly 'bom-ref': string;
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** The document with nothing but what is really in the package, the same for the same packages. */
export async function renderSbom(
  folder: string,
  product: { readonly version: string; readonly seconds: number },
  components: readonly Component[],
): Promise<string> {
  const { version, seconds } = product;
  const words = ['sbom', '--sbom-format=cyclonedx', '--omit=dev', '--package-lock-only'];
  const bom: Bom = JSON.parse(await run('npm', words, { cwd: folder }));
  const shipped = new Set(components.map((component) => `${component.name}@${component.version}`));
  const found = bom.components.filter((component) => shipped.has(`${component.name}@${component.version}`));
  const missing = [...shipped].filter(
    (id) => !found.some(({ name, version }) => id === `${name}@${version}`),
  );
  if (missing.length > 0) throw new Error(`npm's list of packages lacks ${missing.join(', ')}`);
  const refs = new Set(found.map((component) => component['bom-ref']));
  const own = { 'bom-ref': `datapathd@${version}`, type: 'application', name: 'datapathd', version };
  const dependencies = bom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => refs.has(other)) }));
  const content = {
    ...bom,
    metadata: {
      ...bom.metadata,
      timestamp: new Date(seconds * 1000).toISOString(),
      component: { ...own, licenses: [{ license: { id: 'MIT' } }] },
    },
    components: [...found, ...components.flatMap(runtimeOf)],
    dependencies: [{ ref: own['bom-ref'], dependsOn: [...refs] }, ...dependencies],
  };
  return `${JSON.stringify({ ...content, serialNumber: serialNumber(JSON.stringify({ ...content, serialNumber: '' })) }, null, 2)}\n`;
}

/** Node by the name that its vulnerabilities are known under, which that of the npm package is not. */
function runtimeOf({ name, version }: Component): object[] {
  if (!name.startsWith('node-linux-')) return [];
  return [
    {
      'bom-ref': `node@${version}`,
      type: 'platform',
      name: 'node',
      version,
      cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
      purl: `pkg:generic/node@${version}`,
    },
  ];
}

/** A UUID of the content's hash, by RFC 9562, section 5.8. */
function serialNumber(content: string): string {
  const bytes = createHash('sha256').update(content).digest();
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  const groups = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)];
  return `urn:uuid:${groups.join('-')}`;
}
