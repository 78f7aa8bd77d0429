{{- define "synres.storeSecret" -}}
{{ .Values.storage.s3.existingSecret | default (printf "%s-s3" (include "synres.fullname" .)) }}
{{- end }}

{{- define "synres.tokenSecret" -}}
{{ .Values.auth.existingSecret | default (printf "%s-token" (include "synres.fullname" .)) }}
{{- end }}

{{- define "synres.storeEndpoint" -}}
{{- if .Values.devStorage.enabled -}}
{{ include "synres.fullname" . }}-dev-storage:8333
{{- else -}}
{{ .Values.storage.s3.endpoint }}
{{- end -}}
{{- end }}

{{/* A value of a Secret that this chart made: what is there stays, else 32 random characters. Base64. */}}
{{- define "synres.generated" -}}
{{- $there := (lookup "v1" "Secret" .root.Release.Namespace .secret).data | default dict -}}
{{- get $there .key | default (randAlphaNum 32 | b64enc) -}}
{{- end }}
