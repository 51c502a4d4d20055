CONTEXT = 'case "$*" in *current-context*) echo kind-test;; *version*) echo {};;'


def deployment(name="orders", wanted=1, ready=1, **status):
    counted = {"observedGeneration": 2, "replicas": wanted, "updatedReplicas": wanted, "readyReplicas": ready} | status
    return {"metadata": {"name": name, "generation": 2}, "spec": {"replicas": wanted}, "status": counted}


def pod(name="orders-1", *, labels=None, waiting=None, conditions=(), **status):
    container = {"state": {"waiting": waiting} if waiting else {"running": {}}, **status}
    return {
        "metadata": {"name": name, "creationTimestamp": "1", "labels": labels or {"app.kubernetes.io/name": "orders"}},
        "spec": {"containers": [{"image": "virtual-shop:1"}]},
        "status": {"phase": "Pending", "containerStatuses": [container], "conditions": list(conditions)},
    }


def node(*names):
    return {"status": {"images": [{"names": [f"docker.io/{name}", f"docker.io/{name}@sha256:ab"]} for name in names]}}
