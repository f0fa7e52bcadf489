/** One challenge of a WWW-Authenticate header. */
export interface Challenge {
  /** In small letters: `basic`, `bearer`. */
  readonly scheme: string;
  /** By name in small letters. The first one wins where a name is repeated. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** A header that is longer is not read to its end. */
const LONGEST = 16_384;

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*/y;
const SPACE = /[ \t\r\n]*/y;
const COMMAS = /[ \t\r\n,]*/y;
const UNQUOTED = /[^\s,"]+/y;
/** Empty if it does not end. */
const QUOTED = /"(?:[^"\\]|\\.)*"/sy;

/**
 * Reads the challenges of one or several WWW-Authenticate headers (RFC 9110, sections 11.2, 11.3 and 5.6.4).
 *
 * A comma separates both challenges and parameters, so a name that is followed by `=` is a parameter and any other name begins
 * a challenge. It never throws. From a part that is malformed on, the header is ignored; the challenges before it count.
 */
export function parseChallenges(headers: string | readonly string[] | undefined): readonly Challenge[] {
  const list = typeof headers === 'string' ? [headers] : (headers ?? []);
  return list.flatMap((header) => challengesOf(header.slice(0, LONGEST)));
}

function challengesOf(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  const read = readerOf(header);
  for (read(COMMAS); ; read(COMMAS)) {
    const scheme = read(TOKEN);
    if (scheme === '') return challenges;
    const parameters = new Map<string, string>();
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
    if (read(SPACE) === '') continue;
    if (skipToken68(read)) continue;
    readParameters(read, parameters);
  }
}

interface Reader {
  /** Takes what a sticky expression matches at the current position; empty if it does not match. */
  (pattern: RegExp): string;
  position: number;
  readonly text: string;
}

function readerOf(text: string): Reader {
  const read: Reader = Object.assign(
    (pattern: RegExp) => {
      pattern.lastIndex = read.position;
      const [found = ''] = pattern.exec(text) ?? [];
      read.position += found.length;
      return found;
    },
    { position: 0, text },
  );
  return read;
}

/** Negotiate and others carry one bare value in place of parameters. */
function skipToken68(read: Reader): boolean {
  const start = read.position;
  const value = read(TOKEN68);
  read(SPACE);
  const isAtEnd = read.position >= read.text.length || read.text[read.position] === ',';
  // Without this, `Bearer realm=` would be a token68, and so would the scheme of the next challenge.
  if (value !== '' && isAtEnd && !/^[^=]+=$/.test(value)) return true;
  read.position = start;
  return false;
}

/**
 * Reads `name=value` until a name is not followed by `=`: that one begins the next challenge. It stops before something malformed, where no
 * challenge can begin.
 */
function readParameters(read: Reader, parameters: Map<string, string>): void {
  for (read(COMMAS); ; read(COMMAS)) {
    const start = read.position;
    const name = read(TOKEN).toLowerCase();
    if (name === '') return;
    read(SPACE);
    if (read.text[read.position] !== '=') {
      read.position = start;
      return;
    }
    read.position += 1;
    read(SPACE);
    const isQuoted = read.text[read.position] === '"';
    const value = read(isQuoted ? QUOTED : UNQUOTED);
    if (isQuoted && value === '') return;
    if (!parameters.has(name)) parameters.set(name, isQuoted ? value.slice(1, -1).replace(/\\(.)/gs, '$1') : value);
  }
}
