#!/usr/bin/env bash
# A RayJob manifest for KubeRay (ray.io/v1) on standard output: pipe it into `kubectl apply -f -`.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: kuberay.sh --workers N --image IMAGE --claim PVC [--gpus-per-node 8] [--cpus 64] [--memory 900Gi] RECIPE [key=value ...]

IMAGE holds openqwq with its dependencies; PVC is a volume that all pods mount at /runs (runs, models, data sets).
TEXT
}
workers='' image='' claim='' gpus=8 cpus=64 memory=900Gi
while [[ $# -gt 0 ]]; do
  case "$1" in
    --workers) workers=${2:?}; shift 2 ;;
    --image) image=${2:?}; shift 2 ;;
    --claim) claim=${2:?}; shift 2 ;;
    --gpus-per-node) gpus=${2:?}; shift 2 ;;
    --cpus) cpus=${2:?}; shift 2 ;;
    --memory) memory=${2:?}; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    -*) echo "kuberay.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
    *) break ;;
  esac
done
if [[ ! "$workers" =~ ^[1-9][0-9]*$ || -z "$image" || -z "$claim" || $# -eq 0 ]]; then
  echo "kuberay.sh: --workers, --image, --claim and a recipe are needed" >&2; usage >&2; exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
words=$(printf '%q ' "$@")
variables=$(sed -n 's/^export \([A-Za-z_]*\)="\${[A-Za-z_]*:-\([^$}]*\)}"$/\1 \2/p; s/^export \([A-Z_]*\)=\([a-z0-9]*\)$/\1 \2/p' "$here/environment.sh" |
  awk '{ printf "                - {name: %s, value: \"%s\"}\n", $1, $2 }')
pod() { # $1: requests of the container
  cat <<TEXT
        spec:
          containers:
            - name: ray
              image: $image
              resources: $1
              env:
                - {name: HF_HOME, value: /runs/huggingface}
$variables
              volumeMounts:
                - {name: runs, mountPath: /runs}
                - {name: shm, mountPath: /dev/shm}
          volumes:
            - {name: runs, persistentVolumeClaim: {claimName: $claim}}
            - {name: shm, emptyDir: {medium: Memory}}
TEXT
}
cat <<TEXT
apiVersion: ray.io/v1
kind: RayJob
metadata:
  generateName: openqwq-
spec:
  entrypoint: >-
    openqwq run ${words}cluster.address=auto --run-dir /runs/run
  shutdownAfterJobFinishes: true
  backoffLimit: 3
  rayClusterSpec:
    headGroupSpec:
      rayStartParams: {num-gpus: "0"}
      template:
$(pod "{requests: {cpu: 8, memory: 64Gi}, limits: {cpu: 16, memory: 64Gi}}")
    workerGroupSpecs:
      - groupName: gpu
        replicas: $workers
        minReplicas: $workers
        maxReplicas: $workers
        rayStartParams: {}
        template:
$(pod "{requests: {cpu: $cpus, memory: $memory, nvidia.com/gpu: $gpus}, limits: {memory: $memory, nvidia.com/gpu: $gpus}}" | sed 's/^/  /')
TEXT
