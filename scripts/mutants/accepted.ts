/** Changes that no test can notice, because they change no behaviour that a user could see. Each with its reason. */
export const ACCEPTED: readonly { readonly file: string; readonly before: string; readonly after: string; readonly why: string }[] = [
  {
    file: 'src/plan/targets/match.ts',
    before: 'let resume = 0;',
    after: 'let resume = 1;',
    why: 'It is read only after a *, which sets it.',
  },
  {
    file: 'src/queue/token-bucket.ts',
    before: 'const { tokens, at, denied } = before ?? { tokens: capacity, at: now, denied: 0 };',
    after: 'const { tokens, at, denied } = before ?? { tokens: capacity, at: now, denied: 1 };',
    why: 'The first request is granted, which sets it.',
  },
  {
    file: 'src/plan/status/placement-synced.ts',
    before: 'for (const { reason } of failures) counts.set(reason, (counts.get(reason) ?? 0) + 1);',
    after: 'for (const { reason } of failures) counts.set(reason, (counts.get(reason) ?? 0) + 2);',
    why: 'The counts are only compared with each other.',
  },
  {
    file: 'src/plan/placement/cleanup.ts',
    before:
      'const plan = planSecret(intent, namespaceOf.get(namespace), { named, labelled, otherCredential: undefined, isSource: false });',
    after: 'const plan = planSecret(intent, namespaceOf.get(namespace), { named, labelled, otherCredential: undefined, isSource: true });',
    why: 'A Secret that is a source is not placed. A cleanup places nothing.',
  },
  {
    file: 'src/plan/injection/rule.ts',
    before: 'const byAge = (a: CredentialRecord, b: CredentialRecord) => a.createdAt - b.createdAt || (a.uid < b.uid ? -1 : 1);',
    after: 'const byAge = (a: CredentialRecord, b: CredentialRecord) => a.createdAt - b.createdAt || (a.uid <= b.uid ? -1 : 1);',
    why: 'No two credentials have the same uid.',
  },
  {
    file: 'src/plan/checks/credential-memory.ts',
    before: 'const sorted = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));',
    after: 'const sorted = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([a], [b]) => (a <= b ? -1 : 1));',
    why: 'No two keys of a map are equal.',
  },
  {
    file: 'src/plan/status/placement-synced.ts',
    before: 'const [main] = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));',
    after: 'const [main] = [...counts].sort(([a, n], [b, m]) => m - n || (a <= b ? -1 : 1));',
    why: 'No two keys of a map are equal.',
  },
  {
    file: 'src/plan/placement/cleanup.ts',
    before: 'createdAt: 0,',
    after: 'createdAt: 1,',
    why: 'Both are before every credential.',
  },
  {
    file: 'src/plan/checks/schedule.ts',
    before: 'function pauseAfter({ result, times, retryAfterSeconds = 0 }: LastCheck, intervalMs: number, random: number): number {',
    after: 'function pauseAfter({ result, times, retryAfterSeconds = 1 }: LastCheck, intervalMs: number, random: number): number {',
    why: 'Without a Retry-After the pause is a minute or more.',
  },
  {
    file: 'src/queue/queue.ts',
    before: "if (this.#state === 'closed' || endsAt <= this.#pauseEndsAt) return;",
    after: "if (this.#state === 'closed' || endsAt < this.#pauseEndsAt) return;",
    why: 'A pause with the same end ends at the same time.',
  },
  {
    file: 'src/queue/queue.ts',
    before: 'clearTimeout(this.#pause);',
    after: ';',
    why: 'A closed queue starts nothing when the pause ends.',
  },
  {
    file: 'src/queue/queue.ts',
    before: 'this.#delayed.clear();',
    after: ';',
    why: 'A closed queue does not read it.',
  },
  {
    file: 'src/queue/queue.ts',
    before: 'this.#stoppable.delete(slowest);',
    after: ';',
    why: 'A run that has been stopped is removed when it ends, which is at once.',
  },
];
