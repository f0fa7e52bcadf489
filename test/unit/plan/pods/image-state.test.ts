import { expect } from 'chai';
import { podOf } from '../../../../src/cli/doctor/subject.ts';
import { readPod } from '../../../../src/cluster/pods.ts';
import { type ContainerStatus, failedPullOf, imageStateOf } from '../../../../src/plan/pods/image-state.ts';

const waiting = (reason: string, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name: 'web',
  state: { waiting: { reason, message: 'sample' } },
  ...more,
});

describe('The image of a container', () => {
  const table: Record<
    string,
    { status: ContainerStatus; want: 'pending' | 'pulled' | 'failed'; failedPull?: 'just-tried' | 'backing-off' }
  > = {
    'that the kubelet has not reported on is pending': { status: { name: 'web' }, want: 'pending' },
    'in ContainerCreating is pending': { status: waiting('ContainerCreating'), want: 'pending' },
    'in ContainerCreating with an image ID is pulled': { status: waiting('ContainerCreating', { imageID: 'sample' }), want: 'pulled' },
    'in PodInitializing is pending': { status: waiting('PodInitializing'), want: 'pending' },
    'in ErrImagePull failed': { status: waiting('ErrImagePull'), want: 'failed', failedPull: 'just-tried' },
    'in ImagePullBackOff failed': { status: waiting('ImagePullBackOff'), want: 'failed', failedPull: 'backing-off' },
    'in ImagePullBackOff failed, although an earlier pull worked': {
      status: waiting('ImagePullBackOff', { imageID: 'sample' }),
      want: 'failed',
      failedPull: 'backing-off',
    },
    'in InvalidImageName failed': { status: waiting('InvalidImageName'), want: 'failed' },
    'in ErrImageNeverPull failed': { status: waiting('ErrImageNeverPull'), want: 'failed' },
    'in ErrImageVerificationFailed failed': { status: waiting('ErrImageVerificationFailed'), want: 'failed' },
    'in SignatureValidationFailed failed': { status: waiting('SignatureValidationFailed'), want: 'failed' },
    'in ImageInspectError failed': { status: waiting('ImageInspectError'), want: 'failed' },
    'in RegistryUnavailable failed': { status: waiting('RegistryUnavailable'), want: 'failed' },
    'that waits for a reason that is an error text failed': { status: waiting('unable to parse auth field'), want: 'failed' },
    'in CrashLoopBackOff is pulled': { status: waiting('CrashLoopBackOff'), want: 'pulled' },
    'in CreateContainerConfigError is pulled': { status: waiting('CreateContainerConfigError'), want: 'pulled' },
    'in CreateContainerError is pulled': { status: waiting('CreateContainerError'), want: 'pulled' },
    'in PreCreateHookError is pulled': { status: waiting('PreCreateHookError'), want: 'pulled' },
    'in PreStartHookError is pulled': { status: waiting('PreStartHookError'), want: 'pulled' },
    'in PostStartHookError is pulled': { status: waiting('PostStartHookError'), want: 'pulled' },
    'in RunContainerError is pulled': { status: waiting('RunContainerError'), want: 'pulled' },
    'of a running container is pulled': { status: { name: 'web', state: { running: {} } }, want: 'pulled' },
    'of a terminated container is pulled': { status: { name: 'web', state: { terminated: {} } }, want: 'pulled' },
  };
  for (const [what, { status, want, failedPull }] of Object.entries(table)) {
    it(what, () => {
      const state = imageStateOf(status);
      expect(state.status).to.equal(want);
      expect(failedPullOf(state)).to.equal(failedPull);
    });
  }

  const image = (name: string) => ({ name, image: `registry.example.com/${name}:1` });
  const pod = {
    metadata: { name: 'web-0', namespace: 'shop', uid: 'uid', resourceVersion: '1' },
    spec: { initContainers: [image('init'), image('sidecar')], containers: [image('web'), image('other')] },
  };
  const pods: Record<string, { status: object; acts: string[]; explains: string[] }> = {
    'of an init container': {
      status: { initContainerStatuses: [{ ...waiting('ErrImagePull'), name: 'init' }], containerStatuses: [waiting('PodInitializing')] },
      acts: ['registry.example.com/init:1'],
      explains: ['registry.example.com/init:1'],
    },
    'of a sidecar and of a container': {
      status: {
        initContainerStatuses: [{ ...waiting('ImagePullBackOff'), name: 'sidecar' }],
        containerStatuses: [waiting('ErrImagePull'), { name: 'other', state: { running: {} } }],
      },
      acts: ['registry.example.com/sidecar:1', 'registry.example.com/web:1'],
      explains: ['registry.example.com/sidecar:1', 'registry.example.com/web:1'],
    },
    'that no other credentials can fix': {
      status: { containerStatuses: [waiting('InvalidImageName')] },
      acts: [],
      explains: ['registry.example.com/web:1'],
    },
    'of no container': { status: { containerStatuses: [waiting('CrashLoopBackOff')] }, acts: [], explains: [] },
  };
  for (const [what, { status, acts, explains }] of Object.entries(pods)) {
    it(`${what}: the operator and the doctor read the same rule`, () => {
      const object = { ...pod, status };
      expect(readPod(object).failingImages).to.deep.equal(acts);
      const failed = podOf(object, 'shop').containers.filter(({ imageState }) => imageState.status === 'failed');
      expect(failed.map(({ image }) => image)).to.deep.equal(explains);
    });
  }
});
