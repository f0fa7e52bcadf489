import { expect } from 'chai';
import { type Manifest, podOf, podOfTemplate, podsIn } from '../../../../src/cli/doctor/subject.ts';
import { IMAGE } from '../../../support/doctor.ts';

describe('What the doctor finds in a file', () => {
  const spec = { containers: [{ name: 'web', image: IMAGE }] };
  const table: Record<string, readonly [file: unknown, pods: string[]]> = {
    'a pod': [{ kind: 'Pod', metadata: { name: 'web' }, spec }, ['Pod/web shop']],
    'a Deployment with a namespace': [
      { kind: 'Deployment', metadata: { name: 'web', namespace: 'own' }, spec: { template: { spec } } },
      ['Deployment/web own'],
    ],
    'a CronJob': [
      { kind: 'CronJob', metadata: { name: 'web' }, spec: { jobTemplate: { spec: { template: { spec } } } } },
      ['CronJob/web shop'],
    ],
    'a PodTemplate': [{ kind: 'PodTemplate', metadata: { name: 'web' }, template: { spec } }, ['PodTemplate/web shop']],
    'a list': [{ kind: 'List', items: [{ kind: 'Pod', metadata: { name: 'a' }, spec }, { kind: 'Service' }, null] }, ['Pod/a shop']],
    'an object that creates no pods': [{ kind: 'ConfigMap', metadata: { name: 'web' }, data: { spec } }, []],
    'an object that is not valid': [{ kind: 'Pod', metadata: null, spec: { containers: { name: 'web' } } }, []],
  };
  for (const [what, [file, pods]] of Object.entries(table)) {
    it(what, () => expect(podsIn([file as Manifest], 'shop').map(({ name, pod }) => `${name} ${pod.namespace}`)).to.deep.equal(pods));
  }

  it('every image of a pod: of all kinds of containers, and of its volumes', () => {
    const some = (name: string) => [{ name, image: name }];
    const all = {
      initContainers: some('first'),
      containers: [...some('web'), null, { name: 'none' }],
      ephemeralContainers: some('debug'),
      volumes: [{ name: 'models', image: { reference: 'models', pullPolicy: 'Always' } }, { name: 'empty' }],
    };
    const { containers } = podOfTemplate({ spec: all } as unknown as Manifest, 'shop');
    expect(containers.map(({ image }) => image)).to.deep.equal(['first', 'web', 'debug', 'models']);
  });

  const fields = (...names: string[]) => [
    { fieldsV1: { 'f:spec': { 'f:imagePullSecrets': Object.fromEntries(names.map((name) => [`k:{"name":"${name}"}`, {}])) } } },
  ];
  const written: Record<string, { managedFields?: unknown; want: string[] | undefined }> = {
    'the names in the request for it': { managedFields: fields('own'), want: ['own'] },
    'all names, if the API server records the list as a whole': { managedFields: fields(), want: ['own', 'acme'] },
    'none, if the request had no list': { managedFields: [{ fieldsV1: { 'f:spec': {} } }, { fieldsV1: { 'f:status': {} } }], want: [] },
    'nothing that is known, without a record of its fields': { want: undefined },
  };
  for (const [what, { managedFields, want }] of Object.entries(written)) {
    it(`was written for a pod with two names: ${what}`, () => {
      const object = { metadata: { name: 'web', managedFields }, spec: { imagePullSecrets: [{ name: 'own' }, { name: 'acme' }] } };
      expect(podOf(object as Manifest, 'shop').written).to.deep.equal(want);
    });
  }
});
