"""Two opinions on one line or document: their weighted log-odds, and the way back."""

from prox_assets.refiners.calibration import logit, sigmoid
from prox_assets.refiners.cascade.settings import CascadeSettings

# Probabilities of 0 and 1, which have no finite log-odds, count as this sure.
MOST_LOG_ODDS = 30.0


def combined(classifier: float, model: float, settings: CascadeSettings) -> float:
    """Return P(keep) from both opinions: sigmoid(classifier_weight * log-odds + model_weight * log-odds + offset).

    This is logistic regression on the two log-odds, a weighted logarithmic opinion pool (Genest, Zidek, "Combining
    probability distributions", 1986).

    Args:
        classifier: P(keep) by the classifier.
        model: P(keep) by the language model, calibrated where it has a calibration.
        settings: The weights.
    """
    weighted = settings.classifier_weight * _log_odds(classifier) + settings.model_weight * _log_odds(model)
    return sigmoid(weighted + settings.offset)


def model_share(classifier: float, together: float, settings: CascadeSettings) -> float:
    """Return the model's P(keep) from the classifier's and the combined one, up to rounding."""
    rest = _log_odds(together) - settings.offset - settings.classifier_weight * _log_odds(classifier)
    return sigmoid(rest / settings.model_weight)


def _log_odds(probability: float) -> float:
    return min(MOST_LOG_ODDS, max(-MOST_LOG_ODDS, logit(probability)))
