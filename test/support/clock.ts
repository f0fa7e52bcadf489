/**
 * Loaded before the operator's program (`node --import`): lets its wall clock jump, as if somebody set it or the machine woke
 * up. Each SIGUSR2 sets the offset to the milliseconds in the file that TEST_CLOCK_OFFSET names. Monotonic clocks
 * (`performance.now`, timers) do not jump, as on a real machine.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';

const RealDate = Date;
let offset = 0;

class JumpingDate extends RealDate {
  constructor(...given: []) {
    if (given.length === 0) super(JumpingDate.now());
    else super(...given);
  }

  static override now(): number {
    return RealDate.now() + offset;
  }
}

globalThis.Date = JumpingDate as DateConstructor;
process.on('SIGUSR2', () => {
  offset = Number(readFileSync(process.env.TEST_CLOCK_OFFSET as string, 'utf8'));
});
