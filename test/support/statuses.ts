/** Parts of a RegistryCredential's status, as the commands read them. */

export const NOW = new Date('2026-01-08T12:00:00Z');

/** As the API server writes times: in whole seconds. */
export const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000).toISOString().replace('.000', '');

export const condition = (type: string, status: 'True' | 'False' | 'Unknown', reason: string, message = '', observedGeneration = 1) => ({
  type,
  status,
  reason,
  message,
  observedGeneration,
  lastTransitionTime: ago(300),
});
