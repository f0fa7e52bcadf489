{{- /* The operator's image: by digest where there is one, else by tag. */}}
{{- define "regcred.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- /* The version of the API that adds pull secrets to new pods, where that is wanted and served; else nothing. */}}
{{- define "regcred.podInjection" -}}
{{- $version := "" }}
{{- range list "admissionregistration.k8s.io/v1beta1" "admissionregistration.k8s.io/v1" }}
{{- if $.Capabilities.APIVersions.Has (printf "%s/MutatingAdmissionPolicy" .) }}{{ $version = . }}{{ end }}
{{- end }}
{{- $enabled := toString .Values.podInjection.enabled }}
{{- if eq $enabled "true" }}{{ $version | default "admissionregistration.k8s.io/v1" }}{{ else if eq $enabled "auto" }}{{ $version }}{{ end }}
{{- end }}

{{- /* What every pod of the chart has in common, within its spec. */}}
{{- define "regcred.pod" -}}
serviceAccountName: regcred
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
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

{{- /* What every container of the chart has in common. */}}
{{- define "regcred.container" -}}
image: {{ include "regcred.image" . | quote }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}
