"""Running a step's stages elsewhere: jobs on Ray, Slurm or Kubernetes, whose outcomes become this step's events."""
