#!/usr/bin/env bash
# A RayJob manifest for KubeRay 1.5.1 and later (ray.io/v1) on standard output: pipe it into `kubectl apply -f -`.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: kuberay.sh --workers N --image IMAGE --claim PVC [options] RECIPE [key=value ...]

  --gpus-per-node 8   --cpus 64   --memory 900Gi       of a worker
  --head-image IMAGE  of the head, where it is not that of the workers (deploy/images/driver.Containerfile)
  --name NAME         of the job, and of its run folder /runs/NAME [openqwq-RECIPE]; apply a job of the same name again,
                      after `kubectl delete rayjob NAME`, and it goes on from its newest checkpoint
  --namespace NAME    [that of kubectl]
  --secret NAME       a Secret whose keys become variables: HF_TOKEN, WANDB_API_KEY, keys of judges; may be repeated
  --toleration KEY    of tainted GPU nodes [nvidia.com/gpu]; may be repeated
  --rdma RESOURCE=N   for example rdma/ib=8: devices for NCCL, and the right to lock memory that they need
  --local-sandbox     run the code sandbox inside of the head's pod with namespaces of its own (isolation L2); without
                      it name a farm: sandbox.url=http://... (docs/sandbox_farm.md)

IMAGE holds openqwq with its dependencies (deploy/images/); PVC is a volume that all pods mount at /runs (runs, models, data
sets); paths in the recipe count from /runs. Ray's token is made by KubeRay.
TEXT
}
workers='' image='' head_image='' claim='' gpus=8 cpus=64 memory=900Gi name='' namespace='' rdma='' local=0 secrets=() tolerations=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --workers) workers=${2:?}; shift 2 ;;
    --image) image=${2:?}; shift 2 ;;
    --head-image) head_image=${2:?}; shift 2 ;;
    --claim) claim=${2:?}; shift 2 ;;
    --gpus-per-node) gpus=${2:?}; shift 2 ;;
    --cpus) cpus=${2:?}; shift 2 ;;
    --memory) memory=${2:?}; shift 2 ;;
    --name) name=${2:?}; shift 2 ;;
    --namespace) namespace=${2:?}; shift 2 ;;
    --secret) secrets+=("${2:?}"); shift 2 ;;
    --toleration) tolerations+=("${2:?}"); shift 2 ;;
    --rdma) rdma=${2:?}; shift 2 ;;
    --local-sandbox) local=1; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) echo "kuberay.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
    *) break ;;
  esac
done
if [[ ! "$workers" =~ ^[1-9][0-9]*$ || -z "$image" || -z "$claim" || $# -eq 0 ]]; then
  echo "kuberay.sh: --workers, --image, --claim and a recipe are needed" >&2; usage >&2; exit 2
fi
if [[ -n "$rdma" && ! "$rdma" =~ ^[a-z0-9./-]+=[1-9][0-9]*$ ]]; then
  echo "kuberay.sh: --rdma is RESOURCE=N, for example rdma/ib=8, got $rdma" >&2; exit 2
fi
recipe=$(basename "$1" .yaml | tr 'A-Z_.' 'a-z--' | tr -cd 'a-z0-9-')
name=${name:-openqwq-$recipe}
if [[ ! "$name" =~ ^[a-z0-9]([-a-z0-9]{0,45}[a-z0-9])?$ ]]; then
  echo "kuberay.sh: the name of a job has at most 47 lower-case letters, digits and -, got $name; give --name" >&2; exit 2
fi
((${#tolerations[@]})) || tolerations=(nvidia.com/gpu)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/stop_bound.sh"
within=$(said_bound "$@") follows=''
if [[ -n "$within" ]]; then
  bound=$(duration "$within")
  [[ -n "$bound" ]] || { echo "kuberay.sh: cluster.stop_within=$within is no duration, such as 90s, 30m, 1h30m" >&2; exit 2; }
else
  bound=$(PATH="$PATH:$here/../../.venv/bin" planned_bound "/runs/$name" "$@")
  follows=" cluster.stop_within=${bound}s"
fi
grace=$((bound + 60))
words=$(printf '%q ' "$@")
variables=$(sed -n 's/^export \([A-Za-z_]*\)="\${[A-Za-z_]*:-\([^$}]*\)}"$/\1 \2/p; s/^export \([A-Z_]*\)=\([a-z0-9]*\)$/\1 \2/p' "$here/environment.sh" |
  awk '$1 != "RAY_AUTH_MODE" { printf "            - {name: %s, value: \"%s\"}\n", $1, $2 }')

pod() { # $1: resources of the container, $2: gpu or head, $3: image
  echo "spec:"
  if [[ $2 == gpu ]]; then
    printf '  tolerations:\n'
    printf '    - {key: %s, operator: Exists, effect: NoSchedule}\n' "${tolerations[@]}"
  else
    echo "  terminationGracePeriodSeconds: $grace # cluster.stop_within and a minute"
  fi
  if [[ $2 == head ]] && ((local)); then
    echo "  hostUsers: false # a user namespace of the pod's own, in which a jail may mount a /proc"
    echo "  securityContext: {seccompProfile: {type: Unconfined}, appArmorProfile: {type: Unconfined}}"
  fi
  cat <<TEXT
  containers:
    - name: ray-$2
      image: $3
      workingDir: /runs
      resources: $1
TEXT
  if [[ $2 == head ]]; then # a driver is a child of Ray's, which does not hand it the TERM of the pod
    printf '      lifecycle: {preStop: {exec: {command: [bash, -c, "%s"]}}}\n' \
      "for p in /proc/[0-9]*; do tr '\\\\0' ' ' 2>/dev/null <\$p/cmdline | grep -q 'bin/openqwq[ ]run' && kill -TERM \${p#/proc/} && while [ -d \$p ]; do sleep 0.2; done; done; true"
  fi
  if [[ $2 == gpu && -n "$rdma" ]]; then
    echo "      securityContext: {capabilities: {add: [IPC_LOCK]}}"
  elif [[ $2 == head ]] && ((local)); then
    echo "      securityContext: {allowPrivilegeEscalation: false, procMount: Unmasked}"
  fi
  if ((${#secrets[@]})); then
    printf '      envFrom:\n'
    printf '        - secretRef: {name: %s}\n' "${secrets[@]}"
  fi
  cat <<TEXT
      env:
        - {name: HF_HOME, value: /runs/huggingface}
$(sed 's/^    //' <<<"$variables")
      volumeMounts:
        - {name: runs, mountPath: /runs}
        - {name: shm, mountPath: /dev/shm}
  volumes:
    - {name: runs, persistentVolumeClaim: {claimName: $claim}}
    - {name: shm, emptyDir: {medium: Memory}}
TEXT
}
in_room() { sed "s/^/$(printf '%*s' "$1" '')/"; }
devices=${rdma:+, ${rdma%=*}: ${rdma#*=}}
sed '/^$/d' <<TEXT
apiVersion: ray.io/v1
kind: RayJob
metadata:
  name: $name
$([[ -n "$namespace" ]] && echo "  namespace: $namespace")
  labels: {app.kubernetes.io/name: openqwq}
spec:
  entrypoint: >-
    cd /runs && openqwq run ${words}cluster.address=auto$follows --run-dir /runs/$name
  shutdownAfterJobFinishes: true
  ttlSecondsAfterFinished: 600
  backoffLimit: 3
  rayClusterSpec:
    rayVersion: "2.60.0"
    authOptions: {mode: token}
    headGroupSpec:
      rayStartParams: {num-gpus: "0"}
      template:
$(pod "{requests: {cpu: 8, memory: 64Gi}, limits: {cpu: 16, memory: 64Gi}}" head "${head_image:-$image}" | in_room 8)
    workerGroupSpecs:
      - groupName: gpu
        replicas: $workers
        minReplicas: $workers
        maxReplicas: $workers
        rayStartParams: {}
        template:
$(pod "{requests: {cpu: $cpus, memory: $memory, nvidia.com/gpu: $gpus$devices}, limits: {memory: $memory, nvidia.com/gpu: $gpus$devices}}" gpu "$image" | in_room 10)
TEXT
