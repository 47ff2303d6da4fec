"""Reports of each epoch to scikit-learn's callbacks (scikit-learn ≥ 1.9)."""

from collections.abc import Callable


class FitReport:
    """A fit as a task of scikit-learn's callback API, with one subtask for each epoch.

    It has no cost if the estimator has no callbacks.

    Parameters
    ----------
    estimator : estimator instance
    X, y : training data, as given to ``fit``
    n_epochs : int
        Number of epochs planned.
    fitted_attributes : callable
        Returns the attributes that make a copy of the estimator fitted at this point.
    """

    def __init__(self, estimator, X, y, n_epochs: int, fitted_attributes: Callable[[], dict]):
        self.context = None
        self.task = {"estimator": estimator, "X": X, "y": y}
        self.fitted_attributes = fitted_attributes
        if getattr(estimator, "_skl_callbacks", None):
            self.context = estimator._init_callback_context(max_subtasks=n_epochs)
            self.context.call_on_fit_task_begin(**self.task)

    def epoch(self, net) -> bool:
        """Report an epoch and return whether a callback asks to stop."""
        if self.context is None:
            return False
        epoch = self.context.subcontext(task_name="epoch")
        epoch.call_on_fit_task_begin(**self.task)
        return bool(
            epoch.call_on_fit_task_end(
                **self.task, reconstruction_attributes=self.fitted_attributes
            )
        )

    def end(self) -> None:
        """Report the end of the fit."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                **self.task, reconstruction_attributes=self.fitted_attributes
            )
