import { expect } from 'chai';
import { parseQuestion, type QuestionFlags } from '../../../../src/cli/doctor/question.ts';

describe('The subject of doctor', () => {
  const cases: Record<string, { words: string; flags?: QuestionFlags; want: string }> = {
    'is a pod': { words: 'pod/web-0', want: 'pod web-0' },
    'may have its name as a word of its own': { words: 'po web-0', want: 'pod web-0' },
    'is a workload, written as kubectl prints it': { words: 'deployment.apps/web', want: 'Deployment web' },
    'is a workload by its short name': { words: 'sts/web', want: 'StatefulSet web' },
    'is a Job with its API version': { words: 'job.v1.batch/web', want: 'Job web' },
    'is a CronJob': { words: 'cj web', want: 'CronJob web' },
    'is a ReplicaSet': { words: 'rs/web', want: 'ReplicaSet web' },
    'is a DaemonSet': { words: 'DaemonSets/web', want: 'DaemonSet web' },
    'is a ServiceAccount': { words: 'sa/builder', want: 'account builder' },
    'is an image, which may have slashes': { words: 'image ghcr.io/acme/web:1', want: 'image ghcr.io/acme/web:1' },
    'is a namespace': { words: 'ns/shop', want: 'namespace shop' },
    'is the current namespace': { words: 'namespace', want: 'namespace -' },
    'is the namespace of -n, if there is no other subject': { words: '', flags: { namespace: 'shop' }, want: 'namespace shop' },
    'is the whole cluster with -A': { words: '', flags: { allNamespaces: true }, want: 'cluster' },
    'is a file': { words: '', flags: { filename: 'a.yaml' }, want: 'file a.yaml' },
    'must be there': { words: '', want: 'Name the subject' },
    'must have a name': { words: 'deployment', want: 'Name the subject' },
    'must be one': { words: 'pod a b', want: 'Name the subject' },
    'must have a known kind': { words: 'node/a', want: 'node: doctor does not know this kind' },
    'must not be beside -A': { words: 'pod/a', flags: { allNamespaces: true }, want: '-A looks at the pods of all namespaces' },
    'must not be beside -f': { words: 'pod/a', flags: { filename: 'a.yaml' }, want: 'are two subjects' },
  };
  for (const [what, { words, flags = {}, want }] of Object.entries(cases)) {
    it(what, () => {
      const subject = words === '' ? [] : words.split(' ');
      expect(understood(subject, flags)).to.contain(want);
    });
  }

  function understood(subject: readonly string[], flags: QuestionFlags): string {
    try {
      const question = parseQuestion(subject, flags, 'regcred');
      if (question.kind === 'workload') return `${question.workload.kind} ${question.name}`;
      if (question.kind === 'image') return `image ${question.image}`;
      return question.kind === 'cluster' ? 'cluster' : `${question.kind} ${question.name ?? '-'}`;
    } catch (error) {
      return (error as Error).message;
    }
  }
});
