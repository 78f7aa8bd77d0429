{{/* The variables that every program of the release shares. */}}
{{- define "synres.settings" -}}
{{- $own := dict
  "SYNRES_STORE_URL" (printf "s3://%s/%s" .Values.storage.s3.bucket .Values.storage.s3.prefix | trimSuffix "/")
  "SYNRES_S3_ENDPOINT" (include "synres.storeEndpoint" .)
  "SYNRES_S3_TLS" (ternary "false" (toString .Values.storage.s3.tls) .Values.devStorage.enabled)
  "SYNRES_S3_REGION" .Values.storage.s3.region
  "SYNRES_MODELS_DIR" .Values.modelCache.path
  "SYNRES_LOG_LEVEL" .Values.logLevel
  "HF_HUB_OFFLINE" "1"
  "HOME" "/cache"
  "XDG_CACHE_HOME" "/cache"
  "HF_HOME" "/cache/huggingface"
}}
{{- with .Values.storage.s3.pathStyle | toString }}{{ $_ := set $own "SYNRES_S3_PATH_STYLE" . }}{{- end }}
{{- if .Values.endpoint.alone }}
{{- /* uploads of pictures live as long as their pod */ -}}
{{- $_ := set $own "SYNRES_STORE_URL" "/cache/store" }}
{{- range $key := list "SYNRES_S3_ENDPOINT" "SYNRES_S3_TLS" "SYNRES_S3_REGION" "SYNRES_S3_PATH_STYLE" }}{{- $_ := unset $own $key }}{{- end }}
{{- end }}
{{- range $name, $facts := include "synres.services" . | fromYaml }}
{{- $_ := set $own (printf "SYNRES_%s_ADDRESS" (upper $name)) (printf "%s-%s:%v" (include "synres.fullname" $) $name $facts.port) }}
{{- end }}
{{- range $name, $value := mergeOverwrite $own .Values.settings }}
{{ $name }}: {{ toString $value | quote }}
{{- end }}
{{- end }}
