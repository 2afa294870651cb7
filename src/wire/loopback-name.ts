/** What a browser calls a server of its own machine in a Host header, with the port that may follow. */
export const LOOPBACK = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::([0-9]{1,5}))?$/i;

/** Whether a Host header names the loopback. A name that somebody else's name server leads here does not. */
export const isLoopbackName = (host: string): boolean => LOOPBACK.test(host);

/** A socket has no port: a name with one is that of a port which leads to it, as its client knows it. */
export const isForeignPort = (host: string): boolean => /:[0-9]+$/.test(host) && !isLoopbackName(host);
