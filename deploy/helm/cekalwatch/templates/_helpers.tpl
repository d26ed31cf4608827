{{- define "name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "labels" -}}
app.kubernetes.io/name: cekalwatch
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "metadata" -}}
name: {{ include "name" .root }}-{{ .name }}
labels:
  {{- include "labels" . | nindent 2 }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "image" -}}
{{ .image.repository }}{{ if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* Of a pod: the account of the images, and nothing of the cluster's interface. OnRootMismatch leaves files of mode 0600 as they are. */ -}}
{{- define "pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "container" -}}
imagePullPolicy: {{ .Values.images.pullPolicy }}
securityContext:
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "spread" -}}
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "labels" . | nindent 12 }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "labels" . | nindent 8 }}
{{- end }}

{{- define "databaseUrl" -}}
{{- $database := .Values.server.database -}}
postgresql://{{ $database.user }}@{{ join "," $database.hosts }}/{{ $database.name }}?sslmode=verify-full&sslrootcert=/run/given/database/ca.crt&passfile=/run/secrets/pgpass
{{- end }}

{{- define "server.environment" -}}
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: CEKALWATCH_SERVER_SERVER_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: CEKALWATCH_SERVER_LISTEN, value: "0.0.0.0:50051"}
- {name: CEKALWATCH_SERVER_DATABASE_URL, value: {{ include "databaseUrl" . | quote }}}
- {name: CEKALWATCH_SERVER_DATA_DIR, value: /var/lib/cekalwatch/data}
- {name: CEKALWATCH_SERVER_MODEL_PACK, value: {{ .Values.server.modelPack }}}
- {name: CEKALWATCH_SERVER_MASTER_KEY_FROM, value: "file:/run/secrets/master.key"}
- {name: CEKALWATCH_SERVER_TLS_DIR, value: /run/given/tls/$(POD_NAME)}
- {name: CEKALWATCH_SERVER_REVOCATIONS, value: /run/given/revocations/revoked.pem}
- {name: CEKALWATCH_SERVER_METRICS__LISTEN, value: {{ ternary "0.0.0.0:9465" "127.0.0.1:9465" .Values.metrics.enabled | quote }}}
# A container sees all cores of its node.
- {name: CEKALWATCH_SERVER_THREADS, valueFrom: {resourceFieldRef: {containerName: {{ .container }}, resource: requests.cpu}}}
{{- end }}

{{- define "server.from" -}}
{{- with .Values.server.environmentSecrets }}
envFrom:
  {{- range . }}
  - secretRef: {name: {{ . }}}
  {{- end }}
{{- end }}
{{- end }}

{{- define "server.mounts" -}}
- {name: settings, mountPath: /etc/cekalwatch, readOnly: true}
- {name: data, mountPath: /var/lib/cekalwatch}
- {name: secrets, mountPath: /run/secrets}
- {name: tmp, mountPath: /tmp}
- {name: database, mountPath: /run/given/database, readOnly: true}
- {name: revocations, mountPath: /run/given/revocations, readOnly: true}
{{- range $number, $secret := .Values.server.certificates }}
- {name: tls-{{ $number }}, mountPath: /run/given/tls/{{ include "name" $ }}-server-{{ $number }}, readOnly: true}
{{- end }}
{{- range $number, $claim := .Values.server.claims }}
- {name: claim-{{ $number }}, mountPath: {{ $claim.path }}, readOnly: {{ $claim.readOnly | default false }}}
{{- end }}
{{- end }}

{{- /* The server's library refuses a password that a group can read, and the server such a key: Kubernetes mounts no others. */ -}}
{{- define "server.prepare" -}}
- name: prepare
  image: {{ include "image" (dict "root" . "image" .Values.images.server) }}
  {{- include "container" . | nindent 2 }}
  command:
    - /bin/sh
    - -ec
    - |
      umask 077
      install -m 0400 /run/given/master/master.key /run/secrets/master.key.new
      mv -f /run/secrets/master.key.new /run/secrets/master.key
      printf '*:*:*:*:%s\n' "$(sed 's/[\\:]/\\&/g' /run/given/password/password)" > /run/secrets/pgpass.new
      mv -f /run/secrets/pgpass.new /run/secrets/pgpass
      mkdir -p "$CEKALWATCH_SERVER_DATA_DIR"
  env:
    - {name: CEKALWATCH_SERVER_DATA_DIR, value: /var/lib/cekalwatch/data}
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {memory: 64Mi}
  volumeMounts:
    - {name: data, mountPath: /var/lib/cekalwatch}
    - {name: secrets, mountPath: /run/secrets}
    - {name: master, mountPath: /run/given/master, readOnly: true}
    - {name: password, mountPath: /run/given/password, readOnly: true}
{{- end }}

{{- define "server.volumes" -}}
- name: settings
  configMap: {name: {{ include "name" . }}-{{ .settings }}}
- name: secrets
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 512Mi}
- name: master
  secret:
    secretName: {{ .Values.server.masterKey.secret }}
    defaultMode: 0440
    items: [{key: {{ .Values.server.masterKey.key }}, path: master.key}]
- name: password
  secret:
    secretName: {{ .Values.server.database.password.secret }}
    defaultMode: 0440
    items: [{key: {{ .Values.server.database.password.key }}, path: password}]
- name: database
  configMap:
    name: {{ .Values.server.database.authorities.configMap }}
    items: [{key: {{ .Values.server.database.authorities.key }}, path: ca.crt}]
- name: revocations
  configMap:
    name: {{ .Values.server.revocations.configMap }}
    items: [{key: {{ .Values.server.revocations.key }}, path: revoked.pem}]
{{- range $number, $secret := .Values.server.certificates }}
- name: tls-{{ $number }}
  secret:
    secretName: {{ $secret }}
    defaultMode: 0440
    items:
      {{- range list "certificate.pem" "key.pem" "authority.pem" }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}
{{- range $number, $claim := .Values.server.claims }}
- name: claim-{{ $number }}
  persistentVolumeClaim: {claimName: {{ $claim.claim }}}
{{- end }}
{{- end }}

{{- /* What /healthz says, asked inside: the page is for this machine, or for who shows a certificate. */ -}}
{{- define "server.health" -}}
exec:
  command:
    - /usr/lib/cekalwatch-server/bin/python
    - -I
    - -c
    {{- if .Values.metrics.enabled }}
    - |
      import os, ssl, urllib.request
      tls = os.environ["CEKALWATCH_SERVER_TLS_DIR"]
      context = ssl.create_default_context(cafile=f"{tls}/authority.pem")
      context.load_cert_chain(f"{tls}/certificate.pem", f"{tls}/key.pem")
      urllib.request.urlopen("https://localhost:9465/healthz", timeout=8, context=context)
    {{- else }}
    - import urllib.request; urllib.request.urlopen("http://127.0.0.1:9465/healthz", timeout=8)
    {{- end }}
{{- end }}
