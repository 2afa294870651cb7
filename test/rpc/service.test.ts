import assert from 'node:assert/strict';
import { test } from 'node:test';
import { internalError, result, unimplemented } from '../../src/rpc/call.ts';
import type { Value } from '../../src/wire/value.ts';
import { observe, sampleService } from './helpers.ts';

const call = (method: string, params?: Value) => sampleService().call({ method, params });

test('params may be the object itself or an array that holds it', () => {
  const params = { dbg: 'd', text: 'hello' };
  assert.deepEqual(call('Sample.echo', params), result('hello'));
  assert.deepEqual(call('Sample.echo', [params]), result('hello'));
});

test('fields that the interface does not list are let pass', () => {
  assert.deepEqual(call('Sample.echo', [{ dbg: 'd', text: 'hello', newer: 1 }]), result('hello'));
});

test('a method answers under each of its spellings', () => {
  assert.deepEqual(call('Sample.Echo', [{ dbg: 'd', text: 'hello' }]), result('hello'));
});

test('a method that is not there is Unimplemented, by its name', () => {
  assert.deepEqual(call('Sample.foo', [{}]), unimplemented('Sample.foo'));
});

test('a name that every object has is no method', () => {
  assert.deepEqual(call('constructor', [{}]), unimplemented('constructor'));
});

const faults: [string, string, Value | undefined, string][] = [
  [
    'a missing field',
    'Sample.echo',
    [{ dbg: 'd' }],
    'Sample.echo: params.text: expected string, got nothing',
  ],
  [
    'two missing fields',
    'Sample.echo',
    undefined,
    'Sample.echo: params.dbg: expected string, got nothing; params.text: expected string, got nothing',
  ],
  [
    'a field missing deep inside',
    'Sample.nested',
    { disks: [{ size: 1 }, {}] },
    'Sample.nested: params.disks.1.size: expected integer, got nothing',
  ],
  [
    'a wrong type',
    'Sample.echo',
    [{ dbg: 'd', text: 5 }],
    'Sample.echo: params.text: expected string, got number 5',
  ],
  [
    'a wrong type deep inside',
    'Sample.nested',
    [{ disks: [{ size: 1 }, { size: 'big' }] }],
    'Sample.nested: params.disks.1.size: expected integer, got a string of 3 characters',
  ],
  [
    'null for a field',
    'Sample.echo',
    [{ dbg: null, text: '' }],
    'Sample.echo: params.dbg: expected string, got null',
  ],
  [
    'a list of values',
    'Sample.echo',
    ['d', 'text'],
    'Sample.echo: params: expected one object with named fields, got an array of 2',
  ],
  [
    'a value for the object',
    'Sample.echo',
    ['d'],
    'Sample.echo: params[0]: expected an object with named fields, got a string of 1 characters',
  ],
];
for (const [name, method, params, reason] of faults) {
  test(`${name} is named with its path, what was expected and what came`, () => {
    assert.deepEqual(call(method, params), internalError('invalid-params', reason));
  });
}

test('a method that throws is an internal error, whose reason goes to the log and not to the caller', () => {
  const observer = observe();
  const answer = sampleService(observer).call({ method: 'Sample.breaks', params: undefined });
  assert.deepEqual(
    answer,
    internalError('internal', "Sample.breaks failed: the daemon's log has the reason"),
  );
  assert.deepEqual(observer.thrown, [['Sample.breaks', new Error('a secret of ours')]]);
});

test('a method that rejects is answered like one that throws', async () => {
  const answer = await sampleService().call({ method: 'Sample.breaksLater', params: undefined });
  assert.deepEqual(
    answer,
    internalError('internal', "Sample.breaksLater failed: the daemon's log has the reason"),
  );
});

test('each call has one record with method, queue, dbg, ms and outcome', async () => {
  const observer = observe();
  const service = sampleService(observer);
  await service.call({ method: 'Sample.echo', params: [{ dbg: 'task', text: '' }] });
  await service.call({ method: 'Sample.later', params: { text: '' } });
  await service.call({ method: 'Sample.foo', params: { dbg: 'other' } });
  const queue = 'sample.queue';
  assert.deepEqual(observer.records, [
    { queue, method: 'Sample.echo', dbg: 'task', ms: 5, outcome: 'ok' },
    { queue, method: 'Sample.later', dbg: undefined, ms: 5, outcome: 'ok' },
    { queue, method: 'Sample.foo', dbg: 'other', ms: 5, outcome: 'unimplemented' },
  ]);
});

test('calls and errors are counted', async () => {
  const service = sampleService();
  await service.call({ method: 'Sample.later', params: { text: '' } });
  await service.call({ method: 'Sample.foo', params: undefined });
  assert.deepEqual(service.counters, { calls: 2, errors: 1 });
});
