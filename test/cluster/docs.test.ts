/** Every sample, and every page that no other file of the docs reads (test/support/reading.ts). */
import { globSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { describeReading, otherPages, readText } from '../support/reading.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** The commands in the comments of a sample: lines that are indented by three spaces. */
const commandsOf = (sample: string) => Array.from(sample.matchAll(/^# {3}(.*)$/gm), ([, line = '']) => line).join('\n');

const isPolicy = (sample: string) => sample.includes('/policy-');

describeReading(otherPages(), (reader) => {
  /** The objects of all samples are in the cluster at the same time, so their names must differ. */
  describe('can use every sample, after the commands of its comment:', () => {
    before(() => reader().begin());
    const samples = globSync('manifests/samples/*.yaml', { cwd: ROOT }).sort(
      (a, b) => (isPolicy(a) ? 1 : 0) - (isPolicy(b) ? 1 : 0) || (a < b ? -1 : 1),
    );
    for (const sample of samples) {
      it(sample, async () => {
        const { cluster } = reader();
        // Not run: the credentials of a cloud need that cloud. test/cluster/cloud-tokens.test.ts fetches tokens from servers of the tests.
        if (/^ +token:/m.test(readText(sample))) return void (await cluster.kubectl('apply', '--dry-run=server', '-f', join(ROOT, sample)));
        const text = commandsOf(readText(sample));
        if (text !== '') await reader().run({ language: 'sh', line: 1, text, heading: '', mark: undefined });
        await reader().apply(readText(sample));
        for (const document of parseAllDocuments(readText(sample))) {
          const { kind, metadata } = document.toJS() as { kind: string; metadata: { name: string; namespace?: string } };
          await cluster.kubectl('get', kind, metadata.name, `--namespace=${metadata.namespace ?? ''}`);
        }
      });
    }
    after(() => reader().cluster.kubectl('delete', '--ignore-not-found', ...samples.filter(isPolicy).flatMap((file) => ['-f', file])));
  });
});
