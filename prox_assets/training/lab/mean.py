"""Makes a chunk refiner of the mean of several: trainings with other seeds, steps or targets."""

from collections.abc import Sequence
from pathlib import Path

from prox_assets.refiners.calibration import Calibration
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import load_refiner, save_refiner
from prox_assets.training.data.pages import LabelledPage
from prox_assets.training.evaluation.selection import judge_chunks
from prox_assets.training.fit.adapter_mean import mean_of_adapters


def make_mean(folders: Sequence[Path], out: Path, pages: Sequence[LabelledPage]) -> RefinerConfig:
    """Write a refiner whose model is the mean of others, and fit its calibration and threshold.

    Args:
        folders: Folders of chunk refiners with adapters; the first one's configuration is taken.
        out: The new refiner's folder.
        pages: Labelled pages; only those of development sites are read.

    Raises:
        RefinerError: A refiner cannot be read, they do not fit each other, or there are no development pages.
    """
    shown = [page for page in pages if page.split == "development" and not page.is_silver]
    if not shown:
        raise RefinerError("There are no labelled pages of development sites to choose a calibration on.")
    config = load_refiner(str(folders[0]))
    mean_of_adapters(folders, out)
    found = judge_chunks(config, shown, out)
    calibration = None if found.calibration is None else Calibration.model_validate(found.calibration)
    finished = config.model_copy(update={"keep_threshold": found.threshold, "calibration": calibration})
    training = {
        "mean_of": len(folders),
        "development_score": found.score,
        **{f"development_{name}": value for name, value in found.measures.items()},
    }
    return save_refiner(finished, out, training)
