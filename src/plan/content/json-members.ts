/**
 * The members of a JSON object in their order, each with its value as text. JSON.parse keeps only the last of several members with one
 * name; Go's encoding/json decodes each of them.
 *
 * @param json valid JSON of an object.
 */
export function membersOf(json: string): (readonly [name: string, value: string])[] {
  const members: [string, string][] = [];
  let depth = 0;
  let name = '';
  /** Where the value of the current member begins; undefined while its name is read. */
  let begin: number | undefined;
  const endMember = (end: number) => {
    if (begin !== undefined) members.push([name, json.slice(begin, end)]);
    begin = undefined;
  };
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case '"': {
        const end = endOfString(json, at);
        if (depth === 1 && begin === undefined) name = JSON.parse(json.slice(at, end));
        at = end - 1;
        break;
      }
      case '{':
      case '[':
        depth++;
        break;
      case '}':
      case ']':
        depth--;
        if (depth === 0) endMember(at);
        break;
      case ':':
        if (depth === 1) begin = at + 1;
        break;
      case ',':
        if (depth === 1) endMember(at);
        break;
    }
  }
  return members;
}

/** Not a regular expression: its stack would overflow on a string of a megabyte. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}
