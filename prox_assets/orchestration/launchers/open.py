"""The launcher of a placement; what it needs is imported here, at first use."""

from prox_assets.orchestration.launchers.launcher import Launcher
from prox_assets.placement.settings import Cluster, KubernetesPlacement, RayPlacement, SlurmPlacement


def open_launcher(placement: Cluster) -> Launcher:
    """Return the launcher of a placement.

    Raises:
        LauncherMissingError: A package or command that it needs is not installed.
        LaunchError: The cluster does not answer.
    """
    match placement:
        case RayPlacement():
            from prox_assets.orchestration.launchers.ray import RayLauncher

            return RayLauncher.open(placement)
        case SlurmPlacement():
            from prox_assets.orchestration.launchers.slurm import SlurmLauncher

            return SlurmLauncher.open(placement)
        case KubernetesPlacement():
            from prox_assets.orchestration.launchers.kubernetes import KubernetesLauncher

            return KubernetesLauncher.open(placement)
