/**
 * What @dot-i/k8s-operator gets in the bundle in place of client-node and gaxios: what its constructor needs, and no more.
 * It requires both of them whole, 30 MB of memory for calls that we never make (docs/adr/0001-operator-shell.md).
 */
export { KubeConfig } from '@kubernetes/client-node';

/** Made by the shell's constructor; nobody calls it. */
export class CoreV1Api {}
