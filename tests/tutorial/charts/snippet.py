# 创建自定义图表
wandb.define_metric("val_loss", summary="min")
wandb.define_metric("val_accuracy", summary="max")

# 添加自定义图表
wandb.log({
    "confusion_matrix": wandb.plot.confusion_matrix(
        y_true=true_labels,
        preds=predictions,
        class_names=class_names
    ),
    "roc_curve": wandb.plot.roc_curve(y_true, y_probs, labels=class_names)
})
