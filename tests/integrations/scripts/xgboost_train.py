import numpy as np
import wandb
import xgboost
from report import report
from wandb.integration.xgboost import WandbCallback

run = wandb.init(project="xgboost", config={"depth": 2})
x = np.random.default_rng(0).random((200, 3))
y = (x[:, 0] + x[:, 1] > 1).astype(int)
train = xgboost.DMatrix(x[:150], y[:150], feature_names=["a", "b", "c"])
valid = xgboost.DMatrix(x[150:], y[150:], feature_names=["a", "b", "c"])
said = {}
booster = xgboost.train(
    {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"], "max_depth": run.config.depth},
    train,
    num_boost_round=40,
    evals=[(train, "train"), (valid, "valid")],
    evals_result=said,
    early_stopping_rounds=3,
    verbose_eval=False,
    callbacks=[WandbCallback(log_model=True)],
)
folds = xgboost.cv(
    {"objective": "binary:logistic", "eval_metric": "error"}, train, 4, nfold=2, callbacks=[WandbCallback()]
)
report(
    said=said,
    folds={key: list(values) for key, values in folds.items()},
    best_score=booster.best_score,
    best_iteration=booster.best_iteration,
    importance=booster.get_score(importance_type="gain"),
    id=run.id,
)
run.finish()

# What a linear model cannot say ends no training.
linear = wandb.init(project="xgboost", mode="disabled")
xgboost.train(
    {"booster": "gblinear"},
    train,
    2,
    evals=[(train, "train")],
    verbose_eval=False,
    callbacks=[WandbCallback()],
)
