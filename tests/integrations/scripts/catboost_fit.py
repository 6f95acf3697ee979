import catboost
import numpy as np
import wandb
from report import report
from wandb.integration.catboost import WandbCallback, log_summary

run = wandb.init(project="catboost")
x = np.random.default_rng(0).random((200, 3))
y = (x[:, 0] + x[:, 1] > 1).astype(int)
model = catboost.CatBoostClassifier(
    iterations=12, depth=2, random_seed=1, verbose=False, allow_writing_files=False
)
model.fit(x[:150], y[:150], eval_set=(x[150:], y[150:]), callbacks=[WandbCallback(metric_period=3)])
log_summary(model, save_model_checkpoint=True)
report(
    said=model.get_evals_result(),
    best_iteration=model.get_best_iteration(),
    best_score=model.get_best_score(),
    id=run.id,
)
run.finish()
