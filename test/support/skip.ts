import type { Context } from 'mocha';

/** Skips the case or, in a `before`, the suite. The reason is printed: `npm run test:kubernetes` writes it into its table. */
export function skipBecause(context: Context, reason: string): never {
  console.log(`  Skipped: ${reason}`);
  return context.skip();
}
