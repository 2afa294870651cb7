import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CACHINGS_OF, isBackendKind } from '../../src/storage/datapath-rules.ts';
import { ask, canCache, directionsOf, naive, question, rule } from './model-selection.ts';

/** What holds of every selection, whatever the host, the plugins and the rules. */

test('the choice is one of the URIs, and the first that the verdicts call chosen', () => {
  fc.assert(
    fc.property(question(3), (asked) => {
      const { selection, verdicts } = ask(asked);
      if (selection === undefined) return;
      assert.ok(asked.uris.includes(selection.uri));
      assert.equal(verdicts.find(({ outcome }) => outcome === 'chosen')?.uri, selection.uri);
    }),
  );
});

test('each URI has its verdict, with a reason, and one is chosen when there is a selection, else all are rejected', () => {
  fc.assert(
    fc.property(question(3), (asked) => {
      const { selection, verdicts } = ask(asked);
      assert.deepEqual(
        verdicts.map(({ uri }) => uri),
        asked.uris,
      );
      assert.ok(verdicts.every(({ reason }) => reason !== ''));
      const outcomes = verdicts.map(({ outcome }) => outcome);
      assert.equal(
        outcomes.filter((outcome) => outcome === 'chosen').length,
        selection === undefined ? 0 : 1,
      );
      assert.equal(
        outcomes.every((outcome) => outcome === 'rejected'),
        selection === undefined,
      );
    }),
  );
});

test('nothing that is forbidden is chosen', () => {
  fc.assert(
    fc.property(question(4), (asked) => {
      const { selection } = ask(asked);
      if (selection === undefined) return;
      const { plugin, implementations, driverDomain, caching, forbidden } = selection;
      const directions = directionsOf(asked, plugin);
      const { forbid } = directions;
      assert.ok(implementations.every((each) => !forbid.implementation.includes(each)));
      assert.ok(implementations.every((each) => canCache(each, directions)));
      assert.ok(implementations.every((each) => !forbidden.includes(each)));
      assert.ok(!forbid.caching.includes(caching));
      assert.ok(!forbid.driverDomain.includes(`${driverDomain.domid}`));
      assert.ok(driverDomain.uuid === undefined || !forbid.driverDomain.includes(driverDomain.uuid));
    }),
  );
});

test('the implementations are those of the domain, each once, and the first can do the caching', () => {
  fc.assert(
    fc.property(question(4), (asked) => {
      const { selection } = ask(asked);
      if (selection === undefined) return;
      const { implementations, caching } = selection;
      assert.equal(new Set(implementations).size, implementations.length);
      const isGuest = !asked.domain.startsWith('u0_') && asked.domain !== '0';
      assert.ok(implementations.every((each) => isBackendKind(each) === isGuest));
      assert.ok(CACHINGS_OF[implementations[0]].includes(caching));
    }),
  );
});

test('what is allowed is followed: it is rejected only when everything is forbidden', () => {
  fc.assert(
    fc.property(question(4), (asked) => {
      for (const { outcome, reason } of ask(asked).verdicts) {
        if (outcome !== 'rejected') continue;
        assert.match(reason, /^(it has no scheme|no datapath plugin|the driver domain|every implementation)/);
        assert.equal(/ forbidden by the rules \(number \d/.test(reason), / forbidden /.test(reason));
      }
    }),
  );
});

test('without rules it is as the toolstack would choose', () => {
  fc.assert(
    fc.property(question(0), (asked) => {
      const { selection } = ask(asked);
      assert.equal(selection?.uri, naive(asked));
      assert.notEqual(selection?.ruled, true);
    }),
    { numRuns: 1000 },
  );
});

test('the same question has the same answer', () => {
  fc.assert(
    fc.property(question(3), (asked) => {
      assert.deepEqual(ask(asked), ask(structuredClone(asked)));
    }),
  );
});

test('a rule behind the others that matches nothing changes nothing', () => {
  const irrelevant = rule({
    sr: 'no such SR',
    prefer: { implementation: ['qdisk', 'file'], caching: ['unsafe'] },
    forbid: { implementation: ['vbd3', 'nbd'], driverDomain: ['0', '3', '5'] },
    spread: true,
  });
  fc.assert(
    fc.property(question(3), (asked) => {
      assert.deepEqual(ask({ ...asked, rules: [...asked.rules, irrelevant] }), ask(asked));
    }),
  );
});

test('forbidding more never turns a rejection into a choice', () => {
  fc.assert(
    fc.property(question(2), question(2), (asked, other) => {
      const forbidding = other.rules.map(({ forbid, ...rest }) => rule({ ...rest, prefer: {}, forbid }));
      const before = ask(asked).verdicts;
      const after = ask({ ...asked, rules: [...asked.rules, ...forbidding] }).verdicts;
      for (const [index, { outcome }] of before.entries()) {
        if (outcome === 'rejected') assert.equal(after[index]?.outcome, 'rejected');
      }
    }),
  );
});
