{{/* One container for each model, then all of them are read again. */}}
{{- define "synres.pullPod" -}}
{{- $which := dict "root" . "component" "model-pull" -}}
metadata:
  labels:
    {{- include "synres.podLabels" $which | nindent 4 }}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  {{- include "synres.pod" $which | nindent 2 }}
  initContainers:
    {{- range $index, $model := .Values.modelCache.models }}
    - name: pull-{{ $index }}
      command: [python, -m, services.cli, models, pull, {{ $model | quote }}]
      {{- include "synres.pullContainer" $ | nindent 6 }}
    {{- end }}
  containers:
    - name: verify
      command: [python, -m, services.cli, models, verify]
      {{- include "synres.pullContainer" . | nindent 6 }}
  volumes:
    {{- include "synres.volumes" (dict "root" . "models" true) | nindent 4 }}
{{- end }}

{{- define "synres.pullContainer" -}}
image: {{ include "synres.image" (dict "root" . "name" "cli" "image" .Values.cli.image) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  - name: HF_HUB_OFFLINE
    value: "0"
  {{- with .Values.modelCache.pull.tokenSecret }}
  - name: HF_TOKEN
    valueFrom:
      secretKeyRef:
        name: {{ . }}
        key: token
  {{- end }}
envFrom:
  {{- include "synres.settingsFrom" . | nindent 2 }}
resources:
  {{- toYaml .Values.cli.resources | nindent 2 }}
{{ include "synres.container" . }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  - name: cache
    mountPath: /cache
  - name: models
    mountPath: {{ .Values.modelCache.path }}
{{- end }}
