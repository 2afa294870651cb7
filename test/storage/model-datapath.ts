import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DeclaredError } from '../../src/rpc/declared-error.ts';
import { stateOf } from '../../src/storage/datapath-state.ts';
import { Datapaths } from '../../src/storage/datapaths.ts';
import { StorageState } from '../../src/storage/state.ts';
import { type Answer, BACKEND, choiceOf, Failure, type Ran, scriptedDriver, useOf } from './model-driver.ts';

/** What scripts have really done to a disk, whatever the daemon knows of it. */

export type Asked = 'attach' | 'activate' | 'activate_readonly' | 'deactivate' | 'detach';

/** What becomes of a script: `lost`, and the daemon does not learn whether it did anything. */
export type Outcome = 'ok' | 'undone' | 'lost before' | 'lost after' | 'crash before' | 'crash after';

export interface Request {
  readonly asked: Asked;
  readonly domain: string;
  readonly dp: string;
  /** For an attach: whether it is for writing; nothing: it is not told. */
  readonly writes?: boolean | undefined;
  /** Of its scripts, in their order; those that are not named end well. */
  readonly outcomes: readonly Outcome[];
}

interface Reality {
  attached: boolean;
  active: 'no' | 'reads' | 'writes';
  /** The names that were let write, and have not been put down since. */
  readonly writers: Set<string>;
}

/** What a name was told that it has, and has not given back. */
interface Promised {
  active: Reality['active'];
}

export class World {
  readonly state = new StorageState();
  readonly reality = new Map<string, Reality>();
  readonly #promised = new Map<string, Promised>();
  /** For writing, or not: as each name attached. */
  readonly #modes = new Map<string, boolean>();
  readonly #sharable: boolean;
  readonly #datapaths: Datapaths;
  #request: Request = { asked: 'detach', domain: '', dp: '', outcomes: [] };
  #ran: string[] = [];

  constructor(sharable: boolean) {
    this.#sharable = sharable;
    this.#datapaths = new Datapaths({
      state: this.state,
      commit: async (operations) => {
        for (const operation of operations) this.state.apply(operation);
      },
      driver: scriptedDriver((ran) => this.#script(ran)),
    });
  }

  /** Makes a request: what became of it, and the scripts that were run. */
  async perform(request: Request): Promise<{ ended: 'done' | 'refused' | 'failed'; ran: readonly string[] }> {
    this.#request = request;
    this.#ran = [];
    const { asked, dp, domain, writes } = request;
    const mode = this.#modes.get(dp);
    const promised = this.#promised.get(dp);
    if (asked === 'attach') {
      const isWriter = this.of(domain).writers.has(dp);
      this.#modes.set(dp, isWriter || (writes ?? mode ?? true));
    }
    if (asked === 'detach') this.#promised.delete(dp);
    if (asked === 'deactivate' && promised !== undefined) promised.active = 'no';
    try {
      await this.#ask(request);
    } catch (error) {
      if (error instanceof DeclaredError) return { ended: 'refused', ran: this.#ran };
      if (asked === 'attach' && error instanceof Failure && error.isUndone) {
        if (mode === undefined) this.#modes.delete(dp);
        else this.#modes.set(dp, mode);
      }
      return { ended: 'failed', ran: this.#ran };
    }
    this.#done(request);
    return { ended: 'done', ran: this.#ran };
  }

  of(domain: string): Reality {
    const found = this.reality.get(domain);
    if (found !== undefined) return found;
    const fresh: Reality = { attached: false, active: 'no', writers: new Set() };
    this.reality.set(domain, fresh);
    return fresh;
  }

  /** The domains that write. */
  writing(): string[] {
    return [...this.reality].flatMap(([domain, { active, writers }]) =>
      active === 'writes' && writers.size > 0 ? [domain] : [],
    );
  }

  /** What has to hold after every request. */
  check(): void {
    if (!this.#sharable) assert.ok(this.writing().length <= 1, `${this.writing().join()} write`);
    for (const [dp, { active }] of this.#promised) {
      const really = this.of(domainOf(dp));
      assert.ok(really.attached, `${dp} was told that it is attached`);
      if (active !== 'no') assert.notEqual(really.active, 'no', `${dp} was told that it is active`);
      if (active === 'writes') assert.equal(really.active, 'writes', `${dp} was told that it may write`);
    }
    for (const [domain, really] of this.reality) {
      const known = this.state.datapath(useOf({ domain }));
      if (known === undefined) assert.deepEqual([really.attached, really.active], [false, 'no']);
      else if (stateOf(known) === 'attached') {
        assert.deepEqual([really.attached, really.active], [true, 'no']);
      } else if (known.phase === 'activated' && known.underWay === null) {
        assert.ok(really.attached);
        if (known.by === 'activate') assert.equal(really.active, 'writes');
        else assert.notEqual(really.active, 'no');
      }
    }
  }

  async #ask({ asked, domain, dp, writes }: Request): Promise<void> {
    const use = useOf({ domain, dp });
    const choose = async () => choiceOf({ sharable: this.#sharable });
    switch (asked) {
      case 'attach':
        assert.deepEqual(await this.#datapaths.attach(use, writes, choose), BACKEND);
        return;
      case 'activate':
      case 'activate_readonly':
        return this.#datapaths.activate(use, asked);
      case 'deactivate':
        return this.#datapaths.deactivate(use);
      case 'detach':
        return this.#datapaths.detach(use);
    }
  }

  #done({ asked, domain, dp }: Request): void {
    const { writers } = this.of(domain);
    const promised = this.#promised.get(dp);
    switch (asked) {
      case 'attach':
        this.#promised.set(dp, promised ?? { active: 'no' });
        return;
      case 'activate':
        this.#promised.set(dp, { active: 'writes' });
        if (this.#modes.get(dp) === true) writers.add(dp);
        return;
      case 'activate_readonly':
        this.#promised.set(dp, { active: promised?.active === 'writes' ? 'writes' : 'reads' });
        return;
      case 'deactivate':
        writers.delete(dp);
        return;
      case 'detach':
        writers.delete(dp);
        this.#modes.delete(dp);
        return;
    }
  }

  #script({ script, params }: Ran): Answer {
    const { domain, outcomes } = this.#request;
    assert.equal(params.domain, domain);
    const outcome = outcomes[this.#ran.length] ?? 'ok';
    this.#ran.push(script);
    assert.ok(this.#ran.length <= 3, 'the plan ends');
    if (outcome === 'undone') return new Failure(true);
    if (outcome === 'ok' || outcome.endsWith('after')) this.#happen(script);
    if (outcome.startsWith('crash')) throw new Error('the daemon was killed');
    if (outcome.startsWith('lost')) return new Failure(false);
    return script === 'attach' ? { ...BACKEND } : null;
  }

  #happen(script: string): void {
    const { domain, dp } = this.#request;
    const really = this.of(domain);
    switch (script) {
      case 'attach':
        really.attached = true;
        return;
      case 'activate':
        assert.ok(really.attached, 'activated and not attached');
        really.active = 'writes';
        if (this.#modes.get(dp) === true) really.writers.add(dp);
        return;
      case 'activate_readonly':
        assert.ok(really.attached, 'activated and not attached');
        if (really.active === 'no') really.active = 'reads';
        return;
      case 'deactivate':
        assert.ok(really.attached, 'deactivated and not attached');
        really.active = 'no';
        really.writers.clear();
        return;
      case 'detach':
        assert.equal(really.active, 'no', 'detached and still active');
        really.attached = false;
        return;
      default:
        assert.fail(`the script ${script}`);
    }
  }
}

/** Each name is that of one domain: `7a` of the domain 7. */
export const NAMES = ['7a', '7b', '7c', '8a', '8b'];
export const domainOf = (dp: string): string => dp.slice(0, 1);

const ASKED: readonly Asked[] = ['attach', 'activate', 'activate_readonly', 'deactivate', 'detach'];

/** Any request, its scripts with any of these outcomes. */
export const request = (outcomes: readonly Outcome[]): fc.Arbitrary<Request> =>
  fc
    .record({
      asked: fc.constantFrom(...ASKED),
      dp: fc.constantFrom(...NAMES),
      writes: fc.constantFrom(true, false, undefined),
      outcomes: fc.array(fc.constantFrom(...outcomes), { maxLength: 3 }),
    })
    .map((drawn) => ({ ...drawn, domain: domainOf(drawn.dp) }));
