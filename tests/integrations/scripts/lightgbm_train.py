import lightgbm
import numpy as np
import wandb
from report import report
from wandb.integration.lightgbm import log_summary, wandb_callback

run = wandb.init(project="lightgbm")
x = np.random.default_rng(0).random((300, 3))
y = (x[:, 0] + x[:, 1] > 1).astype(int)
train = lightgbm.Dataset(x[:200], y[:200], feature_name=["a", "b", "c"])
valid = train.create_valid(x[200:], y[200:])
said = {}
booster = lightgbm.train(
    {"objective": "binary", "metric": ["binary_logloss", "auc"], "verbose": -1, "learning_rate": 0.3},
    train,
    num_boost_round=30,
    valid_sets=[valid],
    valid_names=["valid"],
    callbacks=[wandb_callback(), lightgbm.record_evaluation(said), lightgbm.early_stopping(3, verbose=False)],
)
folds = lightgbm.cv(
    {"objective": "binary", "metric": ["binary_error"], "verbose": -1},
    lightgbm.Dataset(x, y),
    num_boost_round=4,
    nfold=2,
    callbacks=[wandb_callback()],
)
log_summary(booster, save_model_checkpoint=True)
report(
    said=said,
    folds=folds,
    best_score=booster.best_score,
    best_iteration=booster.best_iteration,
    importance=dict(zip(booster.feature_name(), booster.feature_importance())),
    id=run.id,
)
run.finish()
