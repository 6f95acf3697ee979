import sys

import optuna
from optuna_integration import WeightsAndBiasesCallback
from report import report

optuna.logging.set_verbosity(optuna.logging.WARNING)
callback = WeightsAndBiasesCallback(
    metric_name="loss",
    wandb_kwargs={"project": "optuna", "group": "study"},
    as_multirun="multirun" in sys.argv,
)
study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))


@callback.track_in_wandb()
def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    return x**2 + (kind == "b")


study.optimize(objective, n_trials=3, callbacks=[callback])
report(
    trials=[{"params": trial.params, "value": trial.value} for trial in study.trials],
    best=study.best_value,
)
