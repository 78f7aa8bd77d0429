{{/* What the trainer makes its Jobs of; fields in the words of Kubernetes where it has one. */}}
{{- define "synres.jobSettings" -}}
{{- $training := .Values.training -}}
{{- $trainer := include "synres.service" (dict "root" . "name" "trainer") | fromYaml -}}
namespace: {{ .Release.Namespace }}
namePrefix: {{ include "synres.fullname" . }}
labels:
  {{- include "synres.podLabels" (dict "root" . "component" "training" "labels" $training.podLabels) | nindent 2 }}
annotations: {{ toJson $training.podAnnotations }}
image: {{ include "synres.image" (dict "root" . "name" "trainer" "image" (mergeOverwrite (deepCopy $trainer.image) (deepCopy $training.image))) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
imagePullSecrets: {{ concat .Values.global.imagePullSecrets .Values.imagePullSecrets | uniq | toJson }}
command: {{ toJson $training.command }}
serviceAccountName: {{ include "synres.account" (dict "root" . "component" "training" "account" $training.serviceAccount) }}
# the headless Service under which the pods of one Job find each other
subdomain: {{ include "synres.fullname" . }}-training
rendezvousPort: 29500
nodes: {{ $training.nodes }}
processesPerNode: {{ max 1 $training.gpu.count }}
queue: {{ $training.kueue.queue | quote }}
backoffLimit: {{ $training.backoffLimit }}
activeDeadlineSeconds: {{ $training.activeDeadlineSeconds }}
ttlSecondsAfterFinished: {{ $training.ttlSecondsAfterFinished }}
terminationGracePeriodSeconds: {{ $training.terminationGracePeriodSeconds }}
nodeSelector: {{ toJson $training.nodeSelector }}
tolerations: {{ toJson $training.tolerations }}
affinity: {{ toJson $training.affinity }}
priorityClassName: {{ $training.priorityClassName | quote }}
runtimeClassName: {{ $training.runtimeClassName | quote }}
podSecurityContext: {{ toJson .Values.podSecurityContext }}
containerSecurityContext: {{ toJson .Values.containerSecurityContext }}
resources:
  {{- include "synres.resources" $training | nindent 2 }}
env: {{ concat (include "synres.storeEnv" . | fromYamlArray) $training.extraEnv | default list | toJson }}
envFrom:
  {{- include "synres.settingsFrom" . | nindent 2 }}
volumes:
  {{- include "synres.volumes" (dict "root" . "models" true) | nindent 2 }}
  - name: shm
    emptyDir:
      medium: Memory
      sizeLimit: {{ $training.sharedMemory }}
  {{- with $training.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  {{- include "synres.volumeMounts" (dict "root" . "models" true) | nindent 2 }}
  - name: shm
    mountPath: /dev/shm
  {{- with $training.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
