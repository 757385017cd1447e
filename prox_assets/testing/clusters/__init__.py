"""Clusters of Slurm, Kubernetes and Ray on this machine, real or stood in for."""
