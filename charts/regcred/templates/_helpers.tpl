{{- /* The operator's image, by digest if it is set, otherwise by tag. */}}
{{- define "regcred.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- /* The labels of every object: the standard ones, and commonLabels. The label of the name is the one that selectors use, so nothing overrides it. */}}
{{- define "regcred.labels" -}}
{{- $chart := dict "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") "app.kubernetes.io/managed-by" .Release.Service }}
{{- merge (dict "app.kubernetes.io/name" "regcred") .Values.commonLabels (include "regcred.standardLabels" . | fromYaml) $chart | toYaml }}
{{- end }}

{{- /* The labels of the pods. They do not name the version of the chart, so that a chart with the same image restarts no pod. */}}
{{- define "regcred.podLabels" -}}
{{- merge (dict "app.kubernetes.io/name" "regcred") .Values.podLabels .Values.commonLabels (include "regcred.standardLabels" . | fromYaml) | toYaml }}
{{- end }}

{{- define "regcred.standardLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: regcred
{{- end }}

{{- /* The labels that a Prometheus selects a monitor or rule by. Call it with the values of that object. */}}
{{- define "regcred.monitoringLabels" -}}
{{- merge (dict "app.kubernetes.io/name" "regcred") .of.labels .root.Values.monitoring.labels (include "regcred.labels" .root | fromYaml) | toYaml }}
{{- end }}

{{- /* One endpoint of a PodMonitor or ServiceMonitor, from its values. */}}
{{- define "regcred.endpoint" -}}
- port: http
  path: /metrics
  # The metrics of a NamespacedRegistryCredential name its namespace.
  honorLabels: true
  interval: {{ .interval }}
  {{- with .scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  {{- with .relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- /* The API version of the MutatingAdmissionPolicy, if podInjection is enabled and the cluster serves it; otherwise empty. */}}
{{- define "regcred.podInjection" -}}
{{- $version := "" }}
{{- range list "admissionregistration.k8s.io/v1beta1" "admissionregistration.k8s.io/v1" }}
{{- if $.Capabilities.APIVersions.Has (printf "%s/MutatingAdmissionPolicy" .) }}{{ $version = . }}{{ end }}
{{- end }}
{{- $enabled := toString .Values.podInjection.enabled }}
{{- if eq $enabled "true" }}{{ $version | default "admissionregistration.k8s.io/v1" }}{{ else if eq $enabled "auto" }}{{ $version }}{{ end }}
{{- end }}

{{- /* The part of the pod spec that all pods of the chart share. */}}
{{- define "regcred.pod" -}}
serviceAccountName: {{ .Values.serviceAccount.name | quote }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $secrets := .Values.imagePullSecrets }}
{{- range (.Values.global).imagePullSecrets }}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) }}
{{- end }}
{{- with uniq $secrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end }}

{{- /* The fields that all containers of the chart share. */}}
{{- define "regcred.container" -}}
image: {{ include "regcred.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The environment of the operator: what the values change, and extraEnv. */}}
{{- define "regcred.env" -}}
{{- with .Values.sourceNamespaces }}
- name: REGCRED_SOURCE_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.tenants }}
{{- if not .enabled }}
- name: REGCRED_NAMESPACED
  value: "false"
{{- end }}
{{- with .label }}
- name: REGCRED_TENANT_LABEL
  value: {{ . | quote }}
{{- end }}
{{- if and .guard.label (not .label) }}
{{- fail "tenants.guard.label: there is no label to guard. Set tenants.label, or leave tenants.guard.label off" }}
{{- end }}
{{- end }}
{{- with .Values.verification }}
{{- if not .enabled }}
- name: REGCRED_VERIFICATION
  value: "off"
{{- end }}
{{- with .insecureRegistries }}
- name: REGCRED_INSECURE_REGISTRIES
  value: {{ join "," . | quote }}
{{- end }}
{{- with .privateRegistries }}
- name: REGCRED_PRIVATE_REGISTRIES
  value: {{ join "," . | quote }}
{{- end }}
{{- with .registryCa }}
{{- if or .configMap .secret }}
- name: REGCRED_REGISTRY_CA_FILE
  value: {{ printf "/etc/regcred/registry-ca/%s" .key | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.expiry }}
{{- if ne .warning "336h" }}
- name: REGCRED_EXPIRY_WARNING
  value: {{ .warning | quote }}
{{- end }}
{{- if ne .lookup "none" }}
- name: REGCRED_EXPIRY_LOOKUP
  value: {{ .lookup | quote }}
{{- end }}
{{- end }}
# The ConfigMap regcred-log need not exist. It changes the level of the log while the operator runs (docs/operations.md#logs).
- name: REGCRED_LOG_LEVEL_FILE
  value: /etc/regcred/log/level
{{- with .Values.log }}
{{- if ne .level "info" }}
- name: REGCRED_LOG_LEVEL
  value: {{ .level }}
{{- end }}
{{- if ne .format "json" }}
- name: REGCRED_LOG_FORMAT
  value: {{ .format }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The volumes of the pods: the certificates of a private authority, and extraVolumes. */}}
{{- define "regcred.volumes" -}}
{{- with .Values.verification.registryCa }}
{{- if and .configMap .secret }}
{{- fail "verification.registryCa: both configMap and secret are set. Set one of them" }}
{{- end }}
{{- if .configMap }}
- name: registry-ca
  configMap:
    name: {{ .configMap | quote }}
{{- else if .secret }}
- name: registry-ca
  secret:
    secretName: {{ .secret | quote }}
{{- end }}
{{- end }}
- name: log
  configMap:
    name: regcred-log
    optional: true
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "regcred.mounts" -}}
{{- with .Values.verification.registryCa }}
{{- if or .configMap .secret }}
- name: registry-ca
  mountPath: /etc/regcred/registry-ca
  readOnly: true
{{- end }}
{{- end }}
- name: log
  mountPath: /etc/regcred/log
  readOnly: true
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
