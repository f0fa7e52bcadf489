/**
 * What @dot-i/k8s-operator gets in the bundle in place of client-node and gaxios: what its constructor needs, and no more.
 * It requires both of them whole, 30 MB of memory for calls that we never make (docs/adr/0001-operator-shell.md).
 */

/** The operator loads the kubeconfig itself, as kubectl does, and not as the shell's constructor does. */
export class KubeConfig {
  loadFromDefault(): void {}
  makeApiClient(): undefined {
    return undefined;
  }
}

/** Used by the shell's constructor as an argument. */
export class CoreV1Api {}
