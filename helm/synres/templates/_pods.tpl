{{/* The one place where drain settings become a grace period: serve on, finish calls, end. */}}
{{- define "synres.terminationGracePeriodSeconds" -}}
{{ add .delaySeconds .graceSeconds 5 }}
{{- end }}

{{/* What every pod has: (dict "root" $ "component" NAME "block" BLOCK); without a block it may run anywhere. */}}
{{- define "synres.pod" -}}
# the variables of Services would be taken for settings
enableServiceLinks: false
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with concat .root.Values.global.imagePullSecrets .root.Values.imagePullSecrets | uniq }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .block }}
{{- include "synres.scheduling" $ }}
{{- end }}
{{- end }}

{{/* What every container has; `kubectl describe pod` shows the last words of one that failed. */}}
{{- define "synres.container" -}}
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  {{- toYaml .Values.containerSecurityContext | nindent 2 }}
{{- end }}

{{/* Where a pod may run: (dict "root" $ "component" NAME "block" BLOCK). */}}
{{- define "synres.scheduling" -}}
{{- range $field := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $.block $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .block.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .block.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .block.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  {{- $own := dict "labelSelector" (dict "matchLabels" (include "synres.selector" $ | fromYaml)) }}
  - {{- toYaml (merge (deepCopy .) $own) | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Resources of a block, with its GPUs among the limits. */}}
{{- define "synres.resources" -}}
{{- $resources := deepCopy .resources -}}
{{- if .gpu.count -}}
{{- /* a quantity: server-side apply of older API servers takes no number for one */ -}}
{{- $limits := merge (dict .gpu.resource (toString .gpu.count)) ($resources.limits | default dict) -}}
{{- $resources = set $resources "limits" $limits -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end }}

{{/* A GPU pool seldom has a spare GPU: there the old pod goes before the new one comes. */}}
{{- define "synres.strategy" -}}
type: RollingUpdate
rollingUpdate:
  maxSurge: {{ ternary 0 1 (gt (int .gpu.count) 0) }}
  maxUnavailable: {{ ternary 1 0 (gt (int .gpu.count) 0) }}
{{- end }}

{{/* Variables that hold secrets; the others stand in the settings' ConfigMap. */}}
{{- define "synres.storeEnv" -}}
{{- $s3 := .Values.storage.s3 -}}
{{- if not $s3.useIAM }}
- name: SYNRES_S3_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "synres.storeSecret" . }}
      key: {{ $s3.existingSecretKeys.accessKey }}
- name: SYNRES_S3_SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "synres.storeSecret" . }}
      key: {{ $s3.existingSecretKeys.secretKey }}
{{- end }}
{{- end }}

{{- define "synres.secretEnv" -}}
{{- if not .Values.endpoint.alone }}
- name: SYNRES_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "synres.tokenSecret" . }}
      key: {{ .Values.auth.existingSecretKey }}
{{- include "synres.storeEnv" . }}
{{- end }}
{{- end }}

{{/* What the segmenter's online endpoint serves, and to whom. */}}
{{- define "synres.endpointEnv" -}}
{{- $endpoint := .Values.endpoint -}}
- name: SYNRES_SEGMENTER_BACKEND
  value: {{ $endpoint.backend | quote }}
- name: SYNRES_SEGMENTER_AUTH
  value: {{ $endpoint.auth | quote }}
{{- with $endpoint.model }}
- name: SYNRES_SEGMENTER_MODEL
  value: {{ . | quote }}
{{- end }}
{{- with $endpoint.options }}
- name: SYNRES_SEGMENTER_OPTIONS
  value: {{ toJson . | quote }}
{{- end }}
{{- if $endpoint.keys.existingSecret }}
- name: SYNRES_SEGMENTER_KEYS
  value: /etc/synres/keys/keys
{{- end }}
{{- if $endpoint.enabled }}
- name: SYNRES_SEGMENTER_HTTP_LISTEN
  value: 0.0.0.0:{{ $endpoint.port }}
{{- end }}
{{- end }}

{{- define "synres.settingsFrom" -}}
- configMapRef:
    name: {{ include "synres.fullname" . }}-settings
{{- with .Values.existingConfigMap }}
- configMapRef:
    name: {{ . }}
{{- end }}
{{- end }}

{{/* With a read-only root these are the places to write to. (dict "root" $ "models" BOOL) */}}
{{- define "synres.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .root.Values.scratch.tmpSize }}
- name: cache
  emptyDir:
    sizeLimit: {{ .root.Values.scratch.cacheSize }}
{{- if .models }}
- name: models
  {{- include "synres.modelVolume" .root | nindent 2 }}
{{- end }}
{{- end }}

{{- define "synres.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
- name: cache
  mountPath: /cache
{{- if .models }}
- name: models
  mountPath: {{ .root.Values.modelCache.path }}
  readOnly: true
{{- end }}
{{- end }}

{{- define "synres.modelVolume" -}}
{{- $cache := .Values.modelCache -}}
{{- if $cache.persistence.enabled -}}
persistentVolumeClaim:
  claimName: {{ include "synres.fullname" . }}-models
{{- else if $cache.volume -}}
{{ toYaml $cache.volume }}
{{- else -}}
emptyDir: {}
{{- end -}}
{{- end }}

{{/* Pods start anew when what they read at their start has changed. */}}
{{- define "synres.checksums" -}}
checksum/settings: {{ include "synres.settings" . | sha256sum }}
{{- $names := list }}
{{- with .Values.storage.s3.existingSecret }}{{ $names = append $names . }}{{ end }}
{{- with .Values.auth.existingSecret }}{{ $names = append $names . }}{{ end }}
{{- $data := list }}
{{- range $names }}
{{- $data = append $data ((lookup "v1" "Secret" $.Release.Namespace .).data | default dict) }}
{{- end }}
{{- with compact $data }}
checksum/secrets: {{ toJson . | sha256sum }}
{{- end }}
{{- end }}
