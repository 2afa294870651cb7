/**
 * Whether a text is as a pattern has it, from its first character to its last; `*` stands for any characters, and for none.
 * The text is gone through once, whatever the pattern: patterns come from people who may not know what they cost.
 */
export function matchesGlob(pattern: string): (text: string) => boolean {
  const [start = '', ...rest] = pattern.split('*');
  const end = rest.pop();
  if (end === undefined) return (text) => text === start;
  const between = rest.filter((part) => part !== '');
  return (text) => {
    const last = text.length - end.length;
    if (last < start.length || !text.startsWith(start) || !text.endsWith(end)) return false;
    let from = start.length;
    for (const part of between) {
      const found = text.indexOf(part, from);
      if (found === -1) return false;
      from = found + part.length;
    }
    return from <= last;
  };
}
