import { expect } from 'chai';
import { durationMs } from '../../../../src/plan/checks/duration.ts';

describe('A duration', () => {
  const table: Record<string, number> = { '45s': 45_000, '10m': 600_000, '6h': 21_600_000, '1h30m': 5_400_000, '1h1m1s': 3_661_000 };
  for (const [text, want] of Object.entries(table)) it(`of ${text} has ${want} ms`, () => expect(durationMs(text)).to.equal(want));
});
