import { Followers } from '../admin/followers.ts';
import type { Facts } from '../admin/page/facts.ts';
import { createSite } from '../admin/site.ts';
import type { Config } from '../config.ts';
import type { Reporter } from '../reporter.ts';
import type { LoopbackServer } from '../service/loopback.ts';
import type { Site } from '../wire/site.ts';
import type { SrView } from '../xenstore/view.ts';
import { factsNow } from './admin-facts.ts';
import type { Running } from './metrics.ts';
import type { Storage } from './storage.ts';
import type { Telemetry } from './telemetry.ts';

export interface AdminOptions {
  readonly config: Config;
  readonly version: string;
  readonly report: Reporter;
  /** A clock, in ms since the epoch. */
  readonly now: () => number;
  readonly telemetry: Telemetry;
  // Asked while somebody looks, and at no other time.
  readonly running: () => Running;
  readonly view: () => SrView | undefined;
  readonly storage: () => Storage | undefined;
}

/** The page for people: what is below `/admin`, and who looks at it. */
export class Admin {
  readonly site: Site;
  /** Where it is answered over TCP, with the token if nobody could know that yet. */
  url: string | undefined;
  readonly #options: AdminOptions;
  #server: LoopbackServer | undefined;

  constructor(options: AdminOptions) {
    const { config, now, running } = options;
    const followers: Followers = new Followers({
      limits: config.admin,
      now,
      trace: (from) => running().switch?.traced(from) ?? [],
      facts: () => this.#facts(followers.size),
    });
    this.#options = options;
    this.site = createSite(followers);
  }

  /** Listens where the settings say so. Throws a `ConfigError` when there is no token, and rejects when it can't listen. */
  async open(): Promise<void> {
    const { config, report } = this.#options;
    const { listen, tokenFile } = config.admin;
    if (listen === '') return;
    // Few need it, and Node's server of HTTP is much to load.
    const { guardedSite } = await import('../admin/guarded-site.ts');
    const { listenOnLoopback } = await import('../service/loopback.ts');
    const { findToken } = await import('./admin-token.ts');
    const token = findToken({
      file: tokenFile,
      credentials: process.env.CREDENTIALS_DIRECTORY,
      isTerminal: process.stdout.isTTY,
    });
    const refused = (reason: string): void =>
      report('warn', 'admin.listen', { reason }, 'somebody is not let in to the page');
    const answer = guardedSite(this.site, token.text, refused);
    this.#server = await listenOnLoopback({ address: listen, setting: 'admin.listen', answer });
    const { address } = this.#server;
    report('info', 'admin.listen', { address }, 'the page is answered over TCP');
    this.url = `http://${address}/admin/${token.isNew ? `?token=${token.text}` : ''}`;
  }

  #facts(followers: number): Facts {
    const { config, version, telemetry, running, view, storage } = this.#options;
    const present = running();
    return factsNow({
      ...{ config, version, running: present, view: view(), known: storage()?.known },
      ...{ queues: telemetry.queues, plugins: telemetry.plugins, followers },
      delay: telemetry.delay(),
      reasons: telemetry.reasons(present),
    });
  }

  stop(): void {
    this.#server?.stop();
  }
}
