"""A Ray cluster of two nodes on this machine, for tests, driven by a pipe.

Prints a line when it is up: its address and its nodes' ids. Then takes orders, a line each, and answers each by
a line: `remove ID` ends a node, `add` starts one. The end of its standard input ends all of it, and it.
"""

import os
import signal
import sys
import tempfile


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
    head = dict(node, resources={"first": 8})
    os.makedirs(os.path.join(folder, "ray"))
    try:
        cluster = Cluster(initialize_head=True, head_node_args=head)
        nodes = {}

        def add():
            made = cluster.add_node(num_cpus=4, object_store_memory=150 << 20, resources={"second": 8})
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
        cluster.shutdown()
    finally:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


main()
