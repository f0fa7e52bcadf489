/** The vocabulary of `status`: condition types, and the reasons that conditions, failures and Events give. */

export const CONDITION = {
  ready: 'Ready',
  sourcesReady: 'SourcesReady',
  secretsSynced: 'SecretsSynced',
  serviceAccountsSynced: 'ServiceAccountsSynced',
  podInjection: 'PodInjection',
  podRecovery: 'PodRecovery',
} as const;

export const REASON = {
  // All is well, or will be without anybody's help.
  synced: 'Synced',
  resolved: 'Resolved',
  noNamespaceMatches: 'NoNamespaceMatches',
  noServiceAccountMatches: 'NoServiceAccountMatches',
  resolving: 'Resolving',
  placing: 'Placing',
  suspended: 'Suspended',
  deleting: 'Deleting',
  watchingPods: 'WatchingPods',

  // A source needs a person.
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
  emptyUsername: 'EmptyUsername',
  emptyPassword: 'EmptyPassword',
  colonInUsername: 'ColonInUsername',
  passwordElsewhere: 'PasswordInCredentialStore',
  identityTokenOnly: 'IdentityTokenOnly',
  serverMissing: 'ServerMissing',
  duplicateServer: 'DuplicateServer',
  ownOutput: 'SourceIsOwnOutput',
  tooLarge: 'TooLarge',

  // A placement needs a person.
  secretExists: 'SecretExists',
  secretImmutable: 'SecretImmutable',
  contested: 'Contested',
  forbidden: 'Forbidden',
  refused: 'Refused',
  unavailable: 'Unavailable',

  // Whether the API server adds the name of the Secret to new pods, and if not, why.
  injected: 'Injected',
  podInjectionOff: 'PodInjectionOff',
  policyNotInstalled: 'PolicyNotInstalled',
  policyNotServed: 'PolicyNotServed',
  selectorOnAccounts: 'SelectorOnAccounts',

  // Only in Events.
  rotated: 'Rotated',
  takenBack: 'TakenBack',
  cleanupIncomplete: 'CleanupIncomplete',

  // Only in Events, on pods.
  podEvicted: 'EvictedToPullAgain',
  podStuck: 'StuckWithoutPullSecret',
} as const;

export type Reason = (typeof REASON)[keyof typeof REASON];

/** What is wrong and how to mend it, for a person. Never holds a secret value. */
export interface Problem {
  readonly reason: Reason;
  readonly message: string;
}
