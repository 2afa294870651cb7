import assert from 'node:assert/strict';
import { test } from 'node:test';
import metaSchema from '@open-rpc/meta-schema';
import { Ajv } from 'ajv';
import { IsArray, IsObject, IsOptional, IsTuple, IsUnion, type TSchema } from 'typebox';
import { example } from '../../docs/interface-types.ts';
import type { InterfaceDefinition } from '../../src/rpc/interface.ts';
import { prefixed } from '../../src/rpc/interface.ts';
import { ENVELOPE_CODES } from '../../src/rpc/jsonrpc.ts';
import { openRpcDocument } from '../../src/rpc/openrpc.ts';
import { checker } from '../../src/rpc/validate.ts';
import { VolumePluginInterface } from '../../src/storage/plugin.ts';
import { SrInterface } from '../../src/storage/sr.ts';
import { VolumeInterface } from '../../src/storage/volume.ts';
import { isStruct, type Struct, type Value } from '../../src/wire/value.ts';
import { ALL, SMAPIV2, SMAPIV3 } from './definitions.ts';

/** The methods of the interfaces with their parameters but for dbg; `?`: may be left out; `→`: what is answered. */
const METHODS_OF_SMAPIV3 = `
Plugin.Query() → object
Plugin.ls() → array
Plugin.diagnostics() → string
Datapath.open(uri, persistent) → null
Datapath.attach(uri, domain, sharable?, writes?) → object
Datapath.activate(uri, domain) → null
Datapath.activate_readonly(uri, domain) → null
Datapath.import_activate(uri, domain) → string
Datapath.deactivate(uri, domain) → null
Datapath.detach(uri, domain) → null
Datapath.close(uri) → null
Datapath.select(uri?, sr?, volume?, domain?, persistent?) → object
Data.copy(uri, domain, remote, blocklist) → variant
Data.mirror(uri, domain, remote) → variant
Data.stat(operation) → object
Data.cancel(operation) → null
Data.destroy(operation) → null
Data.ls() → array
SR.probe(configuration) → array
SR.create(uuid, configuration, name, description) → object
SR.attach(configuration) → string
SR.detach(sr) → null
SR.destroy(sr) → null
SR.stat(sr) → object
SR.set_name(sr, new_name) → null
SR.set_description(sr, new_description) → null
SR.ls(sr) → array
Volume.create(sr, name, description, size, sharable) → object
Volume.snapshot(sr, key) → object
Volume.clone(sr, key) → object
Volume.copy(sr, key, dest_sr) → object
Volume.destroy(sr, key) → null
Volume.revert(sr, snapshot, key) → null
Volume.set_name(sr, key, new_name) → null
Volume.set_description(sr, key, new_description) → null
Volume.set(sr, key, k, v) → null
Volume.unset(sr, key, k) → null
Volume.resize(sr, key, new_size) → null
Volume.stat(sr, key) → object
Volume.compare(sr, key, key2) → object
Volume.similar_content(sr, key) → array
Volume.enable_cbt(sr, key) → null
Volume.disable_cbt(sr, key) → null
Volume.data_destroy(sr, key) → null
Volume.list_changed_blocks(sr, key, key2, offset, length) → object
Volume.compose(sr, key, key2) → null
`;

const METHODS_OF_SMAPIV2 = `
Query.query() → object
Query.diagnostics() → string
SR.create(sr, name_label, name_description, device_config, physical_size) → object
SR.attach(sr, device_config) → null
SR.detach(sr) → null
SR.destroy(sr) → null
SR.reset(sr) → null
SR.scan(sr) → array
SR.scan2(sr) → array
SR.stat(sr) → object
SR.list() → array
SR.probe(queue, device_config, sm_config) → array
SR.set_name_label(sr, new_name_label) → null
SR.set_name_description(sr, new_name_description) → null
VDI.create(sr, vdi_info) → object
VDI.snapshot(sr, vdi_info) → object
VDI.clone(sr, vdi_info) → object
VDI.destroy(sr, vdi) → null
VDI.stat(sr, vdi) → object
VDI.resize(sr, vdi, new_size) → integer
VDI.introduce(sr, uuid, sm_config, location) → object
VDI.set_name_label(sr, vdi, new_name_label) → null
VDI.set_name_description(sr, vdi, new_name_description) → null
VDI.set_persistent(sr, vdi, persistent) → null
VDI.epoch_begin(sr, vdi, vm, persistent) → null
VDI.attach3(dp, sr, vdi, vm, read_write) → object
VDI.activate3(dp, sr, vdi, vm) → null
VDI.activate_readonly(dp, sr, vdi, vm) → null
VDI.deactivate(dp, sr, vdi, vm) → null
VDI.detach(dp, sr, vdi, vm) → null
VDI.epoch_end(sr, vdi, vm) → null
VDI.enable_cbt(sr, vdi) → null
VDI.disable_cbt(sr, vdi) → null
VDI.data_destroy(sr, vdi) → null
VDI.list_changed_blocks(sr, vdi_from, vdi_tp) → string
VDI.compose(sr, vdi1, vdi2) → null
VDI.set_content_id(sr, vdi, content_id) → null
VDI.add_to_sm_config(sr, vdi, key, value) → null
VDI.remove_from_sm_config(sr, vdi, key) → null
VDI.add_tags(sr, vdi, key) → null
VDI.remove_tags(sr, vdi, key) → null
VDI.similar_content(sr, vdi) → array
VDI.revert(sr, snapshot_info) → null
DP.destroy2(dp, sr, vdi, vm, allow_leak) → null
DP.attach_info(sr, vdi, dp, vm) → object
DATA.mirror(sr, vdi, image_format, vm, url) → variant
DATA.stat(sr, vdi, vm, operation) → object
DATA.import_activate(dp, sr, vdi, vm) → string
DATA.get_nbd_server(dp, sr, vdi, vm) → string
`;

interface Row {
  readonly name: string;
  readonly params: TSchema;
  readonly result: TSchema;
}

const methodsOf = (definitions: readonly InterfaceDefinition[]): Row[] =>
  definitions.flatMap(({ name, methods }) =>
    Object.entries(methods).map(([method, { params, result }]) => ({
      name: `${name}.${method}`,
      params,
      result: result.schema,
    })),
  );

const jsonType = (schema: TSchema): string => {
  if (IsUnion(schema)) return 'variant';
  const { type }: { type?: unknown } = schema;
  return Array.isArray(type) ? String(type[0]) : String(type);
};

function signature({ name, params, result }: Row): string {
  const fields = IsObject(params) ? Object.entries(params.properties) : [];
  const [dbg] = fields;
  assert.equal(dbg?.[0], 'dbg', `${name} takes dbg first`);
  const rest = fields.slice(1).map(([field, schema]) => `${field}${IsOptional(schema) ? '?' : ''}`);
  return `${name}(${rest.join(', ')}) → ${jsonType(result)}`;
}

for (const [title, definitions, listed] of [
  ['SMAPIv3', SMAPIV3, METHODS_OF_SMAPIV3],
  ['SMAPIv2', SMAPIV2, METHODS_OF_SMAPIV2],
] as const) {
  test(`the methods of ${title} are those of the interface, with the same parameters`, () => {
    assert.deepEqual(methodsOf(definitions).map(signature), listed.trim().split('\n'));
  });
}

const asValue = (value: unknown): Value => JSON.parse(JSON.stringify(value));

for (const { name, params, result } of methodsOf([...SMAPIV3, ...SMAPIV2])) {
  test(`${name} takes the example call of its page, and answers its example`, () => {
    assert.equal(checker(params, 'params')(asValue(example(params, '', 1))).type, 'valid');
    assert.equal(checker(result, 'result')(asValue(example(result, 'result', 2))).type, 'valid');
  });

  test(`${name} refuses a call without any one of its fields, by its path`, () => {
    const check = checker(params, 'params');
    const whole = asValue(example(params, '', 1));
    for (const { path, value } of withoutEach(params, whole, 'params')) {
      const checked = check(value);
      assert.equal(checked.type, 'invalid', `${path} may be missing`);
      assert.match(
        checked.type === 'invalid' ? checked.reason : '',
        new RegExp(`^${path}: expected .+, got nothing$`),
      );
    }
  });
}

/** The value once for each required field in it, at any depth, without that field. */
function withoutEach(schema: TSchema, value: Value, path: string): { path: string; value: Value }[] {
  if (IsTuple(schema) || IsArray(schema)) {
    if (!Array.isArray(value)) return [];
    return value.flatMap((element, index) => {
      const inside = IsTuple(schema) ? schema.items[index] : schema.items;
      const missing = inside === undefined ? [] : withoutEach(inside, element, `${path}.${index}`);
      return missing.map((one) => ({ ...one, value: value.with(index, one.value) }));
    });
  }
  if (!IsObject(schema) || !isStruct(value)) return [];
  return Object.entries(schema.properties).flatMap(([field, inside]) => {
    const { [field]: own = null, ...rest } = value;
    const here = `${path}.${field}`;
    return [
      ...(IsOptional(inside) ? [] : [{ path: here, value: rest }]),
      ...withoutEach(inside, own, here).map((one) => ({ ...one, value: { ...value, [field]: one.value } })),
    ];
  });
}

test('each method, field and type has a sentence that explains it', () => {
  const silent = ALL.flatMap(({ name, description, types, methods }) => [
    ...(description === '' ? [name] : []),
    ...types.filter((type) => type.description === '' && type.name !== 'srs').map((type) => type.name),
    ...Object.entries(methods).flatMap(([method, { description: text, params, result }]) => [
      ...(text === '' || result.description === '' ? [`${name}.${method}`] : []),
      ...Object.entries(params.properties)
        .filter(([field, schema]) => !('description' in schema) && !explained(types, field))
        .map(([field]) => `${name}.${method}: ${field}`),
    ]),
  ]);
  assert.deepEqual(silent, []);
});

/** A field whose type has a name of its own is explained there. */
const explained = (types: InterfaceDefinition['types'], field: string): boolean =>
  [field, `given_${field}`, field.replace('snapshot_info', 'given_vdi_info')].some((name) =>
    types.some((type) => type.name === name && type.description !== ''),
  );

test('codes of errors are 1 to 99 or the envelope’s own, the same for a constructor everywhere, and one each', () => {
  const codes = new Map<string, number>();
  const tags = new Map<number, string>();
  for (const { errors } of ALL) {
    for (const [tag, { code }] of Object.entries(errors)) {
      const own = code >= 1 && code <= 99;
      assert.ok(own || code === ENVELOPE_CODES.unimplemented || code === ENVELOPE_CODES.internal, tag);
      assert.equal(codes.get(tag) ?? code, code, tag);
      assert.equal(tags.get(code) ?? tag, tag, `${code}`);
      codes.set(tag, code);
      tags.set(code, tag);
    }
  }
  assert.equal(codes.get('Sr_not_attached'), 2);
});

test('the constructors of the errors are those of the interfaces', () => {
  const tagsOf = (definitions: readonly InterfaceDefinition[]): string[] => [
    ...new Set(definitions.flatMap(({ errors }) => Object.keys(errors))),
  ];
  assert.deepEqual(tagsOf([SrInterface, VolumeInterface]).sort(), [
    'Activated_on_another_host',
    'Backend_error',
    'Backend_error_with_backtrace',
    'Cancelled',
    'Internal_error',
    'SR_does_not_exist',
    'Sr_not_attached',
    'Unimplemented',
    'Volume_does_not_exist',
  ]);
  assert.deepEqual(tagsOf(SMAPIV2).sort(), [
    'Activated_on_another_host',
    'Backend_error',
    'Backend_error_with_backtrace',
    'Cancelled',
    'Internal_error',
    'No_storage_plugin_for_sr',
    'Sr_not_attached',
    'Sr_unhealthy',
    'Unimplemented',
    'Vdi_does_not_exist',
  ]);
});

const documentOf = (definitions: readonly InterfaceDefinition[]): Struct =>
  openRpcDocument({ title: 'q', description: 'a queue', version: '1' }, definitions);

for (const [queue, definitions] of [
  ['the datapath queue', SMAPIV3.slice(0, 3)],
  [
    "a volume plugin's queue",
    [...SMAPIV2, prefixed('SMAPIv3.', SrInterface), VolumeInterface, VolumePluginInterface],
  ],
] as const) {
  test(`what ${queue} serves is an OpenRPC document in which 64 bits are an integer`, () => {
    const document = asValue(documentOf(definitions));
    const ajv = new Ajv({ strict: false, validateFormats: false });
    assert.equal(ajv.validate(metaSchema, document), true, ajv.errorsText());
    assert.doesNotMatch(JSON.stringify(document), /bigint/);
  });
}

test('a type has one name, and a name one type, on a queue that serves several interfaces', () => {
  const types = [...SMAPIV2, SrInterface, VolumeInterface, VolumePluginInterface].flatMap(
    (definition) => definition.types,
  );
  const byName = new Map<string, TSchema>();
  for (const { name, schema } of types) {
    assert.equal(byName.get(name) ?? schema, schema, name);
    byName.set(name, schema);
  }
});

test('an interface under a longer name is described with it', () => {
  const { methods } = documentOf([prefixed('SMAPIv3.', SrInterface)]);
  assert.ok(Array.isArray(methods));
  assert.equal(methods[0].name, 'SMAPIv3.SR.probe');
});
