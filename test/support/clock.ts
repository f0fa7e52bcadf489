/**
 * Loaded into the operator ahead of the program (`node --import`): lets its wall clock jump, as it does when somebody sets
 * it or a machine wakes. Each SIGUSR2 puts it off by the milliseconds that stand in the file named by TEST_CLOCK_OFFSET.
 * Clocks that do not jump (`performance.now`, timers) go on as they are: so they do on a real machine.
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
