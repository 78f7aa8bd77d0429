{{/* Every mistake that can be seen before anything is installed, each with its mend. Lists all of them. */}}
{{- define "synres.checks" -}}
{{- $found := concat (include "synres.moved" . | fromJsonArray) (include "synres.contradictions" . | fromJsonArray) (include "synres.missing" . | fromJsonArray) -}}
{{- with $found }}
{{- fail (printf "\n\n  - %s\n" (join "\n  - " .)) }}
{{- end }}
{{- end }}

{{/* Values that other charts have, or that lie elsewhere here. */}}
{{- define "synres.moved" -}}
{{- $found := list -}}
{{- $hints := dict
  "minio" "no MinIO is bundled: give an S3 as storage.s3, or devStorage.enabled=true for a trial"
  "replicaCount" "each service has its own: services.<name>.replicas"
  "autoscaling" "each service has its own: services.<name>.autoscaling"
  "resources" "each service has its own: services.<name>.resources, or defaults.resources for all"
  "nodeSelector" "set defaults.nodeSelector, or services.<name>.nodeSelector"
  "tolerations" "set defaults.tolerations, or services.<name>.tolerations"
  "affinity" "set defaults.affinity, or services.<name>.affinity"
  "serviceAccount" "each service has its own: services.<name>.serviceAccount"
  "persistence" "set devStorage.persistence or modelCache.persistence"
  "s3" "set storage.s3"
  "token" "secrets are not values: make a Secret and name it in auth.existingSecret"
-}}
{{- range $old, $hint := $hints -}}
{{- if hasKey $.Values $old -}}{{- $found = append $found (printf "%s: %s" $old $hint) -}}{{- end -}}
{{- end -}}
{{- range $name, $_ := include "synres.services" . | fromYaml -}}
{{- if hasKey $.Values $name -}}{{- $found = append $found (printf "%s: set services.%s" $name $name) -}}{{- end -}}
{{- end -}}
{{- range $key := list "accessKey" "secretKey" -}}
{{- if hasKey $.Values.storage.s3 $key -}}
{{- $found = append $found (printf "storage.s3.%s: keys are not values: make a Secret and name it in storage.s3.existingSecret" $key) -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{- define "synres.contradictions" -}}
{{- $found := list -}}
{{- if contains "/" .Values.storage.s3.endpoint -}}
{{- $found = append $found (printf "storage.s3.endpoint is host or host:port, not %q; storage.s3.tls=false speaks plain HTTP" .Values.storage.s3.endpoint) -}}
{{- end -}}
{{- if and .Values.devStorage.enabled .Values.storage.s3.useIAM -}}
{{- $found = append $found "devStorage.enabled knows keys only: leave storage.s3.useIAM false" -}}
{{- end -}}
{{- if and .Values.storage.s3.useIAM .Values.storage.s3.existingSecret -}}
{{- $found = append $found "storage.s3: give existingSecret or useIAM, not both" -}}
{{- end -}}
{{- range $name, $facts := include "synres.services" . | fromYaml -}}
{{- $service := include "synres.service" (dict "root" $ "name" $name) | fromYaml -}}
{{- $scaling := $service.autoscaling -}}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) -}}
{{- $found = append $found (printf "services.%s.autoscaling: minReplicas is over maxReplicas" $name) -}}
{{- end -}}
{{- if and (ne $scaling.mode "none") (not $facts.stages) -}}
{{- $found = append $found (printf "services.%s.autoscaling.mode: the %s works off no backlog; leave it none" $name $name) -}}
{{- end -}}
{{- if and (eq $scaling.mode "hpa") (not (dig "requests" "cpu" "" $service.resources)) -}}
{{- $found = append $found (printf "services.%s.resources.requests.cpu: hpa needs it, it scales by shares of it" $name) -}}
{{- end -}}
{{- if and (eq $scaling.mode "hpa") (lt (int $scaling.minReplicas) 1) -}}
{{- $found = append $found (printf "services.%s.autoscaling.minReplicas: hpa keeps at least 1; keda scales to 0" $name) -}}
{{- end -}}
{{- if and (eq $scaling.mode "keda") (not $.Values.keda.prometheusAddress) -}}
{{- $found = append $found (printf "keda.prometheusAddress: services.%s scales by the backlog that Prometheus knows: http://host:port" $name) -}}
{{- end -}}
{{- if and (eq $scaling.mode "keda") (not $.Values.metrics.enabled) -}}
{{- $found = append $found (printf "metrics.enabled: services.%s scales by a metric of the coordinator" $name) -}}
{{- end -}}
{{- end -}}
{{- if gt (int (include "synres.service" (dict "root" . "name" "coordinator") | fromYaml).replicas) 1 -}}
{{- $found = append $found "services.coordinator.replicas: one coordinator drives the runs; a second one would do its work again" -}}
{{- end -}}
{{- if and .Values.triton.enabled (not (include "synres.service" (dict "root" . "name" "generator") | fromYaml).enabled) -}}
{{- $found = append $found "triton.enabled: the generator stands in front of Triton; enable services.generator" -}}
{{- end -}}
{{- if and (not .Values.metrics.enabled) (or (ne .Values.metrics.monitor "none") .Values.metrics.rules.enabled) -}}
{{- $found = append $found "metrics.enabled: metrics.monitor and metrics.rules have nothing to read without it" -}}
{{- end -}}
{{- if and .Values.modelCache.pull.enabled (not .Values.modelCache.persistence.enabled) (not .Values.modelCache.volume) -}}
{{- $found = append $found "modelCache.pull.enabled: pulled models need modelCache.persistence.enabled or modelCache.volume" -}}
{{- end -}}
{{- if and .Values.modelCache.pull.enabled (not .Values.modelCache.models) -}}
{{- $found = append $found "modelCache.pull.enabled: name the models in modelCache.models" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not (and .Values.ingress.host .Values.ingress.tlsSecret)) -}}
{{- $found = append $found "ingress: gRPC needs TLS; give ingress.host and ingress.tlsSecret" -}}
{{- end -}}
{{- if and .Values.grpcRoute.enabled (not .Values.grpcRoute.parentRefs) -}}
{{- $found = append $found "grpcRoute.parentRefs: name the Gateway" -}}
{{- end -}}
{{- toJson (concat $found (include "synres.endpointChecks" . | fromJsonArray)) -}}
{{- end }}

{{- define "synres.endpointChecks" -}}
{{- $found := list -}}
{{- $endpoint := .Values.endpoint -}}
{{- if and $endpoint.enabled (not (include "synres.service" (dict "root" . "name" "segmenter") | fromYaml).enabled) -}}
{{- $found = append $found "endpoint.enabled: it is the segmenter; enable services.segmenter" -}}
{{- end -}}
{{- if and $endpoint.alone (not $endpoint.enabled) -}}
{{- $found = append $found "endpoint.alone: set endpoint.enabled=true" -}}
{{- end -}}
{{- if $endpoint.alone -}}
{{- range $name, $_ := omit (include "synres.services" . | fromYaml) "segmenter" -}}
{{- if (include "synres.service" (dict "root" $ "name" $name) | fromYaml).enabled -}}
{{- $found = append $found (printf "services.%s.enabled: set it false; endpoint.alone gives it neither store nor token" $name) -}}
{{- end -}}
{{- end -}}
{{- if .Values.devStorage.enabled -}}
{{- $found = append $found "devStorage.enabled: endpoint.alone uses no store" -}}
{{- end -}}
{{- end -}}
{{- if and $endpoint.alone (eq $endpoint.auth "on") (not $endpoint.keys.existingSecret) -}}
{{- $found = append $found "endpoint.keys.existingSecret: name the Secret with API keys (synres keys new), or set endpoint.auth=off" -}}
{{- end -}}
{{- if and $endpoint.ingress.enabled (not (and $endpoint.enabled $endpoint.ingress.host)) -}}
{{- $found = append $found "endpoint.ingress: give endpoint.ingress.host, and set endpoint.enabled=true" -}}
{{- end -}}
{{- if and $endpoint.httpRoute.enabled (not (and $endpoint.enabled $endpoint.httpRoute.parentRefs)) -}}
{{- $found = append $found "endpoint.httpRoute.parentRefs: name the Gateway, and set endpoint.enabled=true" -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{/* What the cluster must have: other kinds of objects, and the Secrets. */}}
{{- define "synres.missing" -}}
{{- $found := list -}}
{{- $wanted := dict -}}
{{- range $name, $_ := include "synres.services" . | fromYaml -}}
{{- $service := include "synres.service" (dict "root" $ "name" $name) | fromYaml -}}
{{- if and $service.enabled (eq $service.autoscaling.mode "keda") -}}
{{- $wanted = set $wanted "keda.sh/v1alpha1" (printf "services.%s.autoscaling.mode=keda needs KEDA" $name) -}}
{{- end -}}
{{- end -}}
{{- if or (ne .Values.metrics.monitor "none") .Values.metrics.rules.enabled -}}
{{- $wanted = set $wanted "monitoring.coreos.com/v1" "metrics.monitor and metrics.rules need the Prometheus operator" -}}
{{- end -}}
{{- if or .Values.grpcRoute.enabled .Values.endpoint.httpRoute.enabled -}}
{{- $wanted = set $wanted "gateway.networking.k8s.io/v1" "grpcRoute.enabled and endpoint.httpRoute.enabled need the Gateway API" -}}
{{- end -}}
{{- range $api, $why := $wanted -}}
{{- if not ($.Capabilities.APIVersions.Has $api) -}}
{{- $found = append $found (printf "%s, and this cluster does not serve %s (offline: helm template --api-versions %s)" $why $api $api) -}}
{{- end -}}
{{- end -}}
{{- /* a namespace that answers has this account: without it there is no cluster, or no namespace yet */ -}}
{{- if and .Values.checkSecrets (lookup "v1" "ServiceAccount" .Release.Namespace "default") -}}
{{- $secrets := dict -}}
{{- if not (or .Values.endpoint.alone .Values.storage.s3.useIAM (and .Values.devStorage.enabled (not .Values.storage.s3.existingSecret))) -}}
{{- $keys := .Values.storage.s3.existingSecretKeys -}}
{{- $secrets = set $secrets (include "synres.storeSecret" .) (list $keys.accessKey $keys.secretKey) -}}
{{- end -}}
{{- with .Values.endpoint.keys.existingSecret -}}
{{- $secrets = set $secrets . (list $.Values.endpoint.keys.existingSecretKey) -}}
{{- end -}}
{{- if not (or .Values.endpoint.alone (and .Values.devStorage.enabled (not .Values.auth.existingSecret))) -}}
{{- $secrets = set $secrets (include "synres.tokenSecret" .) (list .Values.auth.existingSecretKey) -}}
{{- end -}}
{{- range $name, $keys := $secrets -}}
{{- $there := (lookup "v1" "Secret" $.Release.Namespace $name).data | default dict -}}
{{- $lacking := list -}}
{{- range $key := $keys -}}{{- if not (hasKey $there $key) -}}{{- $lacking = append $lacking $key -}}{{- end -}}{{- end -}}
{{- if $lacking -}}
{{- $found = append $found (printf "Secret %s has no key %s: kubectl -n %s create secret generic %s --from-literal=%s=..." $name (join ", " $lacking) $.Release.Namespace $name (join "=... --from-literal=" $keys)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}
