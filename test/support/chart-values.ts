/** Values of the chart, and what in kustomize has the same result. Together they show every setting of the chart. */

/** The values of overlays/settings. */
const SETTINGS = {
  replicas: 3,
  image: { repository: 'mirror.example.com/regcred', pullPolicy: 'Always' },
  imagePullSecrets: [{ name: 'mirror' }],
  commonLabels: { team: 'platform' },
  serviceAccount: { annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::123456789012:role/regcred' } },
  rbac: { aggregate: false },
  log: { level: 'debug', format: 'text' },
  extraArgs: ['--concurrency=16'],
  extraEnv: [{ name: 'HTTPS_PROXY', value: 'http://proxy.example.com:3128' }],
  extraVolumes: [{ name: 'extra', configMap: { name: 'extra' } }],
  extraVolumeMounts: [{ name: 'extra', mountPath: '/extra', readOnly: true }],
  podSecurityContext: { fsGroup: 1000 },
  securityContext: { seLinuxOptions: { type: 'container_t' } },
  livenessProbe: { timeoutSeconds: 5 },
  readinessProbe: { periodSeconds: 10 },
  resources: { limits: { memory: '1Gi' } },
  nodeSelector: { 'kubernetes.io/arch': 'arm64' },
  tolerations: [{ key: 'dedicated', operator: 'Exists', effect: 'NoSchedule' }],
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { 'app.kubernetes.io/name': 'regcred' } } },
      ],
    },
  },
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: { 'app.kubernetes.io/name': 'regcred' } },
    },
  ],
  priorityClassName: 'system-cluster-critical',
  strategy: { rollingUpdate: { maxUnavailable: 0 } },
  revisionHistoryLimit: 3,
  podDisruptionBudget: { enabled: true, minAvailable: 2 },
  podLabels: { 'azure.workload.identity/use': 'true' },
  podAnnotations: { note: 'sample' },
  monitoring: {
    enabled: true,
    labels: { release: 'kube-prometheus-stack' },
    serviceMonitor: {
      enabled: true,
      interval: '15s',
      namespace: 'monitoring',
      relabelings: [{ targetLabel: 'cluster', replacement: 'eu' }],
    },
    dashboard: { annotations: { grafana_folder: 'Registries' } },
  },
};

/** The values of overlays/other-settings. */
const OTHER_SETTINGS = {
  image: { digest: `sha256:${'0123456789abcdef'.repeat(4)}` },
  podInjection: { enabled: true },
  podRecovery: { enabled: true },
  podDisruptionBudget: { enabled: true, maxUnavailable: '50%' },
  cloudIdentities: { accounts: [{ namespace: 'regcred-system', name: 'puller' }], metadataEgress: true, policy: false },
  tenants: { label: 'capsule.clastix.io/tenant', guard: { enabled: true, label: true } },
  verification: {
    insecureRegistries: ['registry.example.com:5000'],
    privateRegistries: ['registry.example.com'],
    registryCa: { secret: 'registry-ca', key: 'tls.crt' },
  },
  expiry: { warning: '72h', lookup: 'github' },
  networkPolicy: { apiServerPorts: [7443], registryPorts: [443, 5000] },
  livenessProbe: { initialDelaySeconds: 5, timeoutSeconds: 5, periodSeconds: 20, failureThreshold: 9, terminationGracePeriodSeconds: 20 },
  readinessProbe: { initialDelaySeconds: 1, timeoutSeconds: 2, periodSeconds: 10, failureThreshold: 2, successThreshold: 2 },
  monitoring: {
    enabled: true,
    podMonitor: {
      enabled: true,
      namespace: 'monitoring',
      labels: { scrape: 'slow' },
      interval: '60s',
      scrapeTimeout: '20s',
      relabelings: [{ targetLabel: 'cluster', replacement: 'eu' }],
      metricRelabelings: [{ action: 'labeldrop', regex: 'pod' }],
    },
    rules: { namespace: 'monitoring', labels: { rules: 'platform' } },
    dashboard: { namespace: 'monitoring', labels: { folder: 'registries' } },
  },
};

/** The values of overlays/by-others. */
const SETTINGS_BY_OTHERS = {
  crds: { install: false },
  serviceAccount: { create: false, name: 'pull' },
  rbac: { create: false },
  tenants: { enabled: false },
  networkPolicy: { enabled: false },
  monitoring: {
    enabled: true,
    serviceMonitor: {
      enabled: true,
      labels: { scrape: 'slow' },
      scrapeTimeout: '20s',
      metricRelabelings: [{ action: 'labeldrop', regex: 'pod' }],
    },
    rules: { enabled: false },
    dashboard: { enabled: false },
  },
};

export const BY_OTHERS = 'with every setting of overlays/by-others';

interface Same {
  readonly overlay?: string;
  readonly component?: string;
  readonly resource?: string;
  readonly values: object;
}

/** What kustomize builds, and the values with which the chart renders the same objects. */
export const SAME_OBJECTS: Readonly<Record<string, Same>> = {
  'as shipped': { values: {} },
  'with one replica': { overlay: 'overlays/one-replica', values: { replicas: 1 } },
  'for source namespaces only': {
    overlay: 'overlays/source-namespaces',
    values: { sourceNamespaces: ['regcred-system'], secretNames: ['regcred'] },
  },
  'with pod injection': { resource: 'manifests/components/pod-injection', values: { podInjection: { enabled: true } } },
  'with pod recovery': { component: 'manifests/components/pod-recovery', values: { podRecovery: { enabled: true } } },
  'with a guard for tenants': { component: 'manifests/components/tenant-guard', values: { tenants: { guard: { enabled: true } } } },
  'with an identity for a cloud': {
    component: 'manifests/components/cloud-identities',
    values: { cloudIdentities: { accounts: [{ namespace: 'regcred-system', name: 'puller' }] } },
  },
  'with the metadata services of clouds': {
    component: 'manifests/components/cloud-metadata',
    values: { cloudIdentities: { metadataEgress: true } },
  },
  'without registry checks': { component: 'manifests/components/registry-checks-off', values: { verification: { enabled: false } } },
  'with certificates of a private authority': {
    component: 'manifests/components/registry-ca',
    values: { verification: { registryCa: { configMap: 'regcred-registry-ca' } } },
  },
  'with every setting of overlays/settings': { overlay: 'overlays/settings', values: SETTINGS },
  'with every setting of overlays/other-settings': { overlay: 'overlays/other-settings', values: OTHER_SETTINGS },
  [BY_OTHERS]: { overlay: 'overlays/by-others', values: SETTINGS_BY_OTHERS },
  'with monitoring': { component: 'manifests/components/monitoring', values: { monitoring: { enabled: true } } },
};

/** The settings that kustomize has no use for, and why. */
export const OF_HELM_ONLY: Readonly<Record<string, string>> = {
  'image.tag': 'an entry of images, as image.repository: newTag (overlays/settings). The version of the chart is the default',
  enabled: 'the condition of a parent chart',
  'global.imagePullSecrets': 'the value of a parent chart; imagePullSecrets does the same',
};
