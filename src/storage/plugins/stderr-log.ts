/** What is kept of a process's stderr for the answer. */
const TAIL_BYTES = 4096;
/** A longer line is logged in pieces of this. */
const LONGEST_LINE = 4096;
const NEWLINE = 0x0a;

/** Takes what a process writes on stderr: each line is told at once, and the end is kept. */
export interface StderrLog {
  push(chunk: Buffer): void;
  /** Tells the line that has no end. */
  end(): void;
  /** The last 4 KiB. */
  tail(): string;
  /** Begins anew, for the next call in the same process. */
  reset(): void;
}

/** `maxBytes`: of what is told; then one line says that more is not. */
export function stderrLog(maxBytes: number, tell: (line: string) => void): StderrLog {
  let tail: Buffer = Buffer.alloc(0);
  let line: Buffer = Buffer.alloc(0);
  let told = 0;

  const tellLine = (bytes: Buffer): void => {
    if (told > maxBytes) return;
    told += bytes.length + 1;
    if (told > maxBytes) tell('more is not logged: plugins.maxLoggedBytes');
    else if (bytes.length > 0) tell(bytes.toString().trimEnd());
  };

  return {
    push: (chunk) => {
      tail = Buffer.concat([tail, chunk.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
      let rest = chunk;
      for (let at = rest.indexOf(NEWLINE); at >= 0; at = rest.indexOf(NEWLINE)) {
        tellPieces(Buffer.concat([line, rest.subarray(0, at)]), tellLine);
        line = Buffer.alloc(0);
        rest = rest.subarray(at + 1);
      }
      line = tellWholePieces(Buffer.concat([line, rest]), tellLine);
    },
    end: () => {
      if (line.length > 0) tellLine(line);
      line = Buffer.alloc(0);
    },
    tail: () => wholeCharacters(tail).toString(),
    reset: () => {
      tail = Buffer.alloc(0);
      told = 0;
    },
  };
}

function tellPieces(bytes: Buffer, tell: (line: Buffer) => void): void {
  tell(tellWholePieces(bytes, tell));
}

/** Gives what is left when all pieces of the full length are told. */
function tellWholePieces(bytes: Buffer, tell: (line: Buffer) => void): Buffer {
  let rest = bytes;
  while (rest.length > LONGEST_LINE) {
    tell(rest.subarray(0, LONGEST_LINE));
    rest = rest.subarray(LONGEST_LINE);
  }
  return rest;
}

/** Without the end of a character whose beginning was cut off. */
function wholeCharacters(bytes: Buffer): Buffer {
  let at = 0;
  while (bytes.length === TAIL_BYTES && at < 3 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at += 1;
  return bytes.subarray(at);
}
