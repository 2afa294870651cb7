import { once } from 'node:events';
import { connectToSwitch, type Reply, type SwitchConnection } from './connection.ts';
import { Failure } from './exit.ts';
import { findSwitch } from './find-switch.ts';
import { connectEither, type HttpLine, type Line, refused } from './line.ts';

/** What the options were given as that every command has. */
export interface CommonOptions {
  readonly path: string | undefined;
  readonly config: string | undefined;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly debug: boolean;
}

/** What a command runs in: the switch that it talks to, and where it prints. */
export interface Context {
  readonly json: boolean;
  readonly verbose: boolean;
  /** The switch's socket. */
  path(): string;
  /** A connection under a session of that name; one that only observes needs none. */
  connect(token?: string): Promise<SwitchConnection>;
  /** The same over MessagePack where the switch speaks it, unless HTTP is asked for. */
  connectLine(token: string, http: boolean): Promise<Line>;
  /** Prints; settles when whoever reads has room for more. */
  print(text: string | Buffer): Promise<void>;
  /** Prints a value as one line of JSON. */
  printJson(value: unknown): Promise<void>;
  /** A line on standard error. */
  tell(line: string): void;
}

export function createContext(options: CommonOptions): Context {
  const { stdout, stderr, env } = process;
  const tell = (line: string): void => void stderr.write(`datapathctl: ${line}\n`);
  const path = (): string => findSwitch(options, env);
  const print = async (text: string | Buffer): Promise<void> => {
    if (!stdout.write(text)) await once(stdout, 'drain');
  };
  const debug = options.debug ? tell : undefined;
  const connect = async (token?: string): Promise<SwitchConnection> => {
    const connection = await connectToSwitch({ path: path(), debug });
    if (token !== undefined) await request(connection, 'GET', `/login/${encodeURIComponent(token)}`);
    return connection;
  };
  return {
    json: options.json,
    verbose: options.verbose,
    path,
    connect,
    connectLine: (token, http) => {
      const overHttp = async (): Promise<HttpLine> => ({
        protocol: 'http',
        connection: await connect(token),
      });
      return http ? overHttp() : connectEither({ path: path(), debug }, token, overHttp);
    },
    print,
    printJson: (value) => print(`${JSON.stringify(value)}\n`),
    tell,
  };
}

/** The name of a session of this process; numbered where one needs several. */
export const sessionName = (number?: number): string =>
  `datapathctl:${process.pid}${number === undefined ? '' : `:${number}`}`;

/** Asks, and gives the body of a 200. Anything else is a `Failure` with the reason that the switch gave. */
export async function request(
  connection: SwitchConnection,
  method: 'GET' | 'POST',
  target: string,
  body?: string | Buffer,
  waits?: number,
): Promise<Buffer> {
  const reply: Reply = await connection.ask(method, target, body, waits);
  if (reply.status === 200) return reply.body;
  throw new Failure('failed', refusalText(reply.status, reply.body));
}

/** In one line, why the switch refused. */
export function refusalText(status: number, body: Buffer): string {
  const [reason = ''] = body.toString().trim().split('\n');
  return refused(reason === '' ? `status ${status}` : reason);
}

/** Runs a command's work over a connection that is closed when it is done. */
export async function withConnection<Result>(
  context: Context,
  token: string | undefined,
  work: (connection: SwitchConnection) => Promise<Result>,
): Promise<Result> {
  const connection = await context.connect(token);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}
