/** The vocabulary of `status`: condition types, and the reasons that conditions, failures and Events give. */

export const CONDITION = {
  ready: 'Ready',
  sourcesReady: 'SourcesReady',
  secretsSynced: 'SecretsSynced',
  serviceAccountsSynced: 'ServiceAccountsSynced',
  podInjection: 'PodInjection',
  podRecovery: 'PodRecovery',
  verified: 'Verified',
  expiring: 'Expiring',
} as const;

/** The reasons. Scripts and alerts of users match them, so they never change. */
export const REASON = {
  // Nothing is wrong, or work is under way.
  synced: 'Synced',
  resolved: 'Resolved',
  noNamespaceMatches: 'NoNamespaceMatches',
  noServiceAccountMatches: 'NoServiceAccountMatches',
  resolving: 'Resolving',
  placing: 'Placing',
  suspended: 'Suspended',
  deleting: 'Deleting',
  watchingPods: 'WatchingPods',

  // A person must fix a source.
  sourceMissing: 'SourceMissing',
  sourceUnreadable: 'SourceUnreadable',
  sourceNotAllowed: 'SourceNotAllowed',
  wrongSecretType: 'WrongSecretType',
  keyMissing: 'KeyMissing',
  notJson: 'NotJSON',
  encodedTwice: 'EncodedTwice',
  authsMissing: 'AuthsMissing',
  malformedEntry: 'MalformedEntry',
  authNotBase64: 'AuthNotBase64',
  trailingNewline: 'TrailingNewline',
  wrongEncoding: 'WrongEncoding',
  emptyUsername: 'EmptyUsername',
  emptyPassword: 'EmptyPassword',
  colonInUsername: 'ColonInUsername',
  passwordInCredentialStore: 'PasswordInCredentialStore',
  identityTokenOnly: 'IdentityTokenOnly',
  serverMissing: 'ServerMissing',
  duplicateServer: 'DuplicateServer',
  ownOutput: 'SourceIsOwnOutput',
  tooLarge: 'TooLarge',

  // A person must fix what a cloud token depends on.
  identityIncomplete: 'IdentityIncomplete',
  tokenFetchFailed: 'TokenFetchFailed',

  // The operator does not serve the credential, so nothing of it is in place.
  kindNotServed: 'KindNotServed',
  tooManyCredentials: 'TooManyCredentials',

  // A watch has been interrupted for so long that the condition may be outdated.
  watchLost: 'WatchLost',

  // A person must fix a placement.
  secretExists: 'SecretExists',
  secretImmutable: 'SecretImmutable',
  contested: 'Contested',
  forbidden: 'Forbidden',
  refused: 'Refused',
  unavailable: 'Unavailable',

  // Whether the API server adds the name of the Secret to new pods, and why not.
  injected: 'Injected',
  podInjectionOff: 'PodInjectionOff',
  policyNotInstalled: 'PolicyNotInstalled',
  policyNotServed: 'PolicyNotServed',
  selectorOnAccounts: 'SelectorOnAccounts',
  podInjectionCapped: 'PodInjectionCapped',

  // Whether the registries accept the credentials.
  registryRefused: 'RegistryRefused',
  verifying: 'Verifying',
  registryUnreachable: 'RegistryUnreachable',
  public: 'Public',
  notAsked: 'NotAsked',
  verificationDisabled: 'VerificationDisabled',
  notRefused: 'NotRefused',
  proven: 'Proven',

  // When the credentials stop working.
  expired: 'Expired',
  expiresSoon: 'ExpiresSoon',
  tokenRefreshOverdue: 'TokenRefreshOverdue',
  notSoon: 'NotSoon',
  noExpiryKnown: 'NoExpiryKnown',

  // Only in Events.
  rotated: 'Rotated',
  specChanged: 'SpecChanged',
  removed: 'Removed',
  cleanupIncomplete: 'CleanupIncomplete',

  // Only in Events, on pods.
  podEvicted: 'EvictedToPullAgain',
  podStuck: 'StuckWithoutPullSecret',
} as const;

export type Reason = (typeof REASON)[keyof typeof REASON];

/** What is wrong and how to fix it, for a person. Never contains a secret value. */
export interface Problem {
  readonly reason: Reason;
  readonly message: string;
}
