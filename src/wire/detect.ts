/** What the first byte of a connection says of the protocol that follows. */
export type Protocol = 'http' | 'json' | 'length16' | 'messagepack' | 'xml' | 'tls' | 'unknown';

/** The content type of a TLS record that opens a connection: RFC 8446, section 5.1. */
const TLS_HANDSHAKE = 0x16;

/**
 * Chooses the protocol by a connection's first byte. HTTP begins with a method in capitals, JSON text with a bracket
 * or white space, the length framing with a digit, MessagePack-RPC with an array; XML and TLS are known so that they
 * can be told what to do instead.
 */
export function detectProtocol(firstByte: number): Protocol {
  return PROTOCOL_BY_BYTE[firstByte] ?? 'unknown';
}

const PROTOCOL_BY_BYTE: readonly Protocol[] = Array.from({ length: 256 }, (_, byte): Protocol => {
  const character = String.fromCharCode(byte);
  if (character >= 'A' && character <= 'Z') return 'http';
  if ('{[ \t\r\n'.includes(character)) return 'json';
  if (character >= '0' && character <= '9') return 'length16';
  if (character === '<') return 'xml';
  if (byte === TLS_HANDSHAKE) return 'tls';
  return isMessagePackArray(byte) ? 'messagepack' : 'unknown';
});

/** fixarray, array 16, array 32: MessagePack's formats. */
function isMessagePackArray(byte: number): boolean {
  return (byte >= 0x90 && byte <= 0x9f) || byte === 0xdc || byte === 0xdd;
}
