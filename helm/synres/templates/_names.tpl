{{/* Every name begins with this: at most 36 characters, so that a training Job's pod name stays a DNS label. */}}
{{- define "synres.fullname" -}}
{{- $given := .Values.nameOverride | default .Chart.Name -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name $given) (contains $given .Release.Name) -}}
{{- $name = .Values.fullnameOverride | default $name -}}
{{- if gt (len $name) 36 -}}
{{- /* a digest of the whole keeps two long names apart */ -}}
{{- $name = printf "%s-%s" ($name | trunc 27 | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* Immutable selectors: never a version. Takes (dict "root" $ "component" NAME). */}}
{{- define "synres.selector" -}}
{{ include "synres.release" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "synres.release" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "synres.labels" -}}
{{ include "synres.selector" . }}
app.kubernetes.io/part-of: synres
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of pods: without chart and version, so that a chart upgrade alone starts no pod anew. */}}
{{- define "synres.podLabels" -}}
{{- $own := include "synres.selector" . | fromYaml -}}
{{- $common := dict "app.kubernetes.io/part-of" "synres" -}}
{{- mergeOverwrite $common (deepCopy .root.Values.commonLabels) (deepCopy (.labels | default dict)) $own | toYaml }}
{{- end }}

{{/* metadata of an object: (dict "root" $ "component" NAME "name" SUFFIX "annotations" DICT "labels" DICT). */}}
{{- define "synres.metadata" -}}
{{- $annotations := mergeOverwrite (deepCopy .root.Values.commonAnnotations) (deepCopy (.annotations | default dict)) -}}
name: {{ include "synres.fullname" .root }}{{ with .name }}-{{ . }}{{ end }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "synres.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The name of a component's service account: (dict "root" $ "component" NAME "account" BLOCK). */}}
{{- define "synres.account" -}}
{{- .account.name | default (printf "%s-%s" (include "synres.fullname" .root) .component) -}}
{{- end }}

{{/* An image's full name: (dict "root" $ "name" SERVICE "image" OVERRIDE). */}}
{{- define "synres.image" -}}
{{- $own := .image | default dict -}}
{{- $all := .root.Values.image -}}
{{- $registry := .root.Values.global.imageRegistry | default $own.registry | default $all.registry -}}
{{- $repository := $own.repository | default (printf "%s-%s" $all.repository .name) -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $repository -}}
{{- if $own.digest }}@{{ $own.digest }}{{ else }}:{{ $own.tag | default $all.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* What is known of each service: its port, whether it loads models, and whose backlog it works off. */}}
{{- define "synres.services" -}}
captioner: {port: 50051, models: true, stages: "caption|align"}
generator: {port: 50052, models: true, stages: "generate"}
segmenter: {port: 50053, models: true, stages: "segment"}
grouper: {port: 50054, models: false, stages: "group"}
trainer: {port: 50055, models: true, stages: ""}
coordinator: {port: 50056, models: false, stages: ""}
{{- end }}

{{/* The whole block of one service: defaults, with its own values over them. (dict "root" $ "name" NAME) */}}
{{- define "synres.service" -}}
{{- $facts := get (include "synres.services" .root | fromYaml) .name -}}
{{- $block := mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (get .root.Values.services .name | default dict)) -}}
{{- merge $block $facts | toYaml -}}
{{- end }}
