"""A Ray cluster of two nodes on this machine, for tests, driven by a pipe.

Prints a line when it is up: its address and its nodes' ids. Then takes orders, a line each, and answers each by
a line: `remove ID` ends a node, `add` starts one, `group NAME` makes a placement group of one bundle on each node, in the
namespace `groups`. The end of its standard input ends all of it, and it.
"""

import os
import signal
import sys
import tempfile


def group(address, name):
    """Makes a placement group that outlives who has made it."""
    import ray
    from ray.util.placement_group import placement_group

    ray.init(address=address, namespace="groups", log_to_driver=False)
    bundles = [{"CPU": 1, "first": 1}, {"CPU": 1, "second": 1}]
    assert placement_group(bundles, strategy="STRICT_SPREAD", name=name, lifetime="detached").wait(60)
    # One may not end a cluster that one has joined.
    ray.shutdown()


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "w", buffering=1)
    # What Ray prints is not for whoever reads the answers.
    os.dup2(2, 1)
    # Its own: there the address of a cluster is noted for whoever does not say which. A socket's path has 107 bytes at
    # most, so the folder's is short.
    folder = tempfile.mkdtemp(prefix="cr", dir="/tmp")
    os.environ["RAY_TMPDIR"] = folder
    from ray.cluster_utils import Cluster

    node = dict(num_cpus=4, object_store_memory=150 << 20, include_dashboard=False)
    head = dict(node, resources={"first": 8}, labels={"rack": "first"})
    os.makedirs(os.path.join(folder, "ray"))
    try:
        cluster = Cluster(initialize_head=True, head_node_args=head)
        nodes = {}

        def add():
            # It has no GPUs, and Ray does not look.
            has = dict(resources={"second": 8}, labels={"rack": "second"}, num_gpus=2)
            made = cluster.add_node(num_cpus=4, object_store_memory=150 << 20, **has)
            cluster.wait_for_nodes()
            nodes[made.node_id] = made
            return made.node_id

        first = add()
        print(cluster.address, cluster.head_node.node_id, first, file=out)
        for line in sys.stdin:
            words = line.split()
            if words[:1] == ["add"]:
                print("added", add(), file=out)
            elif words[:1] == ["remove"] and words[1] in nodes:
                cluster.remove_node(nodes.pop(words[1]), allow_graceful=False)
                print("removed", words[1], file=out)
            elif words[:1] == ["group"]:
                group(cluster.address, words[1])
                print("group", words[1], file=out)
        cluster.shutdown()
    finally:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


main()
