"""Where an actor goes."""


class NodeAffinitySchedulingStrategy:
    def __init__(self, node_id, soft):
        self.node_id, self.soft = node_id, soft


class PlacementGroupSchedulingStrategy:
    def __init__(self, group, bundle):
        self.group, self.bundle = group, bundle
