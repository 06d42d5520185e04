"""The errors of Ray that the bridge knows."""


class RayError(Exception):
    pass


class RayTaskError(RayError):
    pass


class RayActorError(RayError):
    pass


class ActorDiedError(RayActorError):
    pass


class GetTimeoutError(RayError, TimeoutError):
    pass
