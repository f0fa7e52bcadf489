/** What a mocha process sends to scripts/test.ts while it runs. Only the failures are printed, when all is done. */
import { relative } from 'node:path';
import process from 'node:process';
import Mocha from 'mocha';

export type Message =
  | { readonly kind: 'passed' | 'pending' | 'failed'; readonly file: string; readonly title: string; readonly ms: number }
  /** A file is done. `ms` counts its hooks too. */
  | { readonly kind: 'file'; readonly file: string; readonly ms: number }
  /** All tests are done, and the process is about to end. */
  | { readonly kind: 'end' };

/** Before scripts/test.ts kills the process. */
const STILL_OPEN_AFTER_MS = 5000;

const { EVENT_SUITE_BEGIN, EVENT_TEST_PASS, EVENT_TEST_PENDING, EVENT_TEST_FAIL, EVENT_RUN_END } = Mocha.Runner.constants;

export default class Reporter extends Mocha.reporters.Base {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const send = (message: Message) => process.send?.(message);
    const fileOf = ({ file = '' }: Mocha.Runnable | Mocha.Suite) => (file ? relative('.', file) : '');
    const done = (kind: 'passed' | 'pending' | 'failed', test: Mocha.Test) =>
      send({ kind, file: fileOf(test), title: test.fullTitle(), ms: test.duration ?? 0 });
    runner.on(EVENT_TEST_PASS, (test) => done('passed', test));
    runner.on(EVENT_TEST_PENDING, (test) => done('pending', test));
    runner.on(EVENT_TEST_FAIL, (test) => done('failed', test));

    // A file may have several suites, one after the other.
    let running: { file: string; begun: number } | undefined;
    const fileDone = () => {
      if (running) send({ kind: 'file', file: running.file, ms: performance.now() - running.begun });
    };
    runner.on(EVENT_SUITE_BEGIN, (suite) => {
      const file = fileOf(suite);
      if (suite.root || file === running?.file) return;
      fileDone();
      running = { file, begun: performance.now() };
    });
    runner.once(EVENT_RUN_END, () => {
      fileDone();
      if (this.failures.length > 0) Mocha.reporters.Base.list(this.failures);
      send({ kind: 'end' });
      // Names what keeps the process running, if anything does. This timer does not.
      setTimeout(() => console.log(`Still open: ${process.getActiveResourcesInfo().join(', ')}`), STILL_OPEN_AFTER_MS).unref();
    });
  }
}
