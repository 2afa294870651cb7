/** The little of node-ipc 14 that is used here; the package brings no types. */
declare module 'node-ipc' {
  import type { Server, Socket } from 'node:net';

  interface SocketServer {
    readonly server: Server;
    on(event: 'connect', listener: (socket: Socket) => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    start(): void;
  }

  class IPC {
    readonly config: Record<string, unknown>;
    readonly server: SocketServer;
    serve(path: string, started: () => void): void;
  }

  const module: { readonly IPC: typeof IPC };
  export default module;
}
