# 恢复中断的训练
run = wandb.init(id="previous-run-id", resume="allow")

# 比较多个运行
api = wandb.Api()
runs = api.runs("project-name")
best_run = min(runs, key=lambda r: r.summary.get("val_loss", float('inf')))

# 下载最佳模型
best_model_file = best_run.file("model-best.h5")
best_model_file.download()
